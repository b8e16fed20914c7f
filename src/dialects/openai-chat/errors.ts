import type { EncodedError, ErrorContext } from '../../core/dialect.ts';
import type { ErrorCode, GatewayError } from '../../core/errors.ts';
import { errorStatus, isShortage, persistence } from '../error-status.ts';

/** OpenAI's machine-readable codes, where its clients look at one: https://platform.openai.com/docs/guides/error-codes */
const codes: Readonly<Partial<Record<ErrorCode, string>>> = {
  context_too_long: 'context_length_exceeded',
  content_filtered: 'content_filter',
  body_too_large: 'request_too_large',
  unsupported_encoding: 'unsupported_content_encoding',
  not_implemented: 'not_implemented',
  upgrade_required: 'upgrade_required',
  client_rejected: 'client_rejected',
  unauthorized: 'account_unauthorized',
  token_expired: 'account_unauthorized',
  service_ended: 'account_unauthorized',
  billing: 'insufficient_quota',
  model_not_found: 'model_not_found',
  model_not_allowed: 'model_not_allowed',
  access_denied: 'access_denied',
  client_unauthorized: 'invalid_api_key',
  forbidden: 'forbidden',
  not_found: 'unknown_url',
  method_not_allowed: 'method_not_allowed',
  no_account: 'no_account',
  shutting_down: 'shutting_down',
  client_gone: 'client_gone',
  internal: 'internal_error',
};

/** Type and code by which OpenAI's clients decide. */
export function errorKind(error: GatewayError): { readonly type: string; readonly code: string | null } {
  const lasts = persistence(error);
  if (lasts === 'momentary') return { type: 'rate_limit_error', code: 'rate_limit_exceeded' };
  if (isShortage(error)) return { type: 'insufficient_quota', code: 'insufficient_quota' };
  const isServer = lasts === 'server' || error.code === 'no_account' || error.code === 'client_gone';
  return { type: isServer ? 'server_error' : 'invalid_request_error', code: codes[error.code] ?? null };
}

/** What happened and what to do about it, in one text. */
export const errorText = ({ message, fix }: GatewayError) => (fix === undefined ? message : `${message} ${fix}`);

/** The error object of OpenAI's APIs, without HTTP around it: also the payload of an in-stream error. */
export function encodeErrorBody(error: GatewayError, requestId: string) {
  const { type, code } = errorKind(error);
  return { error: { message: errorText(error), type, param: error.param ?? null, code }, request_id: requestId };
}

/** A whole HTTP answer in OpenAI's error shape. */
export function encodeError(error: GatewayError, context: ErrorContext): EncodedError {
  return { ...errorStatus(error, context), body: encodeErrorBody(error, context.requestId) };
}
