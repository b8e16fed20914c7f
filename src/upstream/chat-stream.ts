import type { Clock } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';
import { isJsonObject, type JsonObject, objectItems, parseJson } from '../core/json.ts';
import { type ByteStream, headerValue, readText, type UpstreamResponse } from '../core/upstream.ts';
import type { Usage } from '../core/usage.ts';
import { createWatchdog } from '../core/watchdog.ts';
import { SseSplitter } from '../wire/sse.ts';
import { type ChatEventMeaning, isPlainChunk, readChatEvent } from './chat-events.ts';
import { classifyHttpError, classifyStreamError } from './errors.ts';
import { classifyTransportError } from './transport-errors.ts';

/** A single event longer than this is a fault of the upstream, not an answer. */
const maximumEventBytes = 32 * 1024 * 1024;
/** How much of an error answer is read to classify it. */
const errorBodyBytes = 64 * 1024;

export interface ChatStreamOptions {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Without a byte for this long the upstream counts as stalled. There is no limit on the whole answer. */
  readonly idleMs: number;
}

/** An upstream answer past its commit point: the first real output has been seen. */
export interface ChatStream {
  /**
   * The answer's events, byte for byte as they came, one batch per network read; `[DONE]` is left to the consumer.
   * @throws GatewayError when the upstream reports an error, stalls, or ends without a finish reason.
   */
  batches(options: { readonly includeUsage: boolean }): AsyncGenerator<readonly Buffer[], void>;
  readonly usage: Usage | undefined;
  readonly finishReason: string | undefined;
}

/**
 * Waits for the commit point of a Chat Completions answer. An HTTP 200 is not yet success: Qwen reports quota errors
 * inside 200 streams, so events are held until one carries output.
 * @throws GatewayError for every answer that is not one; nothing has reached the client then.
 */
export async function openChatStream(response: UpstreamResponse, options: ChatStreamOptions): Promise<ChatStream> {
  if (response.status !== 200) throw await httpError(response, options.clock);
  const contentType = headerValue(response.headers, 'content-type') ?? '';
  const reads = watched(contentType.includes('json') ? await completionAsStream(response) : response.body, options);
  const state: { usage: Usage | undefined; finishReason: string | undefined; done: boolean } = {
    usage: undefined,
    finishReason: undefined,
    done: false,
  };
  const splitter = new SseSplitter();

  const note = (meaning: ChatEventMeaning) => {
    if (meaning.error) throw meaning.error;
    state.finishReason ??= meaning.finishReason;
    state.usage = meaning.usage ?? state.usage;
    state.done ||= meaning.done;
  };

  const held: Buffer[] = [];
  let rest: Buffer[] = [];
  let isCommitted = false;
  try {
    while (!isCommitted) {
      const read = await reads.next();
      const events = read.done ? [splitter.rest() ?? []].flat() : splitter.push(read.value);
      for (const [index, event] of events.entries()) {
        const meaning = readChatEvent(event);
        note(meaning);
        held.push(event);
        if (!meaning.commits) continue;
        isCommitted = true;
        rest = events.slice(index + 1);
        break;
      }
      if (read.done && !isCommitted) throw notAStream(contentType, state.done);
    }
  } catch (error) {
    await reads.return();
    throw error;
  }

  return {
    get usage() {
      return state.usage;
    },
    get finishReason() {
      return state.finishReason;
    },
    async *batches({ includeUsage }) {
      const wanted = (event: Buffer): boolean => {
        if (isPlainChunk(event)) return true;
        const meaning = readChatEvent(event);
        note(meaning);
        return !meaning.done && (includeUsage || !meaning.usageOnly);
      };
      try {
        yield held;
        if (rest.length > 0) yield rest.filter(wanted);
        while (!state.done) {
          const read = await reads.next();
          if (read.done) {
            const last = splitter.rest();
            if (last !== undefined && wanted(last)) yield [Buffer.concat([last, eventEnd])];
            break;
          }
          const events = splitter.push(read.value);
          if (splitter.pendingBytes > maximumEventBytes)
            throw new GatewayError('upstream_protocol', 'Qwen sent an event of more than 32 MiB.');
          const passed = events.filter(wanted);
          if (passed.length > 0) yield passed;
        }
      } catch (error) {
        // The answer was complete but for its trailer: a socket that dies now takes nothing from the client.
        if (state.finishReason === undefined || !(error instanceof GatewayError) || error.scope !== 'provider')
          throw error;
      } finally {
        await reads.return();
      }
      if (state.finishReason === undefined)
        throw new GatewayError('upstream_protocol', 'Qwen ended the stream in the middle of the answer.');
    },
  };
}

