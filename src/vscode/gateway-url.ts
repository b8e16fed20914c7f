import { isLoopbackHost } from '../core/loopback-host.ts';

/** Where a team gateway is; `origin` is what its key is bound to. */
export interface GatewayAddress {
  /** Without a slash at the end; clients put `/v1` behind it. */
  readonly url: string;
  readonly origin: string;
}

/** Why an address cannot be used: it is none, it holds more than a place, or the key would travel in clear. */
export type GatewayUrlFault = 'no-url' | 'not-plain' | 'not-secure';

/** Reads what a user wrote; the base URLs that clients are given are fine too. */
export function parseGatewayUrl(text: string): GatewayAddress | GatewayUrlFault {
  if (!URL.canParse(text.trim())) return 'no-url';
  const { protocol, hostname, origin, pathname, username, password, search, hash } = new URL(text.trim());
  if (protocol !== 'https:' && protocol !== 'http:') return 'no-url';
  if (username !== '' || password !== '' || search !== '' || hash !== '') return 'not-plain';
  if (protocol === 'http:' && !isLoopbackHost(hostname)) return 'not-secure';
  const path = pathname.replace(/\/+$/, '').replace(/(?:\/anthropic)?(?:\/v1)?$/, '');
  return { url: origin + path, origin };
}
