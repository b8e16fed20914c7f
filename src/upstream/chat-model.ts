import { isKnownModel, type ModelInfo, modelInfo } from './models.ts';

/** A model as the request rules see it. Where nothing was published, nothing is taken away. */
export interface ChatModel extends Pick<ModelInfo, 'id' | 'maxOutput' | 'thinking' | 'thinkingBudgetMax'> {
  /** Facts about it were published; other models get what the client wrote. */
  readonly isKnown: boolean;
  readonly reasoningEfforts: readonly string[];
  /** Text alone, as one string: "input content must be a string." */
  readonly isTextOnly: boolean;
  /** Loses array content silently, cache markers or not (PIA on `glm-*`). */
  readonly losesParts: boolean;
  /** Reads PDFs. */
  readonly takesFiles: boolean;
  /** Keeps earlier reasoning in the prompt when asked to. */
  readonly preservesThinking: boolean;
  readonly takesMaxCompletionTokens: boolean;
  readonly takesJsonSchema: boolean;
  /** Most answers to one request. */
  readonly maxChoices: number;
}

/** "only qwen3.5-plus+, qwen3.7-max+, kimi-k2.5+, glm-5+, MiniMax-M2.5+, deepseek-v4" (Chat API reference). */
const maxCompletionTokens =
  /^(?:qwen3\.[5-9]-plus|qwen3\.[7-9]-max|qwen3\.[89]|kimi-k2\.[5-9]|kimi-k[3-9]|glm-[5-9]|minimax-m2\.[5-9]|deepseek-v[4-9])/i;

/** "qwen3-max/plus/flash families and deepseek-v3.2" (Structured output). */
const jsonSchema = /^qwen(?:3(?:\.\d+)?)?-(?:max|plus|flash)(?!-character)|^deepseek-v3\.2/i;

/** "image, video, pdf" stands with the 3.8 generation alone (models.dev). */
const files = /^qwen3\.(?:8|9)-(?:max|flash|plus)/i;

/** "n: 1–4 only Qwen3 non-thinking / qwen-plus-character"; models that can stop thinking are told to. */
const severalChoices = /^qwen(?:3|-plus|-flash|-turbo|-max)/i;

/** What the request rules have to know of a model. */
export function chatModel(id: string): ChatModel {
  const { maxOutput, thinking, thinkingBudgetMax, reasoningEfforts = [], vision, preserveThinking } = modelInfo(id);
  // The embedded demo reads `enable_thinking`, though it only shows what thinking looks like.
  const isKnown = isKnownModel(id) && id !== 'demo';
  return {
    id,
    isKnown,
    ...(maxOutput !== undefined && { maxOutput }),
    ...(thinkingBudgetMax !== undefined && { thinkingBudgetMax }),
    thinking,
    reasoningEfforts,
    isTextOnly: isKnown && !vision,
    losesParts: /^glm-/i.test(id),
    takesFiles: !isKnown || files.test(id),
    preservesThinking: !isKnown || preserveThinking === true,
    takesMaxCompletionTokens: !isKnown || maxCompletionTokens.test(id),
    takesJsonSchema: !isKnown || jsonSchema.test(id),
    maxChoices: !isKnown ? Number.POSITIVE_INFINITY : thinking !== 'mandatory' && severalChoices.test(id) ? 4 : 1,
  };
}
