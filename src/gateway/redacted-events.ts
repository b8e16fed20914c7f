import type { Redacted } from '../core/activity.ts';
import { isJsonObject, parseJson } from '../core/json.ts';
import { redactJson, redactObject } from '../core/redact.ts';
import { parseSseEvent, SseSplitter } from '../wire/sse.ts';

/** Events kept of one answer; a long one repeats itself. */
const keptEvents = 200;
/** A document longer than this is not read. */
const documentBytes = 1024 * 1024;

/** The events of one answer, redacted as they pass. */
export interface RedactedEvents {
  push(read: Uint8Array): void;
  add(event: Redacted): void;
  /** What was no event stream is a document. */
  end(): void;
  list(): readonly Redacted[];
  leftOut(): number;
}

export function createRedactedEvents(): RedactedEvents {
  const splitter = new SseSplitter();
  const events: Redacted[] = [];
  let leftOut = 0;
  /** Bytes since the last event: a document, if no event ever came. */
  let rest: Buffer[] | undefined = [];
  let restBytes = 0;
  const add = (event: Redacted) => {
    if (events.length < keptEvents) events.push(event);
    else leftOut += 1;
  };
  return {
    push(read) {
      const bytes = Buffer.from(read);
      const found = splitter.push(bytes);
      for (const event of found) {
        const { event: name, data, comments } = parseSseEvent(event);
        if (data === '') add(`: <${comments.join('').length} characters>`);
        else if (data === '[DONE]') add(data);
        else {
          const parsed = redactText(data);
          add(name === undefined || typeof parsed === 'string' ? parsed : { event: name.slice(0, 64), ...parsed });
        }
      }
      if (found.length > 0) rest = undefined;
      restBytes += bytes.length;
      if (restBytes > documentBytes) rest = undefined;
      rest?.push(bytes);
    },
    add,
    end() {
      const text = Buffer.concat(rest ?? []).toString();
      rest = undefined;
      if (text.trim() !== '') add(redactText(text));
    },
    list: () => events,
    leftOut: () => leftOut,
  };
}

/** A text that should be a JSON object; what is none is replaced by its length. */
export function redactText(text: string): Redacted {
  const parsed = parseJson(text);
  if (isJsonObject(parsed)) return redactObject(parsed);
  return Array.isArray(parsed) ? { items: redactJson(parsed) } : `<${text.length} characters>`;
}
