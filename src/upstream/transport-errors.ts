import { type ErrorCode, GatewayError, toGatewayError } from '../core/errors.ts';

interface TransportRule {
  readonly code: RegExp;
  readonly error: ErrorCode;
  readonly message: string;
  readonly fix?: string;
}

const fixes = {
  network: 'Check the internet connection and the proxy settings, then try again.',
  address: "Check the account's base URL and the internet connection.",
  certificate:
    "The network may replace certificates: add its certificate authority to the system's store or to NODE_EXTRA_CA_CERTS.",
  proxy: 'Check the proxy settings: address, user and password.',
} as const;

/** What the error codes of Node's sockets and of undici mean, first match wins. */
const transportRules: readonly TransportRule[] = [
  {
    code: /^ECONNREFUSED$/,
    error: 'upstream_unreachable',
    message: 'Nothing accepts connections there',
    fix: "Check the account's base URL and that the server at that address runs.",
  },
  {
    code: /^(?:ENOTFOUND|EAI_\w+)$/,
    error: 'upstream_unreachable',
    message: 'The host name could not be resolved',
    fix: fixes.address,
  },
  {
    code: /^(?:UND_ERR_CONNECT_TIMEOUT|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENETDOWN|EADDRNOTAVAIL)$/,
    error: 'upstream_unreachable',
    message: 'The upstream could not be reached',
    fix: fixes.network,
  },
  {
    code: /^(?:UND_ERR_PRX_\w+|UND_ERR_SOCKS5\w*)$/,
    error: 'upstream_unreachable',
    message: 'The network proxy refused the connection',
    fix: fixes.proxy,
  },
  {
    code: /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|ERR_TLS_|ERR_SSL_|EPROTO$)/,
    error: 'upstream_unreachable',
    message: 'No trusted TLS connection could be made',
    fix: fixes.certificate,
  },
  // Observed at 81 … 95 s with more than 150k tokens of context; a second try works (qwen-code #7831).
  {
    code: /^(?:ECONNRESET|EPIPE|ECONNABORTED|UND_ERR_SOCKET|UND_ERR_CLOSED|UND_ERR_DESTROYED|ERR_STREAM_PREMATURE_CLOSE)$/,
    error: 'upstream_unreachable',
    message: 'The connection to the upstream was cut',
    fix: 'Try again; with a very long context, shorten the conversation.',
  },
  {
    code: /^UND_ERR_HEADERS_TIMEOUT$/,
    error: 'upstream_timeout',
    message: 'The upstream did not begin to answer in time',
    fix: 'Try again later or choose a faster model.',
  },
  {
    code: /^UND_ERR_BODY_TIMEOUT$/,
    error: 'upstream_timeout',
    message: 'The upstream stopped sending in the middle of its answer',
    fix: 'Try again; with a very long context, shorten the conversation.',
  },
  {
    code: /^(?:HPE_|UND_ERR_HTTP_PARSER$|UND_ERR_HEADERS_OVERFLOW$|UND_ERR_RES_|UND_ERR_REDIRECT_MAX$|Z_\w+$|ZSTD_\w+$|ERR__ERROR_|ERR_HTTP2_)/,
    error: 'upstream_protocol',
    message: 'The upstream answered with something that is no valid HTTP',
    fix: fixes.address,
  },
  { code: /^(?:UND_ERR_ABORT|UND_ERR_ABORTED|ABORT_ERR)$/, error: 'client_gone', message: 'The request was cancelled' },
];

/** undici's ProxyAgent reports a refused CONNECT as an abort; only the text tells. */
const refusedTunnel = /^Proxy response \((\d{3})\)/;

/**
 * Turns what a request threw before or while its answer came into the error it means. Looks through `cause` (fetch wraps
 * everything in "fetch failed") and through the several attempts of a dual-stack connect. A `GatewayError`, such as an
 * abort reason of ours, comes back as it is; what is no transport failure becomes `internal`.
 */
export function classifyTransportError(error: unknown): GatewayError {
  const chain = causesOf(error);
  const ours = chain.find((each) => each instanceof GatewayError);
  if (ours instanceof GatewayError) return ours;
  for (const each of chain) {
    const refused = refusedTunnel.exec(each.message)?.[1];
    if (refused !== undefined) {
      const message = `The network proxy refused the connection (HTTP ${refused}).`;
      return new GatewayError('upstream_unreachable', message, { cause: error, fix: fixes.proxy });
    }
    const code = codeOf(each);
    const rule = transportRules.find((candidate) => candidate.code.test(code));
    if (rule) {
      const message = `${rule.message}${placeOf(each)} (${code}).`;
      return new GatewayError(rule.error, message, { upstreamCode: code, fix: rule.fix, cause: error });
    }
  }
  return classifyByName(error, chain);
}

function classifyByName(error: unknown, chain: readonly Error[]): GatewayError {
  const names = chain.map((each) => each.name);
  // undici's parser names its error, but not always a code.
  if (names.includes('HTTPParserError')) {
    const message = 'The upstream answered with something that is no valid HTTP.';
    return new GatewayError('upstream_protocol', message, { cause: error, fix: fixes.address });
  }
  if (names.includes('TimeoutError')) {
    return new GatewayError('upstream_timeout', 'The upstream did not answer in time.', { cause: error });
  }
  if (names.includes('AbortError')) {
    return new GatewayError('client_gone', 'The request was cancelled.', { cause: error });
  }
  // Codes nobody listed, and fetch's own words for a body that was cut.
  const isTransport = chain.some((each) => /^(?:E[A-Z]{3,}|UND_ERR_)/.test(codeOf(each)) || isFetchFailure(each));
  if (!isTransport) return toGatewayError(error);
  const message = 'The connection to the upstream failed.';
  return new GatewayError('upstream_unreachable', message, { cause: error, fix: fixes.network });
}

function isFetchFailure(error: Error): boolean {
  return error instanceof TypeError && (error.message === 'fetch failed' || error.message === 'terminated');
}

const deepestCause = 6;

function causesOf(thrown: unknown): Error[] {
  const found: Error[] = [];
  let open: unknown[] = [thrown];
  for (let depth = 0; depth < deepestCause && open.length > 0; depth++) {
    const errors = open.filter((each) => each instanceof Error);
    found.push(...errors);
    open = errors.flatMap((each) => [...(each instanceof AggregateError ? each.errors : []), each.cause]);
  }
  return found;
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** `: host`, or `: address:port`, where the error names one; a user with several base URLs has to know which. */
function placeOf(error: Error): string {
  if ('hostname' in error && typeof error.hostname === 'string') return `: ${error.hostname}`;
  if (!('address' in error) || typeof error.address !== 'string') return '';
  return 'port' in error && typeof error.port === 'number' ? `: ${error.address}:${error.port}` : `: ${error.address}`;
}
