import { Readable, type Transform } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { NetworkSettings } from '../core/network.ts';
import type { BodyInPieces, ByteStream, UpstreamRequest, UpstreamResponse } from '../core/upstream.ts';
import { createDispatcher, type DispatcherOptions } from './dispatcher.ts';
import { ResponseBody } from './response-body.ts';
import { classifyTransportError } from './transport-errors.ts';

/** The one way out of this process. No request of ours goes through a global dispatcher. */
export interface Transport {
  /**
   * Sends one request and answers as soon as the response's headers are there. Redirects are not followed: the caller
   * chose the host, an upstream may not.
   * @throws GatewayError with scope `provider` when no answer came; the signal's reason when it aborted.
   */
  send(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamResponse>;
  close(): Promise<void>;
}

/** Loaded for the first answer that is compressed, which hardly any is: it takes 2 MB. */
const zlib = () => process.getBuiltinModule('node:zlib');

const decoders = new Map<string, () => Transform>([
  ['gzip', () => zlib().createGunzip()],
  ['x-gzip', () => zlib().createGunzip()],
  ['deflate', () => zlib().createInflate()],
  ['br', () => zlib().createBrotliDecompress()],
  ['zstd', () => zlib().createZstdDecompress()],
]);

/** A way out whose settings may change while it is used. */
export interface ConfigurableTransport extends Transport {
  /** New requests go by these settings; what is under way goes on. */
  configure(network: NetworkSettings | undefined): void;
}

/** Opens the way out; the caller closes it. */
export function createTransport(options: DispatcherOptions = {}): ConfigurableTransport {
  let { network } = options;
  let dispatcher: Dispatcher | undefined;
  const retired = new Set<Dispatcher>();
  return {
    configure(next) {
      if (JSON.stringify(next) === JSON.stringify(network)) return;
      network = next;
      const last = dispatcher;
      dispatcher = undefined;
      if (last === undefined) return;
      retired.add(last);
      void last
        .close()
        .catch(() => {})
        .finally(() => retired.delete(last));
    },
    async send(request, signal) {
      if (signal.aborted) throw signal.reason;
      // Made for the first request that needs it: the machine's certificates take a while to read.
      dispatcher ??= createDispatcher({ ...options, network });
      const response = await dispatch(dispatcher, request, signal);
      return { ...response, body: decode(response) };
    },
    async close() {
      const open = [...retired, ...(dispatcher ? [dispatcher] : [])];
      await Promise.all(open.map((each) => each.destroy()));
    },
  };
}

/** An answer whose body is as it came. */
interface ReceivedResponse extends UpstreamResponse {
  readonly body: ResponseBody;
}

interface Target {
  readonly url: string;
  readonly origin: string;
  readonly path: string;
}

/** Most requests go where the last one went. */
let lastTarget: Target | undefined;

function targetOf(url: string): Target {
  if (lastTarget?.url === url) return lastTarget;
  const { origin, pathname, search } = new URL(url);
  lastTarget = { url, origin, path: pathname + search };
  return lastTarget;
}

/** Resolves with the headers; the signal ends the request until the last byte of its answer has come. */
function dispatch(dispatcher: Dispatcher, request: UpstreamRequest, signal: AbortSignal): Promise<ReceivedResponse> {
  const { origin, path } = targetOf(request.url);
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let body: ResponseBody | undefined;
    const onAbort = () => {
      const reason = toError(signal.reason);
      if (body === undefined) controller?.abort(reason);
      else body.destroy(reason);
      // Who waits for a connection is told at once; what was not sent by then is not sent any more.
      reject(signal.reason);
    };
    const settle = (error?: Error) => {
      signal.removeEventListener('abort', onAbort);
      body?.close(error);
      if (error !== undefined) reject(signal.aborted ? signal.reason : classifyTransportError(error));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    dispatcher.dispatch(
      {
        origin,
        path,
        method: request.method,
        headers: { 'accept-encoding': 'identity', ...request.headers, ...lengthOf(request.body) },
        body: sent(request.body),
      },
      {
        onRequestStart(started) {
          controller = started;
          if (signal.aborted) started.abort(toError(signal.reason));
        },
        onResponseStart(started, status, headers) {
          // Early hints and their like come before the answer.
          if (status < 200) return;
          body = new ResponseBody(started);
          resolve({ status, headers, body });
        },
        onResponseData: (_controller, read) => body?.push(read),
        onResponseEnd: () => settle(),
        onResponseError: (_controller, error) => settle(error),
      },
    );
  });
}

/** undici knows the length of one piece; of several it would send them in chunks. */
function lengthOf(body: UpstreamRequest['body']): { readonly 'content-length'?: string } {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return {};
  return { 'content-length': String(body.pieces.reduce((bytes, piece) => bytes + piece.length, 0)) };
}

function sent(body: UpstreamRequest['body']): string | Uint8Array | null {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return body ?? null;
  // undici takes iterables too, and says so in its documentation alone.
  return oneByOne(body, body.lend()) as Iterable<Uint8Array> as Uint8Array;
}

/** undici asks for the next piece when the socket has drained of the last one, and never again where it gives up. */
function* oneByOne({ pieces }: BodyInPieces, giveBack: () => void): Generator<Uint8Array, void> {
  yield* pieces;
  giveBack();
}

const toError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));

/** A server may compress although it was asked not to; the error of a broken coding surfaces on the returned stream. */
function decode({ headers, body }: ReceivedResponse): ByteStream {
  const coding = String(headers['content-encoding'] ?? '')
    .trim()
    .toLowerCase();
  const decoder = decoders.get(coding)?.();
  if (decoder === undefined) return body;
  const packed = Readable.from(body, { objectMode: false });
  packed.on('error', (error) => decoder.destroy(error));
  decoder.on('close', () => {
    packed.destroy();
    body.destroy();
  });
  return packed.pipe(decoder);
}
