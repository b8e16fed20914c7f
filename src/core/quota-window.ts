/** Where one quota window of an account stands, counted on this machine and corrected by the upstream's own word. */
export interface WindowSummary {
  readonly name: 'hour' | 'day' | 'week' | 'month';
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
