import type { QuotaWindowName } from '../core/errors.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Qwen's days and weeks turn over at midnight in China, which keeps no summer time. */
const chinaOffsetMs = 8 * hourMs;

/** Epoch milliseconds of the last 00:00 UTC. */
export function utcDayStartMs(nowMs: number): number {
  return Math.floor(nowMs / dayMs) * dayMs;
}

function nextChinaMidnightMs(nowMs: number): number {
  return (Math.floor((nowMs + chinaOffsetMs) / dayMs) + 1) * dayMs - chinaOffsetMs;
}

/** Next Monday 00:00 UTC+8. 1970-01-01 was a Thursday, so day 4 was the first Monday. */
function nextChinaMondayMs(nowMs: number): number {
  const day = Math.floor((nowMs + chinaOffsetMs) / dayMs);
  const daysToMonday = 7 - ((day - 4 + 7_000_000) % 7);
  return (day + daysToMonday) * dayMs - chinaOffsetMs;
}

/**
 * How long until a used-up quota window is fresh again, where the calendar says so: the day and the week of Qwen's plans.
 * The 5-hour window slides and the month hangs on an unknown billing day: `undefined`, the caller's cooldown decides.
 */
export function quotaResetMs(window: QuotaWindowName | undefined, nowMs: number): number | undefined {
  if (window === 'day') return nextChinaMidnightMs(nowMs) - nowMs;
  if (window === 'week') return nextChinaMondayMs(nowMs) - nowMs;
  return undefined;
}
