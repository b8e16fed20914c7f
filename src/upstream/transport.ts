import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import type { Dispatcher } from 'undici';
import type { NetworkSettings } from '../core/network.ts';
import type { UpstreamRequest, UpstreamResponse } from '../core/upstream.ts';
import { createDispatcher, type DispatcherOptions } from './dispatcher.ts';
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

const decoders = new Map<string, () => Readable & NodeJS.WritableStream>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
  ['zstd', createZstdDecompress],
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
      const url = new URL(request.url);
      let response: Dispatcher.ResponseData;
      try {
        // Made for the first request that needs it: the machine's certificates take a while to read.
        dispatcher ??= createDispatcher({ ...options, network });
        response = await dispatcher.request({
          origin: url.origin,
          path: url.pathname + url.search,
          method: request.method,
          headers: { 'accept-encoding': 'identity', ...request.headers },
          body: request.body ?? null,
          signal,
        });
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw classifyTransportError(error);
      }
      return { status: response.statusCode, headers: response.headers, body: decode(response) };
    },
    async close() {
      const open = [...retired, ...(dispatcher ? [dispatcher] : [])];
      await Promise.all(open.map((each) => each.destroy()));
    },
  };
}

/** A server may compress although it was asked not to; the error of a broken coding surfaces on the returned stream. */
function decode(response: Dispatcher.ResponseData): Readable {
  const coding = String(response.headers['content-encoding'] ?? '')
    .trim()
    .toLowerCase();
  const decoder = decoders.get(coding)?.();
  if (decoder === undefined) return response.body;
  response.body.on('error', (error) => decoder.destroy(error));
  decoder.on('close', () => response.body.destroy());
  return response.body.pipe(decoder);
}
