import { randomUUID } from 'node:crypto';
import type { GatewayError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import { errorKind, errorText } from '../openai-chat/errors.ts';

/** The `error` of a failed response. Codex decides by `code` whether it asks again, and when (R15). */
export function responseError(error: GatewayError): JsonObject {
  const { code } = errorKind(error);
  const seconds = error.retryAfterMs === undefined ? undefined : Math.max(1, Math.ceil(error.retryAfterMs / 1000));
  // Codex reads the wait out of the text: codex-api/src/sse/responses.rs.
  const wait = code === 'rate_limit_exceeded' && seconds !== undefined ? ` Please try again in ${seconds}s.` : '';
  return { code: code ?? 'server_error', message: `${errorText(error)}${wait}` };
}

/** One event of a Responses stream. */
export function encodeEvent(type: string, sequenceNumber: number, fields: JsonObject): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequenceNumber, ...fields })}\n\n`;
}

/** The last words where no part of a response has been sent: clients want to see its beginning first. */
export function encodeStreamError(error: GatewayError, requestId: string): string {
  const head = {
    id: `resp_${randomUUID().replaceAll('-', '')}`,
    object: 'response',
    created_at: 0,
    output: [],
    metadata: { request_id: requestId },
  };
  return (
    encodeEvent('response.created', 0, { response: { ...head, status: 'in_progress', error: null } }) +
    encodeEvent('response.failed', 1, { response: { ...head, status: 'failed', error: responseError(error) } })
  );
}
