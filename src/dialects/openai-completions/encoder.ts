import type { ChatEvent, FinishReason } from '../../core/chat-event.ts';
import type { AnswerEncoder, AnswerFacts } from '../../core/dialect.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Usage } from '../../core/usage.ts';
import { encodeErrorBody } from '../openai-chat/errors.ts';
import { createEdgeTrimmer, type EdgeTrimmerOptions } from './edge-trimmer.ts';

export interface CompletionEncoderOptions extends EdgeTrimmerOptions {
  readonly includeUsage: boolean;
}

/** Writes a chat answer as `text_completion` objects: https://platform.openai.com/docs/api-reference/completions/object */
export function createCompletionEncoder(answer: AnswerFacts, options: CompletionEncoderOptions): AnswerEncoder {
  const trimmer = createEdgeTrimmer(options);
  const head = {
    id: `cmpl-${answer.requestId.replace(/^req_/, '')}`,
    object: 'text_completion',
    created: Math.floor(answer.createdAtMs / 1000),
    model: answer.model,
  };
  let whole = '';
  let finish: FinishReason | undefined;
  let usage: Usage | undefined;

  const choice = (text: string, reason: string | null) => ({ text, index: 0, logprobs: null, finish_reason: reason });
  const chunk = (fields: JsonObject) =>
    `data: ${JSON.stringify({ ...head, ...fields, ...(options.includeUsage && { usage: fields.usage ?? null }) })}\n\n`;
  const say = (text: string) => {
    whole += text;
    return text === '' ? '' : chunk({ choices: [choice(text, null)] });
  };
  const reasonOf = (reason: FinishReason) => (trimmer.isStopped() || reason === 'tool_calls' ? 'stop' : reason);

  return {
    encode(event: ChatEvent) {
      switch (event.type) {
        case 'text':
        case 'refusal':
          return say(trimmer.push(event.text));
        case 'finish': {
          const rest = say(trimmer.end());
          finish = event.reason;
          return rest + chunk({ choices: [choice('', reasonOf(finish))] });
        }
        case 'usage':
          usage = event.usage;
          return '';
        default:
          return '';
      }
    },
    end: () => {
      const trailer = usage && options.includeUsage ? chunk({ choices: [], usage: encodeUsage(usage) }) : '';
      return `${trailer}data: [DONE]\n\n`;
    },
    result: () => ({
      ...head,
      choices: [choice(whole, reasonOf(finish ?? 'stop'))],
      ...(usage && { usage: encodeUsage(usage) }),
    }),
    fail: (error) => `${say(trimmer.end())}data: ${JSON.stringify(encodeErrorBody(error, answer.requestId))}\n\n`,
  };
}

const encodeUsage = ({ inputTokens, outputTokens }: Usage) => ({
  prompt_tokens: inputTokens,
  completion_tokens: outputTokens,
  total_tokens: inputTokens + outputTokens,
});
