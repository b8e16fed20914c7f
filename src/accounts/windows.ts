import type { QuotaWindowName } from '../core/errors.ts';
import type { QuotaReset } from '../core/quota-window.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Qwen's days, weeks and months turn over at midnight in China, which keeps no summer time. */
const chinaOffsetMs = 8 * hourMs;

export interface WindowBounds {
  readonly startsMs: number;
  readonly resetsMs: number;
}

/** The window of a calendar that holds `nowMs`. */
export function calendarWindow(
  reset: Exclude<QuotaReset, 'sliding' | 'subscription-day-utc8'>,
  nowMs: number,
): WindowBounds {
  switch (reset) {
    case 'midnight-utc':
      return daysFrom(Math.floor(nowMs / dayMs), 1, 0);
    case 'midnight-utc8':
      return daysFrom(chinaDay(nowMs), 1, chinaOffsetMs);
    case 'monday-utc8': {
      const day = chinaDay(nowMs);
      // 1970-01-01 was a Thursday, so day 4 was the first Monday.
      return daysFrom(day - ((((day - 4) % 7) + 7) % 7), 7, chinaOffsetMs);
    }
  }
}

/** The month from the billing day in China to the next; a 31st falls on the last day of shorter months. */
export function billingMonth(nowMs: number, day: number): WindowBounds {
  const now = new Date(nowMs + chinaOffsetMs);
  const turn = (monthsOn: number) => {
    const [year, month] = [now.getUTCFullYear(), now.getUTCMonth() + monthsOn];
    const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
    return Date.UTC(year, month, Math.min(day, lastDay)) - chinaOffsetMs;
  };
  const thisMonth = turn(0);
  return thisMonth <= nowMs ? { startsMs: thisMonth, resetsMs: turn(1) } : { startsMs: turn(-1), resetsMs: thisMonth };
}

/** Day of the month in China, 1 to 31. */
export function chinaDayOfMonth(atMs: number): number {
  return new Date(atMs + chinaOffsetMs).getUTCDate();
}

/**
 * How long until a used-up quota window is fresh again, where the calendar says so: the day and the week of Qwen's plans.
 * The 5-hour window slides and a month's end is the account's: `undefined`, the caller's cooldown decides.
 */
export function quotaResetMs(window: QuotaWindowName | undefined, nowMs: number): number | undefined {
  if (window === 'day') return calendarWindow('midnight-utc8', nowMs).resetsMs - nowMs;
  if (window === 'week') return calendarWindow('monday-utc8', nowMs).resetsMs - nowMs;
  return undefined;
}

const chinaDay = (atMs: number) => Math.floor((atMs + chinaOffsetMs) / dayMs);

const daysFrom = (day: number, days: number, offsetMs: number): WindowBounds => ({
  startsMs: day * dayMs - offsetMs,
  resetsMs: (day + days) * dayMs - offsetMs,
});
