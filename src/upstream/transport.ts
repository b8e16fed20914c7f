import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import type { UpstreamRequest, UpstreamResponse } from '../core/upstream.ts';
import { classifyTransportError } from './transport-errors.ts';

export interface TransportOptions {
  /** Proxy variables of the environment (`HTTPS_PROXY`, `NO_PROXY` …); loopback always goes direct. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly connectTimeoutMs?: number;
}

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

const decoders: Readonly<Record<string, () => Readable & NodeJS.WritableStream>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

function createDispatcher({ environment = {}, connectTimeoutMs = 10_000 }: TransportOptions): Dispatcher {
  const common = {
    // Silence is judged by our own watchdogs, which know a thinking model from a dead socket; undici's would end both at 300 s.
    headersTimeout: 0,
    bodyTimeout: 0,
    connectTimeout: connectTimeoutMs,
    keepAliveTimeout: 30_000,
    // One stalled HTTP/2 connection would hold every stream of an account.
    allowH2: false,
  };
  const read = (name: string) => environment[name.toLowerCase()] || environment[name] || undefined;
  const httpProxy = read('HTTP_PROXY');
  const httpsProxy = read('HTTPS_PROXY');
  if (httpProxy === undefined && httpsProxy === undefined) return new Agent(common);
  const noProxy = ['localhost', '127.0.0.1', '[::1]', read('NO_PROXY')].filter((part) => part !== undefined).join(',');
  return new EnvHttpProxyAgent({
    ...common,
    noProxy,
    ...(httpProxy && { httpProxy }),
    ...(httpsProxy && { httpsProxy }),
  });
}

/** Opens the way out; the caller closes it. */
export function createTransport(options: TransportOptions = {}): Transport {
  const dispatcher = createDispatcher(options);
  return {
    async send(request, signal) {
      const url = new URL(request.url);
      let response: Dispatcher.ResponseData;
      try {
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
    close: () => dispatcher.destroy(),
  };
}

/** A server may compress although it was asked not to; the error of a broken coding surfaces on the returned stream. */
function decode(response: Dispatcher.ResponseData): Readable {
  const coding = String(response.headers['content-encoding'] ?? '')
    .trim()
    .toLowerCase();
  const decoder = decoders[coding]?.();
  if (decoder === undefined) return response.body;
  response.body.on('error', (error) => decoder.destroy(error));
  decoder.on('close', () => response.body.destroy());
  return response.body.pipe(decoder);
}
