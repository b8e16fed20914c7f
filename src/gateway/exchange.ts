import type { JsonObject } from '../core/json.ts';

/**
 * One client request as the gateway sees it: where the answer goes. The server implements it over its response; the
 * gateway knows no HTTP server.
 */
export interface Exchange {
  readonly requestId: string;
  /** Aborts when the client is gone, or when the server stops. */
  readonly signal: AbortSignal;
  /** The client's own User-Agent, passed on to plans that gate by tool. */
  readonly userAgent: string | undefined;
  /** What the client's headers say about the conversation. */
  readonly session: string | undefined;
  /** Headers of the client that an endpoint of its own format is given, by lower-case name. */
  readonly passedHeaders: Readonly<Record<string, string>>;
  /** The trace that the client's request belongs to, for every upstream. */
  readonly traceHeaders?: Readonly<Record<string, string>>;
  /** Name of the client key, where it has one of its own. */
  readonly clientKey?: string | undefined;
  /** True once headers have gone out: from then on failures travel in the stream. */
  isOpen(): boolean;
  /** Sends the headers of a successful event stream. */
  openStream(): void;
  /** Sends a sign of life, and the headers before it; nothing while the client is behind with its reading. */
  ping(text: string): void;
  /** A promise where the client has no room for more, which resolves when it has: slow readers slow the upstream down. */
  write(bytes: string | Buffer): Promise<void> | undefined;
  /** Ends the stream with its last bytes. */
  endStream(lastBytes: string): Promise<void>;
  /** Sends last bytes and closes the connection without the stream's end: nobody can take it for a whole one. */
  breakStream(lastBytes: string): Promise<void>;
  /** Sends a whole JSON answer. */
  sendJson(status: number, headers: Readonly<Record<string, string>>, body: JsonObject): Promise<void>;
}
