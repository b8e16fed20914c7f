import type { Dialect } from '../../core/dialect.ts';
import { encodeError } from '../openai-chat/errors.ts';
import { encodeStreamError } from './errors.ts';
import { decodeResponsesRequest } from './request.ts';
import { createResponseStore, type ResponseStore } from './store.ts';

/** OpenAI Responses: https://platform.openai.com/docs/api-reference/responses. Codex speaks nothing else. */
export function createOpenAiResponses(store: ResponseStore = createResponseStore()): Dialect {
  return {
    id: 'openai-responses',
    paths: ['/v1/responses'],
    decodeRequest: (body, settings) => decodeResponsesRequest(body, settings, store),
    encodeError,
    // Codex cannot read keep-alive events that are none of its own (CLIProxyAPI, 2026-08-22): a comment.
    ping: ': ping\n\n',
    encodeStreamError,
  };
}
