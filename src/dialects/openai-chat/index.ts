import type { Dialect } from '../../core/dialect.ts';
import { encodeError, encodeErrorBody } from './errors.ts';
import { decodeChatRequest } from './request.ts';

/** OpenAI Chat Completions: https://platform.openai.com/docs/api-reference/chat */
export const openAiChat: Dialect = {
  id: 'openai-chat',
  paths: ['/v1/chat/completions'],
  decodeRequest: decodeChatRequest,
  encodeError,
  // A comment, which every SSE parser skips.
  ping: ': ping\n\n',
  breaksFailedStreams: true,
  // The OpenAI SDKs raise an APIError for a data event that holds `error`.
  encodeStreamError: (error, requestId) => `data: ${JSON.stringify(encodeErrorBody(error, requestId))}\n\n`,
};
