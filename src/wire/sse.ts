/**
 * Server-sent events on bytes: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream.
 * Lines end in LF or CRLF; a lone CR, which no HTTP API sends, is not a line end here.
 */

const LF = 0x0a;
const CR = 0x0d;

/** One event with the exact bytes it came in, its closing blank line included. */
export interface SseEvent {
  readonly event: string | undefined;
  /** All `data:` lines joined by a line feed; empty when there was none. */
  readonly data: string;
  /** Comment lines without their colon. Qwen hides the true status of an error in one: `:HTTP_STATUS/429`. */
  readonly comments: readonly string[];
}

/**
 * Cuts a byte stream into events, wherever the reads happen to split it. Work is linear in the bytes: a scan starts at
 * the new read, never at the start of an unfinished event.
 */
export class SseSplitter {
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Bytes of the line being read, and whether its only byte so far is a CR. */
  #lineBytes = 0;
  #lineIsCr = false;

  /** Bytes held back because their event is not finished. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Takes the next read and returns the events it finished, each with its exact bytes. */
  push(read: Buffer): Buffer[] {
    const events: Buffer[] = [];
    let eventStart = 0;
    let lineStart = 0;
    for (let lineFeed = read.indexOf(LF); lineFeed !== -1; lineFeed = read.indexOf(LF, lineStart)) {
      const lineBytes = this.#lineBytes + (lineFeed - lineStart);
      const isBlank =
        lineBytes === 0 || (lineBytes === 1 && (this.#lineBytes === 1 ? this.#lineIsCr : read[lineStart] === CR));
      this.#lineBytes = 0;
      lineStart = lineFeed + 1;
      if (!isBlank) continue;
      const event = this.#take(read.subarray(eventStart, lineStart));
      eventStart = lineStart;
      // A blank line with nothing before it separates nothing.
      if (event.length > 2) events.push(event);
    }
    if (lineStart < read.length) {
      if (this.#lineBytes === 0) this.#lineIsCr = read[lineStart] === CR;
      this.#lineBytes += read.length - lineStart;
    }
    if (eventStart < read.length) {
      this.#pending.push(read.subarray(eventStart));
      this.#pendingBytes += read.length - eventStart;
    }
    return events;
  }

  /** What is left at the end of the stream: an event without its closing blank line, or nothing. */
  rest(): Buffer | undefined {
    const rest = this.#take(Buffer.alloc(0));
    this.#lineBytes = 0;
    return rest.length === 0 ? undefined : rest;
  }

  #take(last: Buffer): Buffer {
    if (this.#pending.length === 0) return last;
    const event = Buffer.concat([...this.#pending, last]);
    this.#pending = [];
    this.#pendingBytes = 0;
    return event;
  }
}

const noComments: readonly string[] = [];

/** Reads the fields of one event. The space after a colon is optional (DashScope leaves it out), a BOM is ignored. */
export function parseSseEvent(bytes: Buffer | string): SseEvent {
  const text = typeof bytes === 'string' ? bytes : bytes.toString('utf8');
  // Nearly all of them: one line of data, and the blank one.
  const lineEnd = text.indexOf('\n');
  if (lineEnd === text.length - 2 && text.endsWith('\n') && text.startsWith('data:') && text[lineEnd - 1] !== '\r')
    return { event: undefined, data: text.slice(text[5] === ' ' ? 6 : 5, lineEnd), comments: noComments };
  let event: string | undefined;
  const data: string[] = [];
  const comments: string[] = [];
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (colon === 0) comments.push(value);
    else if (field === 'data') data.push(value);
    else if (field === 'event') event = value;
  }
  return { event, data: data.join('\n'), comments };
}
