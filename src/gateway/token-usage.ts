import type { Logger } from '../core/contracts.ts';
import type { JsonObject } from '../core/json.ts';
import type { TokenCounter } from '../core/token-counter.ts';
import type { Usage } from '../core/usage.ts';

/** Counting a prompt costs its thread up to seconds, so that only some answers are learned from. */
const learnedOf = 16;

/** Tokens as they can be told here, where the upstream tells none. Nothing of it rejects. */
export interface TokenUsage {
  /** The prompt tokens of a Chat Completions body. */
  count(chat: JsonObject, model: string): Promise<{ readonly tokens: number; readonly isEstimate: boolean }>;
  /** The usage of an answer. @param output all that the model said. */
  estimate(chat: JsonObject, model: string, output: string): Promise<Usage>;
  /**
   * Compares counts with what the upstream says, now and then, once counts are asked for at all.
   * @returns whether the body is read on afterwards
   */
  learn(chat: JsonObject, model: string, usage: Usage): boolean;
  dispose(): Promise<void>;
}

export function createTokenUsage(counter: TokenCounter, logger: Logger): TokenUsage {
  let isUsed = false;
  let answers = 0;
  const failed = (error: unknown) => logger.warn('Tokens could not be counted.', { reason: String(error) });

  const count: TokenUsage['count'] = async (chat, model) => {
    isUsed = true;
    try {
      return await counter.count(chat, model);
    } catch (error) {
      failed(error);
      return { tokens: guess(JSON.stringify(chat)), isEstimate: true };
    }
  };
  const countText = async (text: string): Promise<number> => {
    try {
      return await counter.countText(text);
    } catch (error) {
      failed(error);
      return guess(text);
    }
  };
  return {
    count,
    async estimate(chat, model, output) {
      const [input, outputTokens] = await Promise.all([count(chat, model), countText(output)]);
      return { inputTokens: input.tokens, outputTokens, cachedTokens: 0, reasoningTokens: 0 };
    },
    learn(chat, model, { inputTokens }) {
      if (!isUsed || inputTokens === 0 || answers++ % learnedOf !== 0) return false;
      counter.count(chat, model).then(({ uncorrected }) => counter.learn(model, uncorrected, inputTokens), failed);
      return true;
    },
    dispose: () => counter.dispose(),
  };
}

/** About four characters are a token, of Chinese about one and a half. */
const guess = (text: string): number =>
  Math.ceil(text.length / 4 + (text.match(/[\u2e80-\u9fff]/g)?.length ?? 0) / 2.4);
