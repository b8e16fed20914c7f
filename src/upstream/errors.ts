import { type ErrorCode, GatewayError } from '../core/errors.ts';
import { cleanUpstreamText, type ErrorEnvelope, parseErrorEnvelope } from './error-envelope.ts';
import { type ErrorMeaning, errorRules } from './error-rules.ts';

export { classifyTransportError } from './transport-errors.ts';

/** A finished HTTP answer that is a failure, or is no answer of the API at all. */
export interface HttpFailure {
  readonly status: number;
  readonly headers: {
    /** `Retry-After`: seconds or an HTTP date. */
    readonly retryAfter?: string | undefined;
    /** `retry-after-ms`: milliseconds. */
    readonly retryAfterMs?: string | undefined;
    readonly contentType?: string | undefined;
  };
  readonly body: string;
  /** Epoch milliseconds, to turn an HTTP date into a wait. */
  readonly now: number;
}

/** A failure inside a stream; shaped so that an {@link ErrorEnvelope} fits. */
export interface StreamFailure {
  /** The text, or the raw event or JSON it stands in: `error_finish` carries either in `delta.content`. */
  readonly message?: string | null | undefined;
  readonly code?: string | number | null | undefined;
  readonly type?: string | null | undefined;
  /** From an `:HTTP_STATUS/429` comment or the payload. */
  readonly status?: number | undefined;
  readonly requestId?: string | null | undefined;
}

const longestRetryAfterMs = 24 * 60 * 60 * 1000;

/** Statuses whose web page is a firewall's or a portal's and no word about the account; Alibaba's WAF uses 200, 403 and 405. */
const webPageStatuses: readonly number[] = [401, 403, 405];

/** Turns a failed HTTP answer into the error it means; texts and codes decide before the status does. */
export function classifyHttpError(failure: HttpFailure): GatewayError {
  const { status, headers } = failure;
  const envelope = parseErrorEnvelope(failure.body, headers.contentType);
  const meaning = meaningOf(envelope, status);
  return createError(meaning, envelope, { status, retryAfterMs: retryAfterMs(headers, failure.now) });
}

/**
 * Turns a failure met inside a stream into the error it means: a native `event:error`, a `data:{"error":…}` line, a flat
 * `{code,message,request_id}` line, or the text of a chunk that finished with `error_finish`.
 */
export function classifyStreamError(failure: StreamFailure): GatewayError {
  const inText = parseErrorEnvelope(failure.message ?? '');
  const code = failure.code == null || failure.code === '' ? inText.code : String(failure.code);
  const type = failure.type == null || failure.type === '' ? inText.type : failure.type;
  const status = failure.status ?? inText.status;
  const requestId = failure.requestId ?? inText.requestId;
  const envelope: ErrorEnvelope = {
    ...inText,
    ...(code === undefined ? {} : { code }),
    ...(type === undefined ? {} : { type }),
    ...(requestId === undefined ? {} : { requestId }),
  };
  return createError(meaningOf(envelope, status ?? statusOfName(code, type)), envelope, { status });
}

/** Milliseconds an upstream asks to wait, 0 … 24 h; `undefined` where it says nothing usable. `retry-after-ms` wins. */
export function retryAfterMs(headers: HttpFailure['headers'], now: number): number | undefined {
  const waitMs = plainNumber(headers.retryAfterMs) ?? secondsOrDateMs(headers.retryAfter?.trim(), now);
  return waitMs === undefined ? undefined : Math.min(Math.max(Math.round(waitMs), 0), longestRetryAfterMs);
}

function secondsOrDateMs(value: string | undefined, now: number): number | undefined {
  const seconds = plainNumber(value);
  if (seconds !== undefined) return seconds * 1000;
  // Only real HTTP dates: Date.parse takes "soon 5" for a day in 2001.
  if (value === undefined || !/^[A-Z][a-z]{2,8},? .*GMT$/.test(value)) return undefined;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : atMs - now;
}

