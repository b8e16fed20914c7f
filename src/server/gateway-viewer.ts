import type { IncomingHttpHeaders } from 'node:http';
import type { NamedClientKey } from '../core/client-key.ts';
import type { GatewayScope } from '../core/followed-gateway.ts';
import { checkAdminKey, checkClientKey, type GuardPolicy } from './guard.ts';

/** Who looks at the gateway from outside. */
export interface GatewayViewer {
  readonly scope: GatewayScope;
  /** One of the keys that were sent is for clients. */
  readonly serves: boolean;
  /** That key, where it has a name. */
  readonly key?: NamedClientKey;
}

/**
 * What the keys of a request may see. An editor sends two where it has two: the client's as bearer token, the
 * administrator's as `x-api-key`.
 * @throws GatewayError `client_unauthorized` where none of them is known.
 */
export function viewerOf(headers: IncomingHttpHeaders, policy: GuardPolicy): GatewayViewer {
  const scope = mayAdminister(headers, policy) ? 'admin' : 'client';
  try {
    const key = checkClientKey(headers, policy);
    return { scope, serves: true, ...(key && { key }) };
  } catch (error) {
    if (scope === 'admin') return { scope, serves: false };
    throw error;
  }
}

function mayAdminister(headers: IncomingHttpHeaders, policy: GuardPolicy): boolean {
  try {
    checkAdminKey(headers, policy);
    return true;
  } catch {
    return false;
  }
}
