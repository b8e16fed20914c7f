/** When a window starts anew: by sliding, at midnight, on Mondays, or on the day of the month that the plan is billed. */
export type QuotaReset = 'sliding' | 'midnight-utc' | 'midnight-utc8' | 'monday-utc8' | 'subscription-day-utc8';

/** A quota the plan page promises; local counting starts from it and the upstream's own word wins. */
export interface QuotaWindow {
  readonly name: 'hour' | 'day' | 'week' | 'month';
  readonly reset: QuotaReset;
  /** Length of a window that slides; milliseconds. */
  readonly slidingMs?: number;
  /** Model calls per window; absent where the plan counts credits or tokens. */
  readonly limitRequests?: number;
}

/** Where one quota window of an account stands, counted on this machine and corrected by the upstream's own word. */
export interface WindowSummary {
  readonly name: QuotaWindow['name'];
  readonly usedRequests: number;
  readonly usedTokens: number;
  readonly limitRequests?: number;
  readonly limitTokens?: number;
  /** What remains, 0 to 1; absent where no limit is known. */
  readonly left?: number;
  readonly resetsMs: number;
  /** When it will be used up at the present pace, if that is before it resets. */
  readonly usedUpMs?: number;
}
