/** Tokens of one answer, as the upstream counted them. Totals: a later report replaces an earlier one. */
export interface Usage {
  /** All input, cache reads and writes included. */
  readonly inputTokens: number;
  /** All output, reasoning included. */
  readonly outputTokens: number;
  readonly cachedTokens: number;
  /** Input written to the explicit cache, where the upstream tells. */
  readonly cacheWriteTokens?: number;
  readonly reasoningTokens: number;
}