const eventEnd = Buffer.from('\n\n');

async function httpError(response: UpstreamResponse, clock: Clock): Promise<GatewayError> {
  const body = await readText(response.body, errorBodyBytes).catch(() => '');
  return classifyHttpError({
    status: response.status,
    headers: {
      retryAfter: headerValue(response.headers, 'retry-after'),
      retryAfterMs: headerValue(response.headers, 'retry-after-ms'),
      contentType: headerValue(response.headers, 'content-type'),
    },
    body,
    now: clock.now(),
  });
}

function notAStream(contentType: string, sawDone: boolean): GatewayError {
  const what = sawDone
    ? 'an empty answer'
    : contentType.includes('html')
      ? 'a web page instead of an answer'
      : 'no answer';
  return new GatewayError('upstream_protocol', `Qwen sent ${what}.`);
}

/** Reads with the idle watchdog on; every failure comes out as a GatewayError, or as the signal's reason. */
async function* watched(body: ByteStream, { signal, clock, idleMs }: ChatStreamOptions): AsyncGenerator<Buffer, void> {
  let isStalled = false;
  const abandon = () => void body.destroy();
  const watchdog = createWatchdog(clock, idleMs, () => {
    isStalled = true;
    abandon();
  });
  signal.addEventListener('abort', abandon, { once: true });
  try {
    for await (const read of body) {
      watchdog.touch();
      yield Buffer.isBuffer(read) ? read : Buffer.from(read);
    }
    if (signal.aborted) throw signal.reason;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (isStalled)
      throw new GatewayError('upstream_timeout', `Qwen sent nothing for ${Math.round(idleMs / 1000)} seconds.`, {
        cause: error,
      });
    throw classifyTransportError(error);
  } finally {
    signal.removeEventListener('abort', abandon);
    watchdog.stop();
    abandon();
  }
}

/** An upstream that ignores `stream: true` (some behind custom base URLs) answers one JSON document: made into the stream it stands for. */
async function completionAsStream(response: UpstreamResponse): Promise<ByteStream> {
  const text = await readText(response.body, maximumEventBytes);
  const completion = parseJson(text);
  if (!isJsonObject(completion)) throw new GatewayError('upstream_protocol', 'Qwen sent a JSON answer that is broken.');
  const choices = objectItems(completion, 'choices');
  if (choices.length === 0) throw classifyStreamError(errorFields(completion, text));
  const { usage, ...head } = completion;
  const chunk = (fields: JsonObject) =>
    `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', ...fields })}\n\n`;
  const answer = chunk({
    choices: choices.map(({ message, ...choice }) => ({ ...choice, delta: message ?? {} })),
    usage: null,
  });
  const bytes = Buffer.from(`${answer + (usage === undefined ? '' : chunk({ choices: [], usage }))}data: [DONE]\n\n`);
  return {
    async *[Symbol.asyncIterator]() {
      yield bytes;
    },
    destroy() {},
  };
}

function errorFields(body: JsonObject, text: string): { message: string; code?: string; type?: string } {
  const error = isJsonObject(body.error) ? body.error : body;
  const field = (name: string) => (typeof error[name] === 'string' ? error[name] : undefined);
  const [message, code, type] = [field('message'), field('code'), field('type')];
  return {
    message: message ?? text.slice(0, 500),
    ...(code !== undefined && { code }),
    ...(type !== undefined && { type }),
  };
}
