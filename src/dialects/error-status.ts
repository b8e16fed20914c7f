import type { ErrorContext } from '../core/dialect.ts';
import type { ErrorCode, GatewayError } from '../core/errors.ts';

/** A shortage that lasts longer than this is told as final: an agent that waits in silence looks hung. */
const patienceMs = 5 * 60_000;

/** Whether it is worth coming back soon. */
export type Persistence = 'request' | 'final' | 'momentary' | 'server';

/** What each failure is to a client. Shortages are final or momentary by how long they last. */
const persistenceOf: Readonly<Record<ErrorCode, Persistence | 'shortage'>> = {
  invalid_request: 'request',
  context_too_long: 'request',
  content_filtered: 'request',
  body_too_large: 'request',
  unsupported_encoding: 'request',
  not_implemented: 'request',
  upgrade_required: 'request',
  client_rejected: 'request',
  unauthorized: 'final',
  token_expired: 'final',
  service_ended: 'final',
  billing: 'final',
  quota_exhausted: 'shortage',
  quota_soft: 'shortage',
  rate_limited: 'momentary',
  token_rate_limited: 'momentary',
  burst: 'momentary',
  concurrency: 'momentary',
  model_not_found: 'request',
  model_not_allowed: 'request',
  access_denied: 'final',
  wrong_path: 'server',
  upstream_error: 'server',
  upstream_overloaded: 'server',
  upstream_timeout: 'server',
  upstream_unreachable: 'server',
  upstream_protocol: 'server',
  model_output: 'server',
  client_unauthorized: 'final',
  forbidden: 'request',
  not_found: 'request',
  method_not_allowed: 'request',
  no_account: 'final',
  accounts_cooling: 'shortage',
  too_many_requests: 'momentary',
  shutting_down: 'server',
  client_gone: 'request',
  internal: 'server',
};

/** Statuses by code, in the meaning both OpenAI's and Anthropic's clients give them. */
const statusOf: Readonly<Partial<Record<ErrorCode, number>>> = {
  body_too_large: 413,
  unsupported_encoding: 415,
  not_implemented: 501,
  upgrade_required: 426,
  client_rejected: 403,
  unauthorized: 401,
  token_expired: 401,
  service_ended: 401,
  model_not_found: 404,
  model_not_allowed: 403,
  access_denied: 403,
  upstream_overloaded: 503,
  upstream_timeout: 504,
  client_unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  no_account: 503,
  shutting_down: 503,
  // nginx's status for it; nobody is left to read it.
  client_gone: 499,
  internal: 500,
};

/**
 * These go on asking after a 429 for as long as they run, `x-should-retry` or not; a 403 they tell at once. Cline calls
 * itself what the Vercel AI SDK does (`ai-sdk/openai-compatible/3.0.37 …`, 3.0.65), and Continue what a minifier left of
 * `OpenAI/JS` (`ls/JS 5.23.2`, 1.5.47).
 */
const retriesForEver = /^QwenCode\/|\bCline\b|\bContinue\b|^opencode\/|^ai-sdk\/|^[\w$]{1,3}\/JS /i;
/** Retries 5xx, never 429: https://github.com/openai/codex, codex-api/src/provider.rs. */
const neverRetries429 = /^codex/i;

/** Whether coming back soon can help. */
export function persistence(error: GatewayError): Persistence {
  const known = persistenceOf[error.code];
  if (known === 'momentary') return (error.retryAfterMs ?? 0) > patienceMs ? 'final' : known;
  if (known !== 'shortage') return known;
  const isUnknown = error.retryAfterMs === undefined && error.code === 'quota_exhausted';
  return isUnknown || (error.retryAfterMs ?? 0) > patienceMs ? 'final' : 'momentary';
}

/** A shortage of what accounts may use, as opposed to a refusal. */
export const isShortage = ({ code }: GatewayError) =>
  code === 'billing' || persistenceOf[code] === 'momentary' || persistenceOf[code] === 'shortage';

/**
 * Status and headers of a failure, by what the client does with them (measured per client; docs/errors.md): nobody shall
 * wait for what does not come, and everybody who can shall come back when it helps.
 */
export function errorStatus(
  error: GatewayError,
  { userAgent = '' }: ErrorContext,
): { readonly status: number; readonly headers: Readonly<Record<string, string>> } {
  const kind = persistence(error);
  const isShort = isShortage(error);
  const status = !isShort
    ? (statusOf[error.code] ?? (kind === 'request' ? 400 : 502))
    : kind === 'final' && retriesForEver.test(userAgent)
      ? 403
      : kind === 'momentary' && neverRetries429.test(userAgent)
        ? 503
        : 429;
  const waits = isShort || status === 503;
  return {
    status,
    headers: {
      ...(waits && error.retryAfterMs !== undefined && { 'retry-after': seconds(error.retryAfterMs) }),
      ...(kind === 'final' && { 'x-should-retry': 'false' }),
    },
  };
}

const seconds = (ms: number) => String(Math.max(1, Math.ceil(ms / 1000)));
