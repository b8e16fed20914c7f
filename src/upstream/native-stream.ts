import { GatewayError } from '../core/errors.ts';
import { isJsonObject, type JsonObject, parseJson } from '../core/json.ts';
import { headerValue, type UpstreamResponse } from '../core/upstream.ts';
import type { Usage } from '../core/usage.ts';
import { SseSplitter } from '../wire/sse.ts';
import { type BodyReadOptions, type BodyReads, oneRead, readBody, readTextOf } from './body-reads.ts';
import { httpError, notAnAnswer } from './failed-answer.ts';

/** A single event longer than this, or that much without output, is a fault of the upstream, not an answer. */
const maximumEventBytes = 32 * 1024 * 1024;

/** What one event of a native stream means for the way it is handled. */
export interface NativeEventMeaning {
  /** From here on the answer belongs to the client. */
  readonly commits: boolean;
  /** The event that ends every whole answer. */
  readonly isLast: boolean;
  readonly usage?: Usage | undefined;
  readonly error?: GatewayError | undefined;
}

export interface NativeStreamOptions extends BodyReadOptions {
  /** Reads the events of one answer, in order. */
  readonly read: (event: Buffer) => NativeEventMeaning;
  /** The stream that an answer in one document would have been; `undefined` where it is no answer. */
  readonly documentAsStream: (document: JsonObject) => string | undefined;
}

/** An upstream answer past its commit point, in a format that the client speaks too. */
export interface NativeStream {
  /**
   * The events as they came, one batch per network read, without the last one.
   * @throws GatewayError when the upstream reports an error, stalls, or ends without its last event.
   */
  batches(): AsyncGenerator<readonly Buffer[], void>;
  /** The event that ended the answer, once `batches` has ended well. */
  last(): Buffer;
  usage(): Usage | undefined;
}

/**
 * Waits for the commit point of an answer: until then events are held, because errors come inside of 200 streams too.
 * @throws GatewayError for every answer that is not one; nothing has reached the client then.
 */
export async function openNativeStream(
  response: UpstreamResponse,
  { read, documentAsStream, ...options }: NativeStreamOptions,
): Promise<NativeStream> {
  if (response.status !== 200) throw await httpError(response, options);
  const contentType = headerValue(response.headers, 'content-type') ?? '';
  const body = readBody(response.body, options);
  const reads = contentType.includes('json') ? await documentReads(body, documentAsStream) : body;
  const splitter = new SseSplitter();
  let usage: Usage | undefined;
  let last: Buffer | undefined;

  const nextEvents = async (): Promise<readonly Buffer[] | undefined> => {
    const bytes = await reads.next();
    if (bytes !== undefined) return splitter.push(bytes);
    const rest = splitter.rest();
    return rest === undefined ? undefined : [Buffer.concat([rest, Buffer.from('\n\n')])];
  };
  /** The events before the last one, and the error that stands among them, if one does. */
  const pass = (events: readonly Buffer[]) => {
    const passed: Buffer[] = [];
    let commits = false;
    for (const event of events) {
      if (last !== undefined) break;
      const meaning = read(event);
      if (meaning.error !== undefined) return { passed, commits, error: meaning.error };
      usage = meaning.usage ?? usage;
      commits ||= meaning.commits;
      if (meaning.isLast) last = event;
      else passed.push(event);
    }
    return { passed, commits, error: undefined };
  };

  const held: Buffer[] = [];
  let failed: GatewayError | undefined;
  try {
    for (let isCommitted = false; !isCommitted; ) {
      const events = await nextEvents();
      if (events === undefined) throw notAnAnswer(contentType, false);
      const { passed, commits, error } = pass(events);
      held.push(...passed);
      if (error !== undefined && !commits) throw error;
      if (last !== undefined && !commits) throw notAnAnswer(contentType, true);
      isCommitted = commits;
      failed = error;
      if (heldBytes(held) + splitter.pendingBytes > maximumEventBytes) throw tooLong();
    }
  } catch (error) {
    reads.abandon();
    throw error;
  }

  return {
    last: () => last ?? Buffer.alloc(0),
    usage: () => usage,
    async *batches() {
      try {
        yield held;
        if (failed !== undefined) throw failed;
        while (last === undefined) {
          const events = await nextEvents();
          if (events === undefined) break;
          const { passed, error } = pass(events);
          if (passed.length > 0) yield passed;
          if (error !== undefined) throw error;
          if (splitter.pendingBytes > maximumEventBytes) throw tooLong();
        }
      } finally {
        if (last === undefined) reads.abandon();
        else reads.linger();
      }
      if (last === undefined)
        throw new GatewayError('upstream_protocol', 'Qwen ended the stream in the middle of the answer.');
    },
  };
}

const tooLong = () => new GatewayError('upstream_protocol', 'Qwen sent an event of more than 32 MiB.');
const heldBytes = (events: readonly Buffer[]) => events.reduce((bytes, event) => bytes + event.length, 0);

/** A server that cannot stream answers with a document, whatever was asked. */
async function documentReads(
  body: BodyReads,
  documentAsStream: NativeStreamOptions['documentAsStream'],
): Promise<BodyReads> {
  const { text, failure } = await readTextOf(body, maximumEventBytes);
  if (failure !== undefined) throw failure;
  const document = parseJson(text);
  const stream = isJsonObject(document) ? documentAsStream(document) : undefined;
  // What is no answer is read as an event, which tells the error in it.
  return oneRead(Buffer.from(stream ?? `data: ${text.replaceAll('\n', ' ')}\n\n`));
}
