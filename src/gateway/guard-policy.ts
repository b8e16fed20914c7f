import { isIP } from 'node:net';
import type { NamedClientKey } from '../core/client-key.ts';
import { isLoopbackHost } from '../core/loopback-host.ts';
import type { ProxySettings } from '../core/settings.ts';
import type { GuardPolicy } from '../server/guard.ts';

/** Who may call, as the settings say it. */
export function guardPolicyOf(
  settings: ProxySettings,
  clientKeys: readonly string[],
  namedKeys: readonly NamedClientKey[] = [],
): GuardPolicy {
  const { host, allowedHosts, corsOrigins, apiKeys, adminKey } = settings;
  return {
    // An address, unlike a name, cannot be made to point here by a foreign name server.
    allowedHosts: isOneAddress(host) ? [host, ...allowedHosts] : allowedHosts,
    corsOrigins,
    clientKeys: apiKeys === 'off' ? 'off' : clientKeys,
    namedKeys,
    adminKey,
    isLoopback: isLoopbackHost(host),
  };
}

const isOneAddress = (host: string) => isIP(host) !== 0 && host !== '0.0.0.0' && host !== '::';
