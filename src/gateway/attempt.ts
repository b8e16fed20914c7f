import type { Lease } from '../accounts/pool.ts';
import type { Dialect, GenerationRequest } from '../core/dialect.ts';
import type { Usage } from '../core/usage.ts';
import type { Exchange } from './exchange.ts';

/** One try of a request on one account. */
export interface Attempt {
  readonly lease: Lease;
  readonly dialect: Dialect;
  readonly request: GenerationRequest;
  readonly exchange: Exchange;
}

/** An upstream answer past its commit point, whatever lane brought it. */
export interface OpenedAnswer {
  readonly lane: 'native';
  /** Bytes for the client, a batch per upstream read. @throws GatewayError when the answer does not end as it should. */
  batches(options: { readonly includeUsage: boolean }): AsyncGenerator<readonly Buffer[], void>;
  readonly usage: Usage | undefined;
}
