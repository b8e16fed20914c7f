import { GatewayError } from '../core/errors.ts';
import { headerValue, type UpstreamResponse } from '../core/upstream.ts';
import type { Usage } from '../core/usage.ts';
import { SseSplitter } from '../wire/sse.ts';
import { type BodyReadOptions, type BodyReads, readBody, readTextOf } from './body-reads.ts';
import { type ChatEventMeaning, isPlainChunk, readChatEvent } from './chat-events.ts';
import { completionAsEvents } from './completion-stream.ts';
import { httpError, notAnAnswer } from './failed-answer.ts';

/** A single event longer than this, or that much without output, is a fault of the upstream, not an answer. */
const maximumEventBytes = 32 * 1024 * 1024;

export interface ChatStreamOptions extends BodyReadOptions {
  /** How many choices were asked for (`n`): the answer is whole when so many have finished. */
  readonly choices?: number;
  /** An answer of usage alone is one: a probe for a single token may get none (cc-switch #4923). */
  readonly mayBeEmpty?: boolean;
}

/** An upstream answer past its commit point: the first real output has been seen. */
export interface ChatStream {
  /**
   * The answer's events, byte for byte as they came, one batch per network read; `[DONE]` is left to the consumer.
   * @throws GatewayError when the upstream reports an error, stalls, or ends without a finish reason.
   */
  batches(options: { readonly includeUsage: boolean }): AsyncGenerator<readonly Buffer[], void>;
  readonly usage: Usage | undefined;
}

/**
 * Waits for the commit point of a Chat Completions answer. An HTTP 200 is not yet success: Qwen reports quota errors
 * inside 200 streams, so events are held until one carries output.
 * @throws GatewayError for every answer that is not one; nothing has reached the client then.
 */
export async function openChatStream(response: UpstreamResponse, options: ChatStreamOptions): Promise<ChatStream> {
  if (response.status !== 200) throw await httpError(response, options);
  const contentType = headerValue(response.headers, 'content-type') ?? '';
  const body = readBody(response.body, options);
  const reads = contentType.includes('json') ? await completionReads(body) : body;
  const splitter = new SseSplitter();
  const finished = new Set<unknown>();
  let usage: Usage | undefined;
  let isDone = false;
  const isWhole = () => finished.size >= (options.choices ?? 1);

  const note = (meaning: ChatEventMeaning) => {
    if (meaning.error) throw meaning.error;
    for (const index of meaning.finishedChoices) finished.add(index);
    usage = meaning.usage ?? usage;
    isDone ||= meaning.done;
  };
  const checkSize = (heldBytes: number) => {
    if (heldBytes + splitter.pendingBytes > maximumEventBytes)
      throw new GatewayError('upstream_protocol', 'Qwen sent an event of more than 32 MiB.');
  };
  /** The events of the next read; at the end what was left without its blank line, then `undefined`. */
  const nextEvents = async (): Promise<Buffer[] | undefined> => {
    const read = await reads.next();
    if (read !== undefined) return splitter.push(read);
    const rest = splitter.rest();
    return rest === undefined ? undefined : [Buffer.concat([rest, eventEnd])];
  };

  const held: { readonly event: Buffer; readonly usageOnly: boolean }[] = [];
  let heldBytes = 0;
  let rest: readonly Buffer[] = [];
  let isCommitted = false;
  try {
    while (!isCommitted) {
      const events = await nextEvents();
      if (events === undefined) throw notAnAnswer(contentType, false);
      for (const [index, event] of events.entries()) {
        const meaning = readChatEvent(event);
        note(meaning);
        if (isDone) {
          if (options.mayBeEmpty !== true || usage === undefined) throw notAnAnswer(contentType, true);
          for (let index = 0; !isWhole(); index++) finished.add(index);
          isCommitted = true;
          break;
        }
        held.push({ event, usageOnly: meaning.usageOnly });
        heldBytes += event.length;
        if (!meaning.commits) continue;
        isCommitted = true;
        rest = events.slice(index + 1);
        break;
      }
      if (!isCommitted) checkSize(heldBytes);
    }
  } catch (error) {
    reads.abandon();
    throw error;
  }

  return {
    get usage() {
      return usage;
    },
    async *batches({ includeUsage }) {
      const wanted = (event: Buffer): boolean => {
        if (isDone) return false;
        if (isPlainChunk(event)) return true;
        const meaning = readChatEvent(event);
        note(meaning);
        return !meaning.done && (includeUsage || !meaning.usageOnly);
      };
      try {
        yield held.filter(({ usageOnly }) => includeUsage || !usageOnly).map(({ event }) => event);
        const passedRest = passedOf(rest, wanted);
        if (passedRest.events.length > 0) yield passedRest.events;
        if ('error' in passedRest) throw passedRest.error;
        while (!isDone) {
          const events = await nextEvents();
          if (events === undefined) break;
          const passed = passedOf(events, wanted);
          if (passed.events.length > 0) yield passed.events;
          if ('error' in passed) throw passed.error;
          checkSize(0);
        }
      } catch (error) {
        // The answer was complete but for its trailer: a socket that dies now takes nothing from the client.
        if (!isWhole() || !(error instanceof GatewayError) || error.scope !== 'provider') throw error;
      } finally {
        if (isDone) reads.linger();
        else reads.abandon();
      }
      if (!isWhole()) throw new GatewayError('upstream_protocol', 'Qwen ended the stream in the middle of the answer.');
    },
  };
}

const eventEnd = Buffer.from('\n\n');

/** What goes to the client of one read: everything before the event that is an error, which came too. */
function passedOf(
  events: readonly Buffer[],
  wanted: (event: Buffer) => boolean,
): { readonly events: readonly Buffer[]; readonly error?: unknown } {
  const passed: Buffer[] = [];
  try {
    for (const event of events) if (wanted(event)) passed.push(event);
  } catch (error) {
    return { events: passed, error };
  }
  return { events: passed };
}

async function completionReads(body: BodyReads): Promise<BodyReads> {
  const { text, failure } = await readTextOf(body, maximumEventBytes);
  if (failure !== undefined) throw failure;
  let bytes: Buffer | undefined = completionAsEvents(text);
  return {
    async next() {
      const read = bytes;
      bytes = undefined;
      return read;
    },
    abandon() {},
    linger() {},
  };
}
