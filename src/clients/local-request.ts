import { type IncomingMessage, request } from 'node:http';

/** A request to the proxy on this machine. */
export interface LocalRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal: AbortSignal;
}

/** Larger than any answer that is read as a whole. */
const largestBodyBytes = 4 * 1024 * 1024;

/**
 * Resolves with the head of the answer. Not `fetch`: the editor replaces it and caps silence at 300 s, and a model may
 * think for longer.
 */
export function sendLocally({ method, url, headers, body, signal }: LocalRequest): Promise<IncomingMessage> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method,
      signal,
      headers: {
        ...headers,
        ...(text !== undefined && {
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(text)),
        }),
      },
    });
    sent.once('response', resolve).once('error', reject);
    sent.end(text);
  });
}

/** The whole body as text. Rejects when the connection breaks or the body is absurdly long. */
export async function readAll(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    bytes += buffer.length;
    if (bytes > largestBodyBytes) throw new Error('The answer is too long.');
    chunks.push(buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}
