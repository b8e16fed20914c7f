import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../core/errors.ts';

/**
 * Reads a request body as JSON. Counted while it streams in, so an endless upload costs no more than the limit.
 * @throws GatewayError `body_too_large`, or `invalid_request` for what is not JSON or not UTF-8.
 */
export async function readJsonBody(request: IncomingMessage, limitBytes: number): Promise<unknown> {
  const bytes = await readBody(request, limitBytes);
  if (bytes.length === 0)
    throw new GatewayError('invalid_request', 'The request has no body; a JSON object is expected.');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new GatewayError('invalid_request', 'The request body is not valid UTF-8.', { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/,? ?"?\.\.\..*$/s, '').slice(0, 120) : '';
    throw new GatewayError('invalid_request', `The request body is not valid JSON: ${reason}`, { cause: error });
  }
}

const mebibyte = 1024 * 1024;
const formatBytes = (bytes: number) => (bytes % mebibyte === 0 ? `${bytes / mebibyte} MiB` : `${bytes} bytes`);

function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const tooLarge = () =>
    new GatewayError('body_too_large', `The request body is larger than ${formatBytes(limitBytes)}.`);
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    const finish = (settle: () => void) => {
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('aborted', onGone);
      settle();
    };
    const onData = (part: Buffer) => {
      bytes += part.length;
      if (bytes > limitBytes) return finish(() => reject(tooLarge()));
      parts.push(part);
    };
    const onEnd = () => finish(() => resolve(Buffer.concat(parts)));
    const onGone = () => finish(() => reject(new GatewayError('client_gone', 'The client left while it was sending.')));
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('aborted', onGone);
  });
}
