import type { EncodedError, ErrorContext } from '../../core/dialect.ts';
import type { ErrorCode, GatewayError } from '../../core/errors.ts';

interface OpenAiError {
  readonly status: number;
  readonly type: string;
  /** OpenAI's machine-readable code, where clients look at one. */
  readonly code: string | null;
}

const invalid = (status: number, code: string | null): OpenAiError => ({ status, type: 'invalid_request_error', code });
const busy: OpenAiError = { status: 429, type: 'rate_limit_error', code: 'rate_limit_exceeded' };
const spent: OpenAiError = { status: 429, type: 'insufficient_quota', code: 'insufficient_quota' };
const failed = (status: number): OpenAiError => ({ status, type: 'server_error', code: null });

/** Status and body of every failure, in the words OpenAI's clients act on: https://platform.openai.com/docs/guides/error-codes */
const table: Readonly<Record<ErrorCode, OpenAiError>> = {
  invalid_request: invalid(400, null),
  context_too_long: invalid(400, 'context_length_exceeded'),
  content_filtered: invalid(400, 'content_filter'),
  body_too_large: invalid(413, 'request_too_large'),
  client_rejected: invalid(403, 'client_rejected'),
  unauthorized: invalid(401, 'account_unauthorized'),
  token_expired: invalid(401, 'account_unauthorized'),
  service_ended: invalid(401, 'account_unauthorized'),
  billing: spent,
  quota_exhausted: spent,
  quota_soft: busy,
  rate_limited: busy,
  token_rate_limited: busy,
  burst: busy,
  concurrency: busy,
  model_not_found: invalid(404, 'model_not_found'),
  model_not_allowed: invalid(403, 'model_not_allowed'),
  access_denied: invalid(403, 'access_denied'),
  wrong_path: failed(502),
  upstream_error: failed(502),
  upstream_overloaded: failed(503),
  upstream_timeout: failed(504),
  upstream_unreachable: failed(502),
  upstream_protocol: failed(502),
  model_output: failed(502),
  client_unauthorized: invalid(401, 'invalid_api_key'),
  forbidden: invalid(403, 'forbidden'),
  not_found: invalid(404, 'unknown_url'),
  method_not_allowed: invalid(405, 'method_not_allowed'),
  no_account: { status: 503, type: 'server_error', code: 'no_account' },
  accounts_cooling: busy,
  too_many_requests: busy,
  shutting_down: { status: 503, type: 'server_error', code: 'shutting_down' },
  // nginx's status for it; nobody is left to read it.
  client_gone: { status: 499, type: 'server_error', code: 'client_gone' },
  internal: { status: 500, type: 'server_error', code: 'internal_error' },
};

/** The error object of OpenAI's APIs, without HTTP around it: also the payload of an in-stream error. */
export function encodeErrorBody(error: GatewayError, requestId: string) {
  const { type, code } = table[error.code];
  const message = error.fix === undefined ? error.message : `${error.message} ${error.fix}`;
  return { error: { message, type, param: error.param ?? null, code }, request_id: requestId };
}

/** A whole HTTP answer in OpenAI's error shape, with a true `Retry-After` where one is known. */
export function encodeError(error: GatewayError, { requestId }: ErrorContext): EncodedError {
  const { status } = table[error.code];
  const retryAfter =
    error.retryAfterMs === undefined ? undefined : String(Math.max(1, Math.ceil(error.retryAfterMs / 1000)));
  return {
    status,
    headers: retryAfter !== undefined && (status === 429 || status === 503) ? { 'retry-after': retryAfter } : {},
    body: encodeErrorBody(error, requestId),
  };
}
