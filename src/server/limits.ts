/** Every limit of the HTTP surface, in one place; README lists them. */
export const limits = {
  /** Request body: long agent histories with images are tens of megabytes. */
  bodyBytes: 64 * 1024 * 1024,
  /** Requests served at once; the next one is told to come back. */
  concurrentRequests: 512,
  /** Time for a client to send its headers. */
  headersTimeoutMs: 60_000,
  /** Time for a client to send a whole request. */
  requestTimeoutMs: 300_000,
  /** Idle connections are kept this long: pooled clients reuse them. */
  keepAliveTimeoutMs: 75_000,
} as const;
