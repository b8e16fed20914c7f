import { type IncomingMessage, request as requestHttp } from 'node:http';
// biome-ignore lint/style/useNodejsImportProtocol: under this name every version of the editor puts its network proxies and certificates in place
import { request as requestHttps } from 'https';

/** A request to the proxy: on this machine, or to a team gateway. */
export interface ClientRequest {
  readonly method: 'GET' | 'POST';
  /** `http` on this machine, else `https`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal: AbortSignal;
}

/** Larger than any answer that is read as a whole. */
const largestBodyBytes = 4 * 1024 * 1024;

/**
 * Resolves with the head of the answer; a redirection is one, and not followed, because the key would go along. Not
 * `fetch`: the editor replaces it and caps silence at 300 s, and a model may think for longer. What goes to this machine
 * passes the editor's network settings by, what goes elsewhere follows them.
 */
export function sendRequest({ method, url, headers, body, signal }: ClientRequest): Promise<IncomingMessage> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const request = url.startsWith('https:') ? requestHttps : requestHttp;
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
