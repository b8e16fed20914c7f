import type { Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** What Node's parser says of a request that is none, and what a person should know of it. */
const refusals: Readonly<Record<string, readonly [status: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The URL and the headers of the request are too long.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['413 Content Too Large', 'The chunks of the request body carry too much beside it.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request did not come to its end in time.'],
};
const otherwise = ['400 Bad Request', 'This is no valid HTTP/1.1 request.'] as const;

/** What still arrives is dropped for so long: a reset would take the answer with it. */
const lingerMs = 2_000;

/**
 * Answers what is no HTTP with a JSON error that clients of both makers can read; Node's own answer has no body. Requests
 * with two lengths, or with one in a form that another server might read otherwise, end here too (RFC 9112, section 11.2).
 */
export function answerMalformed(server: Server): void {
  const open = new WeakMap<Duplex, ServerResponse[]>();
  const isRefused = new WeakSet<Duplex>();
  server.on('request', ({ socket }, response) => {
    const responses = open.get(socket) ?? [];
    if (responses.length === 0) open.set(socket, responses);
    responses.push(response);
    response.once('close', () => responses.splice(responses.indexOf(response), 1));
  });
  server.on('clientError', (error: Error & { readonly code?: string }, socket) => {
    if (isRefused.has(socket)) return;
    isRefused.add(socket);
    // Among the bytes of another answer this one would be taken for a part of it.
    const [first, ...others] = open.get(socket) ?? [];
    if (!socket.writable || first?.headersSent === true || others.length > 0) return void socket.destroy();
    const [status, message] = refusals[error.code ?? ''] ?? otherwise;
    const body = JSON.stringify({
      type: 'error',
      error: { message, type: 'invalid_request_error', param: null, code: null },
    });
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    timer.unref();
    socket.once('close', () => clearTimeout(timer));
    socket.end(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  });
}
