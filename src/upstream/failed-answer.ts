import { GatewayError } from '../core/errors.ts';
import { headerValue, type UpstreamResponse } from '../core/upstream.ts';
import { type BodyReadOptions, readBody, readTextOf } from './body-reads.ts';
import { classifyHttpError } from './errors.ts';

/** How much of an error answer is read to classify it, and how long its bytes are waited for. */
const errorBodyBytes = 64 * 1024;
const errorBodyIdleMs = 10_000;

/** What an answer with another status than 200 means, read from its body. */
export async function httpError(response: UpstreamResponse, options: BodyReadOptions): Promise<GatewayError> {
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

/** An answer with status 200 that holds none. */
export function notAnAnswer(contentType: string, sawDone: boolean): GatewayError {
  const what = sawDone
    ? 'an empty answer'
    : contentType.includes('html')
      ? 'a web page instead of an answer'
      : 'no answer';
  return new GatewayError('upstream_protocol', `Qwen sent ${what}.`);
}
