/** Every limit of the HTTP surface, in one place; README lists them. */
export const limits = {
  /** Request body: long agent histories with images are tens of megabytes. */
  bodyBytes: 64 * 1024 * 1024,
  /** A model's name, in characters: it is kept with the request, in the ledger and beside failures. */
  modelNameLength: 256,
  /** Arrays and objects in one another. Real requests have some tens; what recurses over them has a stack to lose. */
  bodyDepth: 256,
  /** All headers of a request together, and its URL. */
  headerBytes: 16 * 1024,
  /** Connections at once; the next one is closed unheard. */
  connections: 2_048,
  /** Requests served at once; the next one is told to come back. */
  concurrentRequests: 512,
  /** Editors that are told of changes at once; the next one is told to come back. */
  gatewayFeeds: 1_024,
  /** Time for a client to send its headers. */
  headersTimeoutMs: 60_000,
  /** Time for a client to send a whole request. */
  requestTimeoutMs: 300_000,
  /** Idle connections are kept this long: pooled clients reuse them. */
  keepAliveTimeoutMs: 75_000,
  /** A client that takes nothing of what waits for it is given up after this long, and its place is free. */
  clientStallMs: 300_000,
  /** A connection on which nothing happens is asked after this long whether its other end still exists. */
  tcpKeepAliveMs: 60_000,
} as const;
