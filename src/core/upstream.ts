/** One HTTP request to an upstream, credential included: never logged as a whole. */
export interface UpstreamRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | BodyInPieces;
}

/** A body that is sent piece by piece. */
export interface BodyInPieces {
  readonly pieces: readonly Uint8Array[];
  /**
   * To be called before they are sent; what it returns, when all of them have been: their memory may then serve another
   * request.
   */
  lend(): () => void;
}

/** Bytes that arrive as they are read; a Node `Readable` is one. */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  /** Gives up what has not been read, and the connection with it. */
  destroy(): unknown;
  /**
   * Hands every read over as it comes, without a promise for each, until there are no more or enough; what is left then is
   * still to be read. Where `onRead` returns a promise the next read waits for it. Absent where only a loop can.
   * @throws what broke the body off, and what `onRead` throws or rejects with.
   */
  flow?(onRead: (read: Uint8Array) => Promise<void> | undefined, isEnough: () => boolean): Promise<void>;
  /** All has come and been read; absent where nobody knows before the next read. */
  readonly isOver?: boolean;
}

/** An answer whose body has not been read yet. Destroying the body gives the connection up. */
export interface UpstreamResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: ByteStream;
}

/** The endpoint formats an upstream can speak natively. */
export type WireFormat =
  | 'openai-chat'
  | 'openai-completions'
  | 'openai-embeddings'
  | 'openai-responses'
  | 'anthropic-messages';

/** Base URLs of one account, without a trailing slash. `openai` ends in `/v1`. */
export interface Endpoints {
  readonly openai: string;
  readonly anthropic?: string;
  readonly responses?: string;
}

/** Reads one header, the first of a repeated one. */
export function headerValue(headers: UpstreamResponse['headers'], name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/**
 * Reads a whole body as text, up to `limitBytes`; what is longer is cut off and the connection given up. For errors and
 * small documents only.
 */
export async function readText(body: ByteStream, limitBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const part of body) {
    const room = limitBytes - bytes;
    text += decoder.decode(part.length > room ? part.subarray(0, room) : part, { stream: true });
    bytes += part.length;
    if (bytes >= limitBytes) break;
  }
  return text + decoder.decode();
}

/** A request's body as text. */
export function bodyText(body: UpstreamRequest['body']): string {
  if (body === undefined || typeof body === 'string') return body ?? '';
  return Buffer.concat(body instanceof Uint8Array ? [body] : body.pieces).toString('utf8');
}
