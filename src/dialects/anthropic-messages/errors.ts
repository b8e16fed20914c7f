import type { EncodedError, ErrorContext } from '../../core/dialect.ts';
import type { ErrorCode, GatewayError } from '../../core/errors.ts';
import { errorStatus, persistence } from '../error-status.ts';

/** Anthropic's error types: https://platform.claude.com/docs/en/api/errors */
type ErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'billing_error'
  | 'permission_error'
  | 'not_found_error'
  | 'request_too_large'
  | 'rate_limit_error'
  | 'timeout_error'
  | 'overloaded_error'
  | 'api_error';

const typeOf: Readonly<Record<ErrorCode, ErrorType>> = {
  invalid_request: 'invalid_request_error',
  context_too_long: 'invalid_request_error',
  content_filtered: 'invalid_request_error',
  body_too_large: 'request_too_large',
  client_rejected: 'permission_error',
  unauthorized: 'authentication_error',
  token_expired: 'authentication_error',
  service_ended: 'authentication_error',
  billing: 'billing_error',
  quota_exhausted: 'rate_limit_error',
  quota_soft: 'rate_limit_error',
  rate_limited: 'rate_limit_error',
  token_rate_limited: 'rate_limit_error',
  burst: 'rate_limit_error',
  concurrency: 'rate_limit_error',
  model_not_found: 'not_found_error',
  model_not_allowed: 'permission_error',
  access_denied: 'permission_error',
  wrong_path: 'api_error',
  upstream_error: 'api_error',
  upstream_overloaded: 'overloaded_error',
  upstream_timeout: 'timeout_error',
  upstream_unreachable: 'api_error',
  upstream_protocol: 'api_error',
  model_output: 'api_error',
  client_unauthorized: 'authentication_error',
  forbidden: 'permission_error',
  not_found: 'not_found_error',
  not_implemented: 'invalid_request_error',
  unsupported_encoding: 'invalid_request_error',
  upgrade_required: 'invalid_request_error',
  method_not_allowed: 'invalid_request_error',
  no_account: 'api_error',
  accounts_cooling: 'rate_limit_error',
  too_many_requests: 'rate_limit_error',
  shutting_down: 'overloaded_error',
  client_gone: 'api_error',
  internal: 'api_error',
};

/** Anthropic's error object, without HTTP around it: also the payload of an in-stream error. */
export function encodeErrorBody(error: GatewayError, requestId: string, inputTokens?: number) {
  return {
    type: 'error',
    error: { type: typeOf[error.code], message: messageOf(error, inputTokens) },
    request_id: requestId,
  };
}

/** A whole HTTP answer in Anthropic's error shape. */
export function encodeError(error: GatewayError, context: ErrorContext): EncodedError {
  const { status, headers } = errorStatus(error, context);
  return {
    status,
    // The SDKs repeat a 5xx unless told not to.
    headers: { ...headers, ...(persistence(error) === 'request' && { 'x-should-retry': 'false' }) },
    body: encodeErrorBody(error, context.requestId, context.inputTokens),
  };
}

/**
 * Claude Code reads these texts: it shortens the conversation on "prompt is too long: X tokens > Y maximum", and sends its
 * system messages as the user's on a 400 that says that the role system is not supported (CCR #1799, colibri #725).
 */
function messageOf(error: GatewayError, inputTokens?: number): string {
  const { code, message, fix } = error;
  if (code === 'context_too_long') return tooLong(message, inputTokens);
  if (code === 'invalid_request' && /\brole\b.*\b(?:user or assistant|system)\b/i.test(message))
    return `messages: role 'system' is not supported on this model. ${message}`;
  const named = error.param !== undefined && !message.startsWith(error.param) ? `${error.param}: ${message}` : message;
  return fix === undefined ? named : `${named} ${fix}`;
}

/** Qwen names the limit alone: "Range of input length should be [1, 983616]". */
function tooLong(message: string, inputTokens = 0): string {
  if (/^prompt is too long: \d+ tokens > \d+ maximum/.test(message)) return message;
  const limit = Number(/(?:\[1, ?|maximum context length is )(\d+)/.exec(message)?.[1] ?? 0);
  if (limit === 0) return `prompt is too long: ${message}`;
  return `prompt is too long: ${Math.max(inputTokens, limit + 1)} tokens > ${limit} maximum`;
}
