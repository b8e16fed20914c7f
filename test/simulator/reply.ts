/** What goes out for one request. Faults are functions from reply to reply. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** One write each. */
  readonly chunks: readonly string[];
  /** An event stream: chunked transfer, counted in `openStreams`. */
  readonly streaming: boolean;
  /** How the request counts when everything was delivered. */
  readonly outcome: 'complete' | 'refused' | 'cut';
  readonly ending: 'end' | 'stall' | 'reset';
  readonly chunkDelayMs: number;
  readonly firstByteDelayMs: number;
  readonly headersFirst: boolean;
  readonly encoding?: 'gzip' | 'br' | 'deflate';
  readonly pieceBytes?: number;
  readonly cutAtByte?: number;
}

const plain = {
  streaming: false,
  outcome: 'complete',
  ending: 'end',
  chunkDelayMs: 0,
  firstByteDelayMs: 0,
  headersFirst: false,
} as const;

/** A whole body in one write. Anything but 2xx counts as refused. */
export function bodyReply(status: number, contentType: string, body: string): Reply {
  return {
    ...plain,
    status,
    headers: body === '' ? {} : { 'content-type': contentType },
    chunks: body === '' ? [] : [body],
    outcome: status < 300 ? 'complete' : 'refused',
  };
}

/** A JSON body. */
export function jsonReply(status: number, body: unknown): Reply {
  return bodyReply(status, 'application/json', JSON.stringify(body));
}

/** An event stream with status 200. */
export function streamReply(chunks: readonly string[], chunkDelayMs = 0): Reply {
  const headers = { 'content-type': 'text/event-stream;charset=UTF-8', 'cache-control': 'no-cache' };
  return { ...plain, status: 200, headers, chunks, streaming: true, chunkDelayMs };
}
