/**
 * Whom a failure belongs to, which decides what the attempt loop does with it:
 *
 * | scope      | the attempt loop                                    | the account       |
 * |------------|-----------------------------------------------------|-------------------|
 * | `request`  | answers the client; another account would say the same | keeps its state   |
 * | `account`  | tries another account                               | cools or is taken out |
 * | `provider` | backs off (bounded), then tries another account     | short cooldown    |
 * | `local`    | answers the client; our own limit or state          | keeps its state   |
 */
export type ErrorScope = 'request' | 'account' | 'provider' | 'local';

const scopeOfCode = {
  // request: the client has to change something
  invalid_request: 'request',
  context_too_long: 'request',
  content_filtered: 'request',
  body_too_large: 'request',
  unsupported_encoding: 'request',
  not_implemented: 'request',
  upgrade_required: 'request',
  client_rejected: 'request',
  // account: this credential cannot serve it
  unauthorized: 'account',
  token_expired: 'account',
  service_ended: 'account',
  billing: 'account',
  quota_exhausted: 'account',
  quota_soft: 'account',
  rate_limited: 'account',
  token_rate_limited: 'account',
  burst: 'account',
  concurrency: 'account',
  model_not_found: 'account',
  model_not_allowed: 'account',
  access_denied: 'account',
  wrong_path: 'account',
  // provider: Qwen or the way to it
  upstream_error: 'provider',
  upstream_overloaded: 'provider',
  upstream_timeout: 'provider',
  upstream_unreachable: 'provider',
  upstream_protocol: 'provider',
  model_output: 'provider',
  // local: this proxy
  client_unauthorized: 'local',
  forbidden: 'local',
  not_found: 'local',
  method_not_allowed: 'local',
  no_account: 'local',
  accounts_cooling: 'local',
  too_many_requests: 'local',
  shutting_down: 'local',
  client_gone: 'local',
  internal: 'local',
} as const satisfies Record<string, ErrorScope>;

/** Machine-readable reason of a failure; the scope follows from it. */
export type ErrorCode = keyof typeof scopeOfCode;

/** Which quota an upstream said is used up. `model` = one model's free tier, `unknown` = it did not say. */
export const quotaWindowNames = ['hour', 'day', 'week', 'month', 'model', 'unknown'] as const;
export type QuotaWindowName = (typeof quotaWindowNames)[number];

export interface GatewayErrorOptions {
  /** Status the upstream answered with; absent where no HTTP answer came. */
  upstreamStatus?: number | undefined;
  /** The upstream's own code, kept for logs. */
  upstreamCode?: string | undefined;
  /** The upstream's own request id, kept for support cases. */
  upstreamRequestId?: string | undefined;
  /** How long the upstream, or our own state, says to wait. Milliseconds. */
  retryAfterMs?: number | undefined;
  /** The used-up quota window, with `quota_exhausted`. */
  window?: QuotaWindowName | undefined;
  /** The request field at fault, in the client's own spelling. */
  param?: string | undefined;
  /** One sentence that says what to do next, for people. */
  fix?: string | undefined;
  cause?: unknown;
}

/**
 * The one error type between the edges: thrown where the cause is known, judged once in the attempt loop, and turned
 * into HTTP by the client's dialect. Inner code neither re-wraps it nor reads status codes again.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: ErrorCode;
  readonly upstreamStatus: number | undefined;
  readonly upstreamCode: string | undefined;
  readonly upstreamRequestId: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly window: QuotaWindowName | undefined;
  readonly param: string | undefined;
  readonly fix: string | undefined;

  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.upstreamStatus = options.upstreamStatus;
    this.upstreamCode = options.upstreamCode;
    this.upstreamRequestId = options.upstreamRequestId;
    this.retryAfterMs = options.retryAfterMs;
    this.window = options.window;
    this.param = options.param;
    this.fix = options.fix;
  }

  get scope(): ErrorScope {
    return scopeOfCode[this.code];
  }

  /** The same failure with its field in another format's spelling; `undefined` where that one has no such field. */
  withParam(param: string | undefined): GatewayError {
    return new GatewayError(this.code, this.message, { ...this, param, cause: this.cause });
  }
}

/** Every code with its scope, for tables in tests and docs. */
export const errorScopes: Readonly<Record<ErrorCode, ErrorScope>> = scopeOfCode;

/** Narrows anything thrown to a {@link GatewayError}; what nobody classified becomes `internal`, its text kept as cause only. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError('internal', 'The proxy met an unexpected error.', { cause: thrown });
}
