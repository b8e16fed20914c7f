import type { SecureContext } from 'node:tls';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { chooseProxy, type NetworkSettings } from '../core/network.ts';

export interface DispatcherOptions {
  /** Proxy variables of the environment (`HTTPS_PROXY`, `NO_PROXY` …); loopback always goes direct. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly network?: NetworkSettings | undefined;
  readonly connectTimeoutMs?: number;
}

/** Connections for these settings. No request of ours goes through a global dispatcher. */
export function createDispatcher({
  environment = {},
  network,
  connectTimeoutMs = 10_000,
}: DispatcherOptions): Dispatcher {
  const tls = tlsOptions(network);
  const common = {
    // Silence is judged by our own watchdogs, which know a thinking model from a dead socket; undici's would end both at 300 s.
    headersTimeout: 0,
    bodyTimeout: 0,
    connectTimeout: connectTimeoutMs,
    keepAliveTimeout: 30_000,
    // One stalled HTTP/2 connection would hold every stream of an account.
    allowH2: false,
    connect: tls,
  };
  const proxies = chooseProxy(environment, network);
  if (proxies.httpProxy === '' && proxies.httpsProxy === '') return new Agent(common);
  const { proxyAuthorization } = network ?? {};
  return new EnvHttpProxyAgent({
    ...common,
    ...proxies,
    requestTls: tls,
    proxyTls: tls,
    ...(proxyAuthorization && { token: proxyAuthorization }),
  });
}

function tlsOptions(network: NetworkSettings | undefined): {
  rejectUnauthorized?: false;
  secureContext?: SecureContext;
} {
  if (network === undefined) return {};
  const secureContext = network.systemCertificates ? systemContext() : undefined;
  return { ...(network.strictSsl ? {} : { rejectUnauthorized: false }), ...(secureContext && { secureContext }) };
}

let context: SecureContext | undefined;

/**
 * The built-in authorities and the machine's own, read once: parsing hundreds of certificates for every connection
 * would hold up each of them.
 */
function systemContext(): SecureContext | undefined {
  // Read when a host is asked that needs it: 4 MB that nobody else here wants.
  const { createSecureContext, getCACertificates } = process.getBuiltinModule('node:tls');
  // Node 22.15 and later; an editor on an older one trusts the built-in authorities alone.
  if (typeof getCACertificates !== 'function') return undefined;
  const system = getCACertificates('system');
  if (system.length === 0) return undefined;
  context ??= createSecureContext({ ca: [...new Set([...getCACertificates('default'), ...system])] });
  return context;
}
