import type { GatewayError } from '../core/errors.ts';
import { headerValue, type UpstreamResponse } from '../core/upstream.ts';
import { type BodyReadOptions, readBody, readTextOf } from './body-reads.ts';
import { classifyHttpError } from './errors.ts';

/** How much of an error answer is read to classify it, and how long its bytes are waited for. */
const errorBodyBytes = 64 * 1024;
const errorBodyIdleMs = 10_000;

/** Reads what an answer other than 200 says, as far as it comes, and classifies it. */
export async function readHttpError(response: UpstreamResponse, options: BodyReadOptions): Promise<GatewayError> {
  const idleMs = Math.min(options.idleMs, errorBodyIdleMs);
  const { text } = await readTextOf(readBody(response.body, { ...options, idleMs }), errorBodyBytes);
  return classifyHttpError({
    status: response.status,
    headers: {
      retryAfter: headerValue(response.headers, 'retry-after'),
      retryAfterMs: headerValue(response.headers, 'retry-after-ms'),
      contentType: headerValue(response.headers, 'content-type'),
    },
    body: text,
    now: options.clock.now(),
  });
}
