import type { IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Slots } from '../core/slots.ts';
import type { Exchange } from '../gateway/exchange.ts';
import { type StreamedBody, streamBody } from './chunked-body.ts';
import { passedHeaders } from './passed-headers.ts';
import { sessionHeader } from './session-header.ts';
import { traceHeaders } from './trace-headers.ts';

export interface NodeExchangeOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** The requests that end when the server stops. */
  readonly open: Slots<AbortController>;
  /** Name of the client key that was sent, where it has one. */
  readonly clientKey?: string | undefined;
  /** A client that takes nothing of what waits for it is given up after this long. */
  readonly clientStallMs: number;
}

/** An {@link Exchange} on a node response, and the promise of its end. */
export interface NodeExchange extends Exchange {
  /** Resolves when the connection is done with this response, answered or not. */
  readonly closed: Promise<void>;
}

/**
 * Writes straight to the node response: a web `Response` with a stream costs 1.5 times the CPU per chunk (measured in
 * the spike of the hot path).
 */
export function createNodeExchange(options: NodeExchangeOptions): NodeExchange {
  const { request, response, requestId, open, clientKey, clientStallMs } = options;
  const ended = new AbortController();
  const slot = open.add(ended);
  const closed = new Promise<void>((resolve) => {
    response.once('close', () => {
      // `close` comes after a complete answer too; then nobody waits for the signal any more.
      open.remove(slot);
      if (!response.writableFinished) ended.abort(clientGone());
      resolve();
    });
  });
  const userAgent = request.headers['user-agent'];
  let body: StreamedBody | undefined;

  const openStream = () => {
    if (response.headersSent || response.destroyed) return;
    response.socket?.setNoDelay(true);
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // nginx would hold the stream back otherwise.
      'x-accel-buffering': 'no',
      'x-request-id': requestId,
      'request-id': requestId,
    });
    response.flushHeaders();
    body = streamBody(response);
  };

  return {
    requestId,
    signal: ended.signal,
    userAgent,
    session: sessionHeader(request.headers),
    passedHeaders: passedHeaders(request.headers),
    traceHeaders: traceHeaders(request.headers),
    clientKey,
    closed,
    isOpen: () => response.headersSent,
    openStream,
    ping(text) {
      openStream();
      if (!response.destroyed && !response.writableEnded && body?.outlet().writableNeedDrain === false)
        body.write(text);
    },
    write: (bytes) => write(response, body, bytes, clientStallMs),
    async endStream(lastBytes) {
      if (response.destroyed) throw clientGone();
      body?.end(lastBytes);
      giveUpUnread(response, clientStallMs);
    },
    async breakStream(lastBytes) {
      await write(response, body, lastBytes, clientStallMs);
      giveUpUnread(response, clientStallMs);
      // What was written goes out before the connection ends.
      response.socket?.destroySoon();
    },
    async sendJson(status, headers, body) {
      sendJson(response, status, { ...headers, 'x-request-id': requestId, 'request-id': requestId }, body);
      giveUpUnread(response, clientStallMs);
    },
  };
}

const clientGone = () => new GatewayError('client_gone', 'The client closed the connection.');

/**
 * Ends the connection of a client that takes nothing of what waits for it. Node looks whether the kernel took bytes before
 * it calls a socket idle, so a slow reader is not taken for one that does not read.
 */
function giveUpUnread({ socket, writableFinished }: ServerResponse, stallMs: number): void {
  if (!writableFinished) socket?.setTimeout(stallMs);
}

/** A promise where the socket takes no more for now, which resolves when it has drained. */
function write(
  response: ServerResponse,
  body: StreamedBody | undefined,
  bytes: string | Buffer,
  stallMs: number,
): Promise<void> | undefined {
  if (response.destroyed || body === undefined) return Promise.reject(clientGone());
  if (body.write(bytes)) return undefined;
  const outlet = body.outlet();
  giveUpUnread(response, stallMs);
  return new Promise((resolve, reject) => {
    const onDrain = () => {
      response.off('close', onClose);
      response.socket?.setTimeout(0);
      resolve();
    };
    const onClose = () => {
      outlet.off('drain', onDrain);
      reject(clientGone());
    };
    outlet.once('drain', onDrain);
    response.once('close', onClose);
  });
}

/** Answers with one JSON document. */
export function sendJson(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: JsonObject,
): void {
  if (response.headersSent || response.destroyed) return;
  // As a string it goes out in one piece with the headers.
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

/** An upload is read on for so long, and so much of it, after it has been refused. */
const lingerMs = 2_000;
const lingerBytes = 16 * 1024 * 1024;
/** What is left of a request of at most this length is read to its end, and the connection kept. */
const smallBodyBytes = 1024 * 1024;

/**
 * Answers a request that may still be arriving. Closing a connection on which bytes wait to be read resets it, and the
 * reset takes the answer with it: what is left of a large upload is dropped for a moment before the connection ends.
 */
export function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: { status: number; headers: Readonly<Record<string, string>>; body: JsonObject },
): void {
  const length = Number(request.headers['content-length'] ?? 0);
  const isSmall = request.headers['transfer-encoding'] === undefined && length <= smallBodyBytes;
  if (request.complete || isSmall || response.headersSent || response.destroyed) {
    sendJson(response, status, headers, body);
    return;
  }
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': bytes.length,
    ...headers,
    connection: 'close',
  });
  response.write(bytes);
  let dropped = 0;
  const onData = (part: Buffer) => {
    dropped += part.length;
    if (dropped > lingerBytes) finish();
  };
  const finish = () => {
    clearTimeout(timer);
    request.off('data', onData).off('end', finish).off('close', finish).off('error', finish);
    response.end();
  };
  const timer = setTimeout(finish, lingerMs);
  timer.unref();
  request.on('data', onData).on('end', finish).on('close', finish).on('error', finish);
}
