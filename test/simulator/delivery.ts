import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { constants, createBrotliCompress, createDeflate, createGzip } from 'node:zlib';
import type { Reply } from './reply.ts';

/**
 * Sends a reply with its pacing and its faults, waiting for a slow reader. Rejects with the signal's reason when the
 * client closes first.
 */
export async function deliver(reply: Reply, response: ServerResponse, signal: AbortSignal): Promise<void> {
  if (!reply.headersFirst) await pause(reply.firstByteDelayMs, signal);
  if (reply.ending === 'reset') {
    response.socket?.resetAndDestroy();
    return;
  }
  response.writeHead(reply.status, headersOf(reply));
  if (reply.headersFirst || reply.chunks.length === 0 || reply.cutAtByte !== undefined) response.flushHeaders();
  if (reply.headersFirst) await pause(reply.firstByteDelayMs, signal);
  await writeBody(reply, response, signal);
  if (reply.cutAtByte !== undefined) await cutConnection(response, signal);
  else if (reply.ending === 'stall') await aborted(signal);
  else response.end();
}

function headersOf(reply: Reply): Record<string, string> {
  const headers: Record<string, string> = { ...reply.headers };
  if (reply.encoding) headers['content-encoding'] = reply.encoding;
  else if (!reply.streaming && reply.ending === 'end') headers['content-length'] = String(byteLength(reply.chunks));
  return headers;
}

function byteLength(chunks: readonly string[]): number {
  return chunks.reduce((sum, chunk) => sum + Buffer.byteLength(chunk), 0);
}

async function writeBody(reply: Reply, response: ServerResponse, signal: AbortSignal): Promise<void> {
  let remaining = reply.cutAtByte ?? Number.POSITIVE_INFINITY;
  for await (const piece of bodyPieces(reply, signal)) {
    signal.throwIfAborted();
    if (response.writableNeedDrain) await once(response, 'drain', { signal });
    // Nothing is awaited between the last write and the end, so a client that has read all finds it answered; but for
    // split and compressed bodies, whose last bytes follow the content in turns of their own.
    response.write(piece.subarray(0, Math.min(piece.length, remaining)));
    remaining -= piece.length;
    if (remaining <= 0) return;
  }
}

/** Lets the bytes written reach the kernel, then ends the connection in the middle of the answer. */
async function cutConnection(response: ServerResponse, signal: AbortSignal): Promise<void> {
  await nextTurn(undefined, { signal });
  response.socket?.destroySoon();
}

async function* bodyPieces(reply: Reply, signal: AbortSignal): AsyncGenerator<Buffer> {
  const source = paced(reply, signal);
  const encoded = reply.encoding ? compressed(source, reply.encoding) : source;
  if (reply.pieceBytes === undefined) yield* encoded;
  else yield* split(encoded, reply.pieceBytes, signal);
}

async function* paced(reply: Reply, signal: AbortSignal): AsyncGenerator<Buffer> {
  for (const [index, chunk] of reply.chunks.entries()) {
    if (index > 0) await pause(reply.chunkDelayMs, signal);
    yield Buffer.from(chunk);
  }
}

/** Each piece leaves in a turn of its own, so that the reader really sees the seams. */
async function* split(source: AsyncIterable<Buffer>, bytes: number, signal: AbortSignal): AsyncGenerator<Buffer> {
  for await (const buffer of source) {
    for (let from = 0; from < buffer.length; from += bytes) {
      yield buffer.subarray(from, from + bytes);
      await nextTurn(undefined, { signal });
    }
  }
}

/** Flushes after every chunk, as a server must that compresses a stream. */
async function* compressed(source: AsyncIterable<Buffer>, encoding: 'gzip' | 'br' | 'deflate'): AsyncGenerator<Buffer> {
  const compressor = createCompressor(encoding);
  const write = promisify((chunk: Buffer, callback: (error?: Error | null) => void) =>
    compressor.write(chunk, callback),
  );
  try {
    for await (const chunk of source) {
      await write(chunk);
      yield* pending(compressor.read());
    }
    compressor.end();
    for await (const rest of compressor) yield* pending(rest);
  } finally {
    compressor.destroy();
  }
}

function createCompressor(encoding: 'gzip' | 'br' | 'deflate') {
  if (encoding === 'gzip') return createGzip({ flush: constants.Z_SYNC_FLUSH });
  if (encoding === 'deflate') return createDeflate({ flush: constants.Z_SYNC_FLUSH });
  return createBrotliCompress({ flush: constants.BROTLI_OPERATION_FLUSH });
}

function* pending(data: unknown): Generator<Buffer> {
  if (Buffer.isBuffer(data) && data.length > 0) yield data;
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds > 0) await delay(milliseconds, undefined, { signal, ref: false });
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}
