import type { Lease } from '../accounts/pool.ts';
import type { Dialect, GenerationRequest } from '../core/dialect.ts';
import type { GatewayError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Usage } from '../core/usage.ts';
import type { Exchange } from './exchange.ts';

/** One try of a request on one account. */
export interface Attempt {
  readonly lease: Lease;
  readonly dialect: Dialect;
  readonly request: GenerationRequest;
  readonly exchange: Exchange;
}

/** The way a request takes: in the client's own format to an endpoint that speaks it, or through Chat Completions. */
export type Lane = 'native' | 'translate';

/** An upstream answer past its commit point, whatever lane brought it. Delivered once: as a stream, or as a document. */
export interface OpenedAnswer {
  readonly lane: Lane;
  /** Bytes for the client, a batch per upstream read. @throws GatewayError when the answer does not end as it should. */
  batches(options: { readonly includeUsage: boolean }): AsyncGenerator<readonly Buffer[], void>;
  /** The same, written as it comes: `write` returns a promise where there is no room for more. @throws as `batches` does. */
  readonly flow?:
    | ((
        options: { readonly includeUsage: boolean },
        write: (bytes: Buffer) => Promise<void> | undefined,
      ) => Promise<void>)
    | undefined;
  /** The terminal bytes of the stream, once all has ended well. */
  end(): string;
  /** The answer as one JSON document, where that is made without `batches`. @throws as `batches` does. */
  readonly whole?: (() => Promise<JsonObject>) | undefined;
  /** The answer as one JSON document, from everything that `batches` brought. */
  document(events: readonly Buffer[]): JsonObject;
  /** The truthful last words of a stream that breaks off; none where the dialect's own do. */
  fail?(error: GatewayError): string | undefined;
  usage(): Usage | undefined;
}
