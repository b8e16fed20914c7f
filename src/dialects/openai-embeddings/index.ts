import type { Dialect } from '../../core/dialect.ts';
import { encodeError, encodeErrorBody } from '../openai-chat/errors.ts';
import { decodeEmbeddingsRequest } from './request.ts';

/** OpenAI Embeddings: https://platform.openai.com/docs/api-reference/embeddings */
export const openAiEmbeddings: Dialect = {
  id: 'openai-embeddings',
  paths: ['/v1/embeddings'],
  isStateless: true,
  decodeRequest: decodeEmbeddingsRequest,
  encodeError,
  // An embeddings answer is never a stream.
  ping: '',
  encodeStreamError: (error, requestId) => JSON.stringify(encodeErrorBody(error, requestId)),
};
