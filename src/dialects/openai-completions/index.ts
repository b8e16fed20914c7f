import type { Dialect } from '../../core/dialect.ts';
import { openAiChat } from '../openai-chat/index.ts';
import { decodeCompletionRequest } from './request.ts';

/** OpenAI's older Completions, which editors use for autocompletion: https://platform.openai.com/docs/api-reference/completions */
export const openAiCompletions: Dialect = {
  ...openAiChat,
  id: 'openai-completions',
  paths: ['/v1/completions'],
  isStateless: true,
  decodeRequest: decodeCompletionRequest,
};
