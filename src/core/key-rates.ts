import type { ClientKeyLimits } from './client-key.ts';

const minuteMs = 60_000;
/** When a place may be free again is anybody's guess. */
const openRetryMs = 1_000;
/** What is paid back in fractions adds up to a hair more than a minute. */
const hairMs = 1e-3;

/** The limits that bear on when a request may begin. */
export type KeyRateLimits = Pick<ClientKeyLimits, 'requestsPerMinute' | 'concurrentRequests'>;

/** How a client key stands. */
export interface KeyUse {
  /** Requests under way; counted where their number is limited. */
  readonly open: number;
  /** Until the requests that began are paid back at the rate of the limit. Where it is a minute, nothing may begin. */
  readonly owedMs: number;
}

/** Whether a request may begin; if not, which limit is in the way and when to come again. */
export type KeyVerdict =
  | { readonly refusedBy?: undefined }
  | { readonly refusedBy: keyof KeyRateLimits; readonly retryAfterMs: number };

/** Holds client keys to the limits that bear on when a request may begin. */
export interface KeyRates {
  /** What is refused costs nothing. */
  begin(key: string, limits: KeyRateLimits): KeyVerdict | Promise<KeyVerdict>;
  /** A request that was let begin under `concurrentRequests` is over. */
  end(key: string): void;
}

/** What a request costs at this rate, in milliseconds of the minute. */
export function costMsOf({ requestsPerMinute }: KeyRateLimits): number {
  return requestsPerMinute === undefined ? 0 : minuteMs / requestsPerMinute;
}

export function judgeBegin(limits: KeyRateLimits, use: KeyUse): KeyVerdict {
  const isFull = limits.concurrentRequests !== undefined && use.open >= limits.concurrentRequests;
  return isFull || missingMsOf(limits, use) > hairMs ? refuseBegin(limits, use) : {};
}

/** Why a request that may not begin may not. */
export function refuseBegin(limits: KeyRateLimits, use: KeyUse): KeyVerdict {
  return limits.concurrentRequests !== undefined && use.open >= limits.concurrentRequests
    ? { refusedBy: 'concurrentRequests', retryAfterMs: openRetryMs }
    : { refusedBy: 'requestsPerMinute', retryAfterMs: Math.max(1, Math.ceil(missingMsOf(limits, use))) };
}

const missingMsOf = (limits: KeyRateLimits, { owedMs }: KeyUse) =>
  limits.requestsPerMinute === undefined ? 0 : owedMs + costMsOf(limits) - minuteMs;

/** The use of client keys in one process. */
export interface OwnKeyRates extends KeyRates {
  begin(key: string, limits: KeyRateLimits): KeyVerdict;
  use(key: string): KeyUse;
  /** Puts what is known better in its place. */
  learn(key: string, use: KeyUse): void;
  keys(): Iterable<string>;
}

/** @param now Milliseconds since whenever. */
export function createKeyRates(now: () => number): OwnKeyRates {
  const states = new Map<string, KeyUse & { readonly atMs: number }>();
  const use = (key: string): KeyUse => {
    const { open, owedMs, atMs } = states.get(key) ?? { open: 0, owedMs: 0, atMs: 0 };
    return { open, owedMs: Math.max(0, owedMs - Math.max(0, now() - atMs)) };
  };
  const learn = (key: string, { open, owedMs }: KeyUse) => void states.set(key, { open, owedMs, atMs: now() });
  return {
    use,
    learn,
    keys: () => states.keys(),
    begin(key, limits) {
      const before = use(key);
      const verdict = judgeBegin(limits, before);
      if (verdict.refusedBy === undefined)
        learn(key, {
          open: before.open + (limits.concurrentRequests === undefined ? 0 : 1),
          owedMs: before.owedMs + costMsOf(limits),
        });
      return verdict;
    },
    end(key) {
      const { open, owedMs } = use(key);
      learn(key, { open: Math.max(0, open - 1), owedMs });
    },
  };
}
