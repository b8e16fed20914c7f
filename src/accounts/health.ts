import type { AccountState } from '../core/control.ts';
import type { ErrorCode, GatewayError, QuotaWindowName } from '../core/errors.ts';
import { quotaResetMs } from './windows.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

interface Policy {
  /** What the account is while the entry holds. */
  readonly state: Exclude<AccountState, 'ready' | 'disabled'>;
  /** First cooldown; doubled on each repeat. */
  readonly baseMs: number;
  /** No cooldown is longer, whatever an upstream says. */
  readonly capMs: number;
  /** Holds for one model, not for the whole account. */
  readonly perModel: boolean;
  /** Passes by itself within minutes: worth a trial when nothing else is ready. */
  readonly transient: boolean;
}

const cooling = (baseMs: number, capMs: number, perModel: boolean): Policy => ({
  state: 'cooling',
  baseMs,
  capMs,
  perModel,
  transient: true,
});
const blocked = (baseMs: number, capMs: number, perModel: boolean): Policy => ({
  state: 'exhausted',
  baseMs,
  capMs,
  perModel,
  transient: false,
});
const refused: Policy = {
  state: 'unauthorized',
  baseMs: Number.POSITIVE_INFINITY,
  capMs: Number.POSITIVE_INFINITY,
  perModel: false,
  transient: false,
};

/** How each failure treats the account that met it; a code that is missing here says nothing about the account. */
const policies: Readonly<Partial<Record<ErrorCode, Policy>>> = {
  unauthorized: refused,
  token_expired: refused,
  service_ended: refused,
  billing: blocked(hour, 24 * hour, false),
  quota_exhausted: blocked(15 * minute, 24 * hour, false),
  quota_soft: blocked(hour, 4 * hour, false),
  // Qwen's limits are per model and main account and recover within about a minute.
  rate_limited: cooling(30 * second, 5 * minute, true),
  token_rate_limited: cooling(minute, 30 * minute, true),
  burst: cooling(2 * second, minute, true),
  concurrency: cooling(3 * second, minute, false),
  model_not_found: blocked(10 * minute, 6 * hour, true),
  model_not_allowed: blocked(10 * minute, 6 * hour, true),
  access_denied: blocked(10 * minute, 6 * hour, true),
  wrong_path: blocked(10 * minute, hour, false),
  upstream_error: cooling(second, 30 * second, true),
  upstream_overloaded: cooling(2 * second, 30 * second, true),
  upstream_timeout: cooling(5 * second, minute, true),
  upstream_unreachable: cooling(2 * second, 30 * second, false),
  upstream_protocol: cooling(5 * second, minute, true),
};

/** Names of models come from clients: of an account's entries about single ones the latest are kept. */
const maximumModelEntries = 100;

/** One thing that keeps an account, or one model of it, from serving. */
export interface HealthEntry {
  readonly code: ErrorCode;
  /** Absent = the whole account. */
  readonly model?: string;
  readonly sinceMs: number;
  /** The account is tried again by the first request after this; `null` = only when the user clears it. */
  readonly untilMs: number | null;
  /** Cooldowns in a row, for growing ones. */
  readonly count: number;
  readonly reason: string;
  readonly fix?: string;
  /** The quota window that the upstream said is used up. */
  readonly window?: QuotaWindowName;
}

/** Everything remembered against one account; plain data that is kept across restarts. */
export type Health = readonly HealthEntry[];

/** Whether an account may serve a model now, and if not, why and how long. */
export interface Standing {
  readonly state: AccountState;
  /** The obstacle that lasts longest. */
  readonly code?: ErrorCode;
  readonly reason?: string;
  readonly fix?: string;
  readonly untilMs?: number;
  /** Every obstacle passes by itself within minutes. */
  readonly transient: boolean;
}

const policyOf = (entry: HealthEntry) => policies[entry.code] ?? refused;
const applies = (entry: HealthEntry, model: string | undefined) => entry.model === undefined || entry.model === model;
/** No cooldown is longer than its cap: one that seems to be was written before the machine's clock was set back. */
const holds = (entry: HealthEntry, nowMs: number) =>
  entry.untilMs === null || (entry.untilMs > nowMs && entry.untilMs - nowMs <= policyOf(entry).capMs);
