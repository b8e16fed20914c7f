import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { NamedClientKey } from '../core/client-key.ts';
import { GatewayError } from '../core/errors.ts';

/** Who may call: decided before routing, for every path. */
export interface GuardPolicy {
  /** Extra Host names, exact, any port; the loopback names always pass. */
  readonly allowedHosts: readonly string[];
  /** Origins of browser pages that may call, exact. */
  readonly corsOrigins: readonly string[];
  /** Accepted client keys; `off` = none is asked for. */
  readonly clientKeys: readonly string[] | 'off';
  /** Further keys, each with a name and limits of its own; none of them administers. */
  readonly namedKeys?: readonly NamedClientKey[];
  /** Key for administration. Absent: a client key serves for that too, on loopback with one key. */
  readonly adminKey: string | undefined;
  readonly isLoopback: boolean;
}

/** Fewer than every loopback address: who listens on another one has it in the policy by name. */
const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The name in a Host header, without its port, lower case; `undefined` for one that is no host. */
export function hostName(header: string | undefined): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)(?::\d{1,5})?$/i.exec(header ?? '');
  return match?.[1]?.toLowerCase();
}

/** A Host header writes an IPv6 address in brackets; people write it without. */
const inBrackets = (name: string) => (name.includes(':') && !name.startsWith('[') ? `[${name}]` : name);

/**
 * Refuses requests that did not come from a program of this machine's user: a foreign Host (DNS rebinding reaches
 * loopback under the attacker's name), a foreign Origin, a cross-site fetch. A good key does not help there.
 * @throws GatewayError `forbidden`
 */
export function checkOrigin(headers: IncomingHttpHeaders, policy: GuardPolicy): void {
  const host = hostName(headers.host);
  if (
    host === undefined ||
    !(loopbackNames.has(host) || policy.allowedHosts.some((allowed) => inBrackets(allowed.toLowerCase()) === host))
  )
    throw new GatewayError('forbidden', `The Host "${headers.host ?? ''}" is not served here.`, {
      fix: 'Use 127.0.0.1, or add the name to ALLOWED_HOSTS.',
    });
  const { origin } = headers;
  // A page that we serve ourselves has our own Host as its origin.
  const isOwn = origin === `http://${headers.host}`;
  if (origin !== undefined && !isOwn && !policy.corsOrigins.includes(origin))
    throw new GatewayError('forbidden', `Requests from the web page ${origin} are not allowed.`, {
      fix: 'Add the origin to CORS_ORIGINS if the page is yours.',
    });
  if (origin === undefined && headers['sec-fetch-site'] === 'cross-site')
    throw new GatewayError('forbidden', 'Cross-site requests of web pages are not allowed.');
}

/**
 * Refuses requests that name two places at once: which of them was meant is what a server and a proxy before it might
 * disagree about (RFC 9112, sections 3.2 and 3.2.2).
 * @throws GatewayError `invalid_request`, or `forbidden` for what another server should be asked.
 */
export function checkTarget({
  url = '/',
  rawHeaders,
  headers,
}: Pick<IncomingMessage, 'url' | 'rawHeaders' | 'headers'>): void {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === 'host') hosts++;
  if (hosts > 1) throw new GatewayError('invalid_request', 'The request has more than one Host header.');
  // Nearly every request names a path and nothing else.
  if (url.startsWith('/')) return;
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1];
  if (authority !== undefined && authority.toLowerCase() !== headers.host?.toLowerCase())
    throw new GatewayError('forbidden', 'Requests to other servers are not passed on here.', {
      fix: 'This is no network proxy: check HTTP_PROXY.',
    });
}

/** The key a client sent: `x-api-key` or a Bearer token, whichever its SDK uses. */
function sentKeys(headers: IncomingHttpHeaders): readonly string[] {
  const bearer = /^Bearer\s+(.+)$/i.exec(headers.authorization ?? '')?.[1]?.trim();
  const apiKey = headers['x-api-key'];
  return [bearer, ...(Array.isArray(apiKey) ? apiKey : [apiKey])].filter(
    (key): key is string => key !== undefined && key !== '',
  );
}

const digestOf = (value: string) => hash('sha256', value, 'buffer');

/** Of accepted keys alone, which are few: what others send is not kept. */
const acceptedDigests = new Map<string, Buffer>();

function digestOfAccepted(key: string): Buffer {
  const known = acceptedDigests.get(key);
  if (known !== undefined) return known;
  const digest = digestOf(key);
  if (acceptedDigests.size > 1_000) acceptedDigests.clear();
  acceptedDigests.set(key, digest);
  return digest;
}

/** Compares digests, so that neither the content nor the length of a key shows in the time taken. */
const matchesAny = (sent: readonly string[], accepted: readonly string[]) =>
  sent
    .map(digestOf)
    .some((digest) =>
      accepted.reduce((found, candidate) => timingSafeEqual(digest, digestOfAccepted(candidate)) || found, false),
    );

/**
 * The named key that was sent, if it is one of those.
 * @throws GatewayError `client_unauthorized` without an accepted client key.
 */
export function checkClientKey(headers: IncomingHttpHeaders, policy: GuardPolicy): NamedClientKey | undefined {
  const { namedKeys = [] } = policy;
  const sent = sentKeys(headers);
  if (namedKeys.length > 0) {
    const digests = sent.map((key) => hash('sha256', key));
    // What is looked up is a digest: the time it takes says nothing about a key.
    const named = namedKeys.find(({ digest }) => digests.includes(digest));
    if (named) return named;
  }
  if (policy.clientKeys === 'off' || matchesAny(sent, policy.clientKeys)) return undefined;
  throw new GatewayError(
    'client_unauthorized',
    sent.length === 0 ? 'No API key was sent to Qwen Proxy.' : 'This is not the API key of Qwen Proxy.',
    {
      fix: 'Copy it with “Qwen: Copy API Key”, or print it with `qwen-openai-proxy key`.',
    },
  );
}

/** @throws GatewayError `client_unauthorized` without the right to administer. */
export function checkAdminKey(headers: IncomingHttpHeaders, policy: GuardPolicy): void {
  if (policy.adminKey !== undefined) {
    if (matchesAny(sentKeys(headers), [policy.adminKey])) return;
    throw new GatewayError('client_unauthorized', 'This needs the ADMIN_KEY.');
  }
  const isSingleUser = policy.isLoopback && (policy.clientKeys === 'off' || policy.clientKeys.length === 1);
  if (!isSingleUser)
    throw new GatewayError('forbidden', 'Administration over HTTP is off.', { fix: 'Set ADMIN_KEY to allow it.' });
  checkClientKey(headers, { ...policy, namedKeys: [] });
}
