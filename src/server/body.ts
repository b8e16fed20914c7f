import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Transform } from 'node:stream';
import { GatewayError } from '../core/errors.ts';
import { rememberSource } from '../core/json-source.ts';
import { restore, skeletonOf } from '../core/lazy-json.ts';
import { createByteCollector } from './byte-collector.ts';
import { formatBytes } from './format-bytes.ts';
import { limits } from './limits.ts';
import type { UploadBudget } from './upload-budget.ts';

/** Reads the body of a request; at most so many bytes of it. */
export type ReadJsonBody = (request: IncomingMessage, limitBytes: number) => Promise<unknown>;

/**
 * Reads a request body as JSON. Counted while it streams in, so an endless upload costs no more than the limit. What it
 * takes of the budget stays with the request, whose end gives it back.
 * @throws GatewayError `body_too_large`, `too_many_requests`, or `invalid_request` for what is not JSON or not UTF-8.
 */
export async function readJsonBody(
  request: IncomingMessage,
  limitBytes: number,
  budget: UploadBudget,
): Promise<unknown> {
  const bytes = await readBody(request, limitBytes, budget);
  if (bytes.length === 0)
    throw new GatewayError('invalid_request', 'The request has no body; a JSON object is expected.');
  if (!isUtf8(bytes)) throw new GatewayError('invalid_request', 'The request body is not valid UTF-8.');
  const skeleton = bytes.length < manyBytes ? undefined : skeletonOf(bytes);
  const text = skeleton?.text ?? utf8.decode(bytes);
  if (isDeeperThan(text, limits.bodyDepth))
    throw new GatewayError('invalid_request', `The request body is nested more than ${limits.bodyDepth} levels deep.`);
  try {
    const parsed: unknown = JSON.parse(text);
    const value = skeleton === undefined ? parsed : restore(parsed, skeleton);
    rememberSource(value, bytes);
    return value;
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/,? ?"?\.\.\..*$/s, '').slice(0, 120) : '';
    throw new GatewayError('invalid_request', `The request body is not valid JSON: ${reason}`, { cause: error });
  }
}

/** Made once: making one costs 5 µs. */
const utf8 = new TextDecoder();
/** In a smaller body it does not pay to leave texts undecoded. */
const manyBytes = 64 * 1024;

/**
 * Whether arrays and objects of a JSON text stand deeper in one another than that. Most of a body is text: strings are
 * skipped from quote to quote.
 */
export function isDeeperThan(json: string, limit: number): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === 0x22) {
      at = endOfString(json, at);
      if (at === -1) return false;
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > limit) return true;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return false;
}

/** Where the string that begins here has its closing quote: one with an even number of backslashes before it; -1 = nowhere. */
function endOfString(json: string, start: number): number {
  for (let quote = json.indexOf('"', start + 1); quote !== -1; quote = json.indexOf('"', quote + 1)) {
    let first = quote;
    while (json.charCodeAt(first - 1) === 0x5c) first--;
    if ((quote - first) % 2 === 0) return quote;
  }
  return -1;
}

type Decoder = (() => Transform) | undefined;

/** Codings of RFC 9110 that clients use; Codex compresses with zstd, which Node has from 22.15 on. */
function codings(): ReadonlyMap<string, Decoder> {
  // Loaded for the first body that needs it: it takes 2 MB.
  const zlib: Partial<typeof import('node:zlib')> = process.getBuiltinModule('node:zlib');
  return new Map<string, Decoder>([
    ['gzip', zlib.createGunzip],
    ['x-gzip', zlib.createGunzip],
    ['deflate', zlib.createInflate],
    ['br', zlib.createBrotliDecompress],
    ['zstd', zlib.createZstdDecompress],
  ]);
}

/** @throws GatewayError for a coding that cannot be undone here. */
function decoderOf(request: IncomingMessage): Decoder {
  const coding = request.headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (coding === '' || coding === 'identity') return undefined;
  const decoders = codings();
  const decoder = decoders.get(coding);
  if (decoder === undefined)
    throw new GatewayError(
      'unsupported_encoding',
      `A body in the coding "${coding.slice(0, 40)}" cannot be read here.`,
      {
        fix: `Send it plain, or as ${[...decoders.keys()]
          .filter((name) => decoders.get(name) !== undefined && name !== 'x-gzip')
          .join(', ')}.`,
      },
    );
  return decoder;
}

/** The limits count what has been unpacked, while it comes: a small upload can hold a large one. */
async function readBody(request: IncomingMessage, limitBytes: number, budget: UploadBudget): Promise<Buffer> {
  const tooLarge = () =>
    new GatewayError('body_too_large', `The request body is larger than ${formatBytes(limitBytes)}.`);
  const announcedBytes = Number(request.headers['content-length'] ?? 0);
  if (announcedBytes > limitBytes) throw tooLarge();
  const unpack = decoderOf(request)?.();
  budget.check(announcedBytes);
  return new Promise((resolve, reject) => {
    const source = unpack ?? request;
    const parts = createByteCollector();
    let bytes = 0;
    let isOver = false;
    const finish = (settle: () => void) => {
      if (isOver) return;
      isOver = true;
      source.off('data', onData).off('end', onEnd);
      request.off('error', onGone).off('aborted', onGone);
      if (unpack !== undefined) {
        request.unpipe(unpack);
        unpack.destroy();
      }
      settle();
    };
    const fail = (error: GatewayError) =>
      finish(() => {
        budget.giveBack(bytes);
        reject(error);
      });
    const onData = (part: Buffer) => {
      bytes += part.length;
      const refusal = budget.take(part.length);
      if (bytes > limitBytes) return fail(tooLarge());
      if (refusal !== undefined) return fail(refusal);
      parts.add(part);
    };
    const onEnd = () =>
      finish(() => {
        budget.hold(request, bytes);
        resolve(parts.all());
      });
    const onGone = () => fail(new GatewayError('client_gone', 'The client left while it was sending.'));
    request.on('error', onGone).on('aborted', onGone);
    // A stream that fails after it was given up must not be nobody's error.
    unpack?.on('error', (cause) =>
      fail(new GatewayError('invalid_request', 'The request body is not what its Content-Encoding says.', { cause })),
    );
    source.on('data', onData).on('end', onEnd);
    if (unpack !== undefined) request.pipe(unpack);
  });
}
