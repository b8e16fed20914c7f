import type { Endpoints, UpstreamRequest, UpstreamResponse } from '../../core/upstream.ts';
import type { AccountKind } from './kind.ts';

/** The embedded upstream as an account: it has no credential and is never asked over the network. */
export function createDemoKind(
  endpoints: Endpoints,
  send: (request: UpstreamRequest, signal: AbortSignal) => Promise<UpstreamResponse>,
): AccountKind<'demo'> {
  return {
    name: 'demo',
    credential: async () => ({ authorization: 'Bearer demo', endpoints }),
    recover: async (_account, _used, error) => error,
    send,
  };
}