function plainNumber(value: string | undefined): number | undefined {
  return value !== undefined && /^\s*\d+(?:\.\d+)?\s*$/.test(value) ? Number(value) : undefined;
}

function meaningOf(envelope: ErrorEnvelope, status: number | undefined): ErrorMeaning {
  const { html, code = '', type = '' } = envelope;
  if (html && (status === undefined || status < 400 || webPageStatuses.includes(status))) {
    const fix = 'A web page answered instead of the API: check the base URL, the proxy and the network sign-in.';
    return { error: 'upstream_protocol', fix };
  }
  // A page's title is no statement of the API.
  const message = html ? '' : (envelope.message ?? '');
  const rule = errorRules.find(
    (each) =>
      (each.status === undefined || (status !== undefined && [each.status].flat().includes(status))) &&
      (each.message === undefined || each.message.test(message)) &&
      (each.code === undefined || each.code.test(code) || each.code.test(type)),
  );
  return rule ?? meaningOfStatusClass(envelope, status);
}

function meaningOfStatusClass(envelope: ErrorEnvelope, status: number | undefined): ErrorMeaning {
  if (status === undefined || status >= 500) return { error: 'upstream_error' };
  if (status >= 400) return { error: 'invalid_request' };
  if (status >= 300) return { error: 'wrong_path', fix: 'The base URL redirects: enter the address it leads to.' };
  // A 200 that carries an error object (seen at gateways before custom bases) may still name its kind.
  const named = statusOfName(envelope.code, envelope.type);
  if (named !== undefined) return meaningOf(envelope, named);
  return { error: envelope.code === undefined ? 'upstream_protocol' : 'upstream_error' };
}

/** HTTP status that a general code or type stands for where no status came with it. */
function statusOfName(code: string | undefined, type: string | undefined): number | undefined {
  for (const name of [code, type]) {
    if (name === undefined) continue;
    const number = Number(name);
    if (Number.isInteger(number) && number >= 400 && number <= 599) return number;
    const found = generalNames.find(([pattern]) => pattern.test(name));
    if (found) return found[1];
  }
  return undefined;
}

const generalNames: readonly (readonly [RegExp, number])[] = [
  [/(?:^|\.)Invalid_?Parameter|^invalid_parameter_error$|^invalid_request_error$/i, 400],
  [/^billing_error$/i, 402],
  [/^permission_error$|AccessDenied$/i, 403],
  [/^not_found_error$/i, 404],
  [/^Internal_?(?:Server_?)?Error|^SystemError$|^ModelServiceFailed$|^api_error$|^server_error$/i, 500],
];

function createError(
  meaning: ErrorMeaning,
  envelope: ErrorEnvelope,
  seen: { status?: number | undefined; retryAfterMs?: number | undefined },
): GatewayError {
  const upstreamCode = envelope.code ?? envelope.type;
  return new GatewayError(meaning.error, clientMessage(meaning.error, envelope, seen.status), {
    upstreamStatus: seen.status,
    upstreamCode: upstreamCode === undefined ? undefined : cleanUpstreamText(upstreamCode),
    upstreamRequestId: envelope.requestId,
    retryAfterMs: seen.retryAfterMs,
    window: meaning.window,
    param: meaning.param,
    fix: meaning.fix,
  });
}

function clientMessage(error: ErrorCode, envelope: ErrorEnvelope, status: number | undefined): string {
  const answered = status === undefined ? 'The upstream failed' : `The upstream answered HTTP ${status}`;
  const text = cleanUpstreamText(envelope.message ?? '');
  if (envelope.html) return `${answered} with a web page${text === '' ? '' : ` ("${text}")`} instead of an API answer.`;
  if (text !== '') return text;
  const name = envelope.code ?? envelope.type;
  return `${answered} (${name === undefined ? error : cleanUpstreamText(name)}) without an explanation.`;
}