/** A failure so long after the last one is no repeat; remembering less also bounds what is kept. */
const isRemembered = (entry: HealthEntry, nowMs: number) =>
  holds(entry, nowMs) || (entry.untilMs !== null && Math.abs(nowMs - entry.untilMs) < policyOf(entry).capMs);

/** The health after a failure. A request's own fault changes nothing. */
export function afterFailure(health: Health, error: GatewayError, model: string, nowMs: number): Health {
  const base = policies[error.code];
  if (base === undefined) return health;
  // A free tier that ended for one model leaves the others; every other quota is the account's.
  const policy = error.window === 'model' ? { ...base, perModel: true } : base;
  const isSame = (entry: HealthEntry) =>
    entry.code === error.code && entry.model === (policy.perModel ? model : undefined);
  const remembered = health.filter((entry) => isRemembered(entry, nowMs));
  const last = remembered.find(isSame);
  // Requests that were under way together fail together: while a cooldown holds, one more failure is no repeat.
  const isHolding = last !== undefined && holds(last, nowMs);
  const count = (last?.count ?? 0) + (isHolding ? 0 : 1);
  const grown = nowMs + Math.min(policy.baseMs * 2 ** Math.min(count - 1, 20), policy.capMs);
  // An upstream's own hint wins over our default in both directions and is not multiplied.
  const hintMs = error.retryAfterMs ?? quotaResetMs(error.window, nowMs);
  const hinted = hintMs === undefined ? undefined : nowMs + Math.min(hintMs, policy.capMs);
  const untilMs = hinted ?? (isHolding ? Math.max(last.untilMs ?? grown, grown) : grown);
  const entry: HealthEntry = {
    code: error.code,
    ...(policy.perModel && { model }),
    sinceMs: nowMs,
    // What only the user can mend does not end by time, whatever an upstream hints.
    untilMs: policy.state === 'unauthorized' ? null : untilMs,
    count,
    reason: error.message,
    ...(error.fix !== undefined && { fix: error.fix }),
    ...(error.window !== undefined && { window: error.window }),
  };
  return latestOfModels([...remembered.filter((other) => !isSame(other)), entry]);
}

/** The same without the oldest of too many entries about models; those of the whole account all stay. */
function latestOfModels(entries: Health): Health {
  let tooMany = entries.filter(({ model }) => model !== undefined).length - maximumModelEntries;
  return tooMany <= 0 ? entries : entries.filter(({ model }) => model === undefined || tooMany-- <= 0);
}

/**
 * The health after an answered request: what stood against this model when the request was sent is over. A failure that
 * came later tells more about now than the end of an older answer.
 */
export function afterSuccess(health: Health, model: string, sentAtMs: number): Health {
  const rest = health.filter((entry) => !applies(entry, model) || entry.sinceMs > sentAtMs);
  return rest.length === health.length ? health : rest;
}

/** The entries that hold now, those of single models included: what there is to show. */
export function holding(health: Health, nowMs: number): Health {
  return health.filter((entry) => holds(entry, nowMs));
}

/** What the entries mean now, for one model or (without one) for the account as a whole. */
export function standing(health: Health, model: string | undefined, nowMs: number): Standing {
  const obstacles = health.filter((entry) => applies(entry, model) && holds(entry, nowMs));
  const longest = obstacles.reduce<HealthEntry | undefined>(
    (worst, entry) => (worst === undefined || endOf(entry) > endOf(worst) ? entry : worst),
    undefined,
  );
  if (longest === undefined) return { state: 'ready', transient: false };
  return {
    state: policyOf(longest).state,
    code: longest.code,
    reason: longest.reason,
    ...(longest.fix !== undefined && { fix: longest.fix }),
    ...(longest.untilMs !== null && { untilMs: longest.untilMs }),
    transient: obstacles.every((entry) => policyOf(entry).transient),
  };
}

const endOf = (entry: HealthEntry) => entry.untilMs ?? Number.POSITIVE_INFINITY;
