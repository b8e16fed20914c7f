import type { QuotaWindow } from '../core/quota-window.ts';
import { billingMonth, calendarWindow, chinaDayOfMonth, type WindowBounds } from './windows.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** The longest window is a month of 31 days; a day more, for its edges. */
export const quotaHistoryMs = 32 * dayMs;
/** The pace of a forecast is that of the last half hour: what the user is doing now. */
const paceMs = 30 * minuteMs;

/** A window as a plan or a user defines it. */
export interface QuotaRule extends QuotaWindow {
  readonly limitTokens?: number;
}

export interface QuotaAmount {
  readonly requests: number;
  readonly tokens: number;
}

/** What an account used, in slots fine enough for each window; plain memory, rebuilt from the ledger. */
export interface UsageHistory {
  add(atMs: number, amount: QuotaAmount): void;
  /** Everything from `fromMs` on. */
  since(fromMs: number): QuotaAmount;
  /** When the first use at or after `fromMs` was. */
  firstSince(fromMs: number): number | undefined;
}

interface Slot extends QuotaAmount {
  readonly minute: number;
}

/**
 * Minute slots in order, each with everything used up to its end: a window is the difference of two of them, so that a
 * full month of 46,080 slots costs a request no more than an empty one.
 */
export function createUsageHistory(): UsageHistory {
  const slots: Slot[] = [];
  /** What the slots that were dropped had used. */
  let before: QuotaAmount = { requests: 0, tokens: 0 };
  const minuteOf = (atMs: number) => Math.floor(atMs / minuteMs);
  /** Index of the first slot at or after a minute. */
  const indexOf = (minute: number): number => {
    let [low, high] = [0, slots.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((slots[middle]?.minute ?? 0) < minute) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return {
    add(atMs, { requests, tokens }) {
      const minute = minuteOf(atMs);
      const index = indexOf(minute);
      if (slots[index]?.minute !== minute) slots.splice(index, 0, { ...(slots[index - 1] ?? before), minute });
      // Uses arrive nearly in order: few slots come after this one, but while a restart reads the month.
      for (let later = index; later < slots.length; later++) {
        const slot = slots[later];
        if (slot) slots[later] = { ...slot, requests: slot.requests + requests, tokens: slot.tokens + tokens };
      }
      const old = indexOf(minuteOf(atMs - quotaHistoryMs));
      if (old === 0) return;
      before = slots[old - 1] ?? before;
      slots.splice(0, old);
    },
    since(fromMs) {
      const start = slots[indexOf(minuteOf(fromMs)) - 1] ?? before;
      const end = slots.at(-1) ?? before;
      return { requests: end.requests - start.requests, tokens: end.tokens - start.tokens };
    },
    firstSince(fromMs) {
      const slot = slots[indexOf(minuteOf(fromMs))];
      return slot && slot.minute * minuteMs;
    },
  };
}

/** Where a window stands. */
export interface QuotaUse {
  readonly name: QuotaRule['name'];
  readonly used: QuotaAmount;
  readonly limitRequests?: number;
  readonly limitTokens?: number;
  /** What remains, 0 to 1; absent where no limit is known. */
  readonly left?: number;
  readonly startsMs: number;
  /** When it is fresh again; for a sliding window, when its first use leaves it. */
  readonly resetsMs: number;
  /** When it will be used up at the present pace, if that is before it resets. */
  readonly usedUpMs?: number;
}

export interface QuotaMoment {
  readonly nowMs: number;
  /** The account's first day: its day of the month turns the month over. */
  readonly subscribedMs: number;
  /** The user's word on that day, 1 to 31. */
  readonly billingDay?: number;
  /** The upstream's word that the window was used up, which wins over what was counted. */
  readonly usedUpAtMs?: number;
}

/** Counts a window. The upstream's own "quota exceeded" corrects the count until the window is fresh again. */
export function quotaUse(rule: QuotaRule, history: UsageHistory, moment: QuotaMoment): QuotaUse {
  const { nowMs } = moment;
  const { startsMs, resetsMs } = bounds(rule, history, moment);
  const counted = history.since(startsMs);
  const isUsedUp = moment.usedUpAtMs !== undefined && moment.usedUpAtMs >= startsMs;
  const used = isUsedUp
    ? {
        requests: Math.max(counted.requests, rule.limitRequests ?? 0),
        tokens: Math.max(counted.tokens, rule.limitTokens ?? 0),
      }
    : counted;
  const shares = [share(used.requests, rule.limitRequests), share(used.tokens, rule.limitTokens)].filter(
    (value) => value !== undefined,
  );
  const left = isUsedUp ? 0 : shares.length === 0 ? undefined : Math.max(0, 1 - Math.max(...shares));
  const usedUpMs =
    left === undefined || left === 0 ? undefined : forecast(rule, { history, used, nowMs, startsMs, resetsMs });
  return {
    name: rule.name,
    used,
    ...(rule.limitRequests !== undefined && { limitRequests: rule.limitRequests }),
    ...(rule.limitTokens !== undefined && { limitTokens: rule.limitTokens }),
    ...(left !== undefined && { left }),
    startsMs,
    resetsMs,
    ...(usedUpMs !== undefined && { usedUpMs }),
  };
}

const share = (used: number, limit: number | undefined) =>
  limit === undefined ? undefined : limit === 0 ? 1 : used / limit;

function forecast(
  rule: QuotaRule,
  {
    history,
    used,
    nowMs,
    startsMs,
    resetsMs,
  }: { history: UsageHistory; used: QuotaAmount; nowMs: number; startsMs: number; resetsMs: number },
): number | undefined {
  const spanMs = Math.min(paceMs, Math.max(minuteMs, nowMs - startsMs));
  const recent = history.since(nowMs - spanMs + minuteMs);
  const timeLeft = (usedAmount: number, recentAmount: number, limit: number | undefined) =>
    limit === undefined || recentAmount === 0
      ? Number.POSITIVE_INFINITY
      : ((limit - usedAmount) / recentAmount) * spanMs;
  const endMs =
    nowMs +
    Math.min(
      timeLeft(used.requests, recent.requests, rule.limitRequests),
      timeLeft(used.tokens, recent.tokens, rule.limitTokens),
    );
  return endMs < resetsMs ||
    (rule.reset === 'sliding' && Number.isFinite(endMs) && endMs < nowMs + (rule.slidingMs ?? 0))
    ? Math.round(endMs)
    : undefined;
}

function bounds(
  rule: QuotaRule,
  history: UsageHistory,
  { nowMs, subscribedMs, billingDay, usedUpAtMs }: QuotaMoment,
): WindowBounds {
  switch (rule.reset) {
    case 'sliding': {
      const lengthMs = rule.slidingMs ?? 5 * hourMs;
      const startsMs = nowMs - lengthMs;
      const first = history.firstSince(startsMs + minuteMs);
      // Used up by calls that were not made here, it is fresh at the latest a length after it was.
      const usedUp = usedUpAtMs !== undefined && usedUpAtMs >= startsMs ? usedUpAtMs : nowMs;
      return { startsMs: startsMs + minuteMs, resetsMs: (first ?? usedUp) + lengthMs };
    }
    case 'subscription-day-utc8':
      return billingMonth(nowMs, billingDay ?? chinaDayOfMonth(subscribedMs));
    default:
      return calendarWindow(rule.reset, nowMs);
  }
}
