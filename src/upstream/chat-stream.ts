import { GatewayError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { headerValue, type UpstreamResponse } from '../core/upstream.ts';
import type { Usage } from '../core/usage.ts';
import { type ChunkMould, type ChunkSink, chunkEnd, chunkText, mouldOf, textEventEnd } from '../wire/chunk-mould.ts';
import { eventEnd, SseBlocks } from '../wire/sse-blocks.ts';
import { type BodyReadOptions, type BodyReads, oneRead, readBody, readTextOf } from './body-reads.ts';
import { type ChatEventMeaning, readChatEvent } from './chat-events.ts';
import { type ChatFlowOptions, type ChatPassOptions, createChatPasser, isBlank } from './chat-passing.ts';
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

/** Takes bytes for a client; a promise where it has to be waited for before there are more. */
export type ChatWrite = (bytes: Buffer) => Promise<void> | undefined;

/** An upstream answer past its commit point: the first real output has been seen. */
export interface ChatStream {
  /**
   * The answer's events, byte for byte as they came, one batch per network read; `[DONE]` is left to the consumer. Where
   * they may be joined, chunks of text alone come many in one piece.
   * @throws GatewayError when the upstream reports an error, stalls, or ends without a finish reason.
   */
  batches(options: ChatPassOptions): AsyncGenerator<readonly Buffer[], void>;
  /**
   * The same, written as it comes: the promises of a loop cost 1.1 µs a read, and all that is done with a chunk 0.3.
   * @throws as `batches` does, and what `write` rejects with.
   */
  flow(options: ChatFlowOptions, write: ChatWrite): Promise<void>;
  /**
   * The same for whoever wants what the events say and not their bytes: nothing is parsed twice.
   * @throws as `batches` does.
   */
  pour(sink: ChunkSink): Promise<void>;
  usage(): Usage | undefined;
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
  const blocks = new SseBlocks();
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
    if (heldBytes + blocks.pendingBytes > maximumEventBytes)
      throw new GatewayError('upstream_protocol', 'Qwen sent an event of more than 32 MiB.');
  };
  const ready: Buffer[] = [];
  /** The next events, undivided; at the end what was left without its blank line, then `undefined`. */
  const nextBlock = async (): Promise<Buffer | undefined> => {
    while (ready.length === 0) {
      const read = await reads.next();
      if (read === undefined) {
        const last = blocks.rest();
        return last === undefined ? undefined : Buffer.concat([last, eventEnding]);
      }
      ready.push(...blocks.push(read));
      checkSize(heldBytes);
    }
    return ready.shift();
  };

  const held: { readonly event: Buffer; readonly usageOnly: boolean; readonly chunk: JsonObject | undefined }[] = [];
  let heldBytes = 0;
  let rest: Buffer | undefined;
  let isCommitted = false;
  try {
    while (!isCommitted) {
      const block = await nextBlock();
      if (block === undefined) throw notAnAnswer(contentType, false);
      for (let at = 0; at < block.length && !isCommitted; ) {
        const event = block.subarray(at, eventEnd(block, at));
        at += event.length;
        if (isBlank(event)) continue;
        const meaning = readChatEvent(event);
        note(meaning);
        if (isDone) {
          if (options.mayBeEmpty !== true || usage === undefined) throw notAnAnswer(contentType, true);
          for (let index = 0; !isWhole(); index++) finished.add(index);
          isCommitted = true;
        } else {
          held.push({ event, usageOnly: meaning.usageOnly, chunk: meaning.chunk });
          heldBytes += event.length;
          isCommitted = meaning.commits;
          rest = block.subarray(at);
        }
      }
      if (!isCommitted) checkSize(heldBytes);
    }
    heldBytes = 0;
  } catch (error) {
    reads.abandon();
    throw error;
  }

  const forgive = (error: unknown) => {
    // The answer was complete but for its trailer: a socket that dies now takes nothing from the client.
    if (!isWhole() || !(error instanceof GatewayError) || error.scope !== 'provider') throw error;
  };
  const letGo = () => (isDone ? reads.linger() : reads.abandon());
  const checkWhole = () => {
    if (!isWhole()) throw new GatewayError('upstream_protocol', 'Qwen ended the stream in the middle of the answer.');
  };

  return {
    // No getter: one that closes over something makes a hidden class for each object, in the old space, and with it all
    // that it closes over stays until the next full collection.
    usage: () => usage,
    async *batches(options) {
      const { includeUsage, edit = (event) => event } = options;
      const passer = createChatPasser({ ...options, note, isDone: () => isDone });
      try {
        yield held.filter(({ usageOnly }) => includeUsage || !usageOnly).map(({ event }) => edit(event));
        for (let block = rest; block !== undefined && !isDone; block = isDone ? undefined : await nextBlock()) {
          const passed = passer.passed(block);
          if (passed.events.length > 0) yield passed.events;
          if ('error' in passed) throw passed.error;
        }
      } catch (error) {
        forgive(error);
      } finally {
        letGo();
      }
      checkWhole();
    },
    async flow(options, write) {
      const { includeUsage, edit = (event) => event, isEnough = () => false } = options;
      const passer = createChatPasser({ ...options, note, isDone: () => isDone });
      const writeAll = (events: readonly Buffer[]) => {
        const [only] = events;
        return only === undefined ? undefined : write(events.length === 1 ? only : Buffer.concat(events));
      };
      /** What the client gets of a block; an error that it holds is thrown once that has been written. */
      const pass = (block: Buffer): Promise<void> | undefined => {
        if (isDone || isEnough()) return undefined;
        const whole = passer.passedWhole(block);
        if (whole !== undefined) return write(whole);
        const passed = passer.passed(block);
        const room = writeAll(passed.events);
        if (!('error' in passed)) return room;
        return Promise.resolve(room).then(() => {
          throw passed.error;
        });
      };
      try {
        await writeAll(held.filter(({ usageOnly }) => includeUsage || !usageOnly).map(({ event }) => edit(event)));
        for (let block = rest; block !== undefined; block = ready.shift()) await pass(block);
        if (!isDone && !isEnough())
          await reads.each(
            (read) => {
              if (blocks.isBlock(read)) return pass(read);
              const [first, second] = blocks.push(read);
              checkSize(0);
              const room = first === undefined ? undefined : pass(first);
              return second === undefined ? room : Promise.resolve(room).then(() => pass(second));
            },
            () => isDone || isEnough(),
          );
        const last = isDone || isEnough() ? undefined : blocks.rest();
        if (last !== undefined) await pass(Buffer.concat([last, eventEnding]));
      } catch (error) {
        forgive(error);
      } finally {
        letGo();
      }
      if (!isEnough()) checkWhole();
    },
    async pour(sink) {
      const first = held.at(-1);
      let mould: ChunkMould | undefined =
        first?.chunk === undefined || finished.size > 0 ? undefined : mouldOf(first.event.toString('utf8'));
      const pourBlock = (text: string) => {
        for (let at = 0, end = 0; at < text.length && !isDone; at = end) {
          end = mould === undefined ? -1 : chunkEnd(mould, text, at);
          if (mould !== undefined && end !== -1) {
            sink.text(chunkText(mould, text, at, end), mould);
            continue;
          }
          end = textEventEnd(text, at);
          const event = text.slice(at, end);
          if (event.length <= 2) continue;
          const meaning = readChatEvent(event);
          note(meaning);
          if (meaning.chunk === undefined) continue;
          sink.chunk(meaning.chunk);
          if (meaning.finishedChoices.length === 0) mould = mouldOf(event) ?? mould;
        }
      };
      try {
        for (const { chunk } of held) if (chunk !== undefined) sink.chunk(chunk);
        for (let block = rest; block !== undefined && !isDone; block = isDone ? undefined : await nextBlock())
          pourBlock(block.toString('utf8'));
      } catch (error) {
        forgive(error);
      } finally {
        letGo();
      }
      checkWhole();
    },
  };
}

const eventEnding = Buffer.from('\n\n');

async function completionReads(body: BodyReads): Promise<BodyReads> {
  const { text, failure } = await readTextOf(body, maximumEventBytes);
  if (failure !== undefined) throw failure;
  return oneRead(completionAsEvents(text));
}
