import { isEmbeddingModelId } from './embedding-models.ts';
import { modelTable } from './model-table.ts';
import type { PlanName } from './plans.ts';

/** What the proxy knows of a model. Limits are tokens; an absent one is not known. */
export interface ModelInfo {
  /** In the upstream's spelling, case included. */
  readonly id: string;
  readonly name: string;
  /** Prompt and answer together. Models of 1M refuse prompts above 983,616. */
  readonly contextWindow?: number;
  readonly maxOutput?: number;
  /** `hybrid` thinks when asked to; `mandatory` cannot be told not to. */
  readonly thinking: 'none' | 'hybrid' | 'mandatory';
  /** Highest `thinking_budget`. */
  readonly thinkingBudgetMax?: number;
  /** Values of `reasoning_effort` it reads; absent: it reads none. */
  readonly reasoningEfforts?: readonly string[];
  readonly vision: boolean;
  readonly tools: boolean;
  /** Takes `preserve_thinking`, which keeps earlier reasoning in the prompt. */
  readonly preserveThinking?: boolean;
  /** Plans known to serve it. The Coding Plan's own list is exact, the others' are only what was published. */
  readonly plans: readonly PlanName[];
}

export const catalogue: readonly ModelInfo[] = modelTable;

const byId = new Map(catalogue.map((model) => [model.id.toLowerCase(), model]));

type Guess = Omit<ModelInfo, 'id' | 'name' | 'plans'>;

/** For models newer than the catalogue; the limits are qwen-code's fallbacks (tokenLimits.ts). */
const guesses: readonly (readonly [RegExp, Guess])[] = [
  [/^qwen3\.\d/i, { contextWindow: 1_000_000, maxOutput: 65_536, thinking: 'hybrid', vision: true, tools: true }],
  [/^qwen3-max/i, { contextWindow: 262_144, maxOutput: 65_536, thinking: 'hybrid', vision: false, tools: true }],
  [/^qwen3-coder-plus/i, { contextWindow: 1_000_000, maxOutput: 65_536, thinking: 'none', vision: false, tools: true }],
  [/^qwen.*(?:vl|omni)/i, { contextWindow: 262_144, maxOutput: 32_768, thinking: 'none', vision: true, tools: true }],
  [/^qwen/i, { contextWindow: 262_144, maxOutput: 32_768, thinking: 'none', vision: false, tools: true }],
];

/** Of what nothing is known, nothing is taken away: a custom endpoint may serve any model. */
const unknownModel: Guess = { thinking: 'none', vision: true, tools: true };

/**
 * Facts about a model: its own entry, else that of the model it is a dated build of (`qwen-plus-2025-12-01`,
 * `deepseek-v4-pro-0813`), else a guess by family. The id comes back as it was given.
 */
export function modelInfo(id: string): ModelInfo {
  const known = publishedModel(id);
  if (known) return { ...known, id };
  const guess = guesses.find(([pattern]) => pattern.test(id))?.[1] ?? unknownModel;
  return { ...guess, id, name: id, plans: [] };
}

/** Whether facts about the model were published: those of any other id are guesses. */
export function isKnownModel(id: string): boolean {
  return publishedModel(id) !== undefined;
}

function publishedModel(id: string) {
  const name = id.toLowerCase();
  return byId.get(name) ?? byId.get(withoutBuild(name));
}

function withoutBuild(id: string): string {
  return id.replace(/-(?:\d{4}-\d{2}-\d{2}|\d{4}|latest)$/, '');
}

/** Models seen to write tool calls into their text: qwen-code #8003 and #10692, both on its coder models. */
const leakingModels = /^(?:qwen3-coder-|coder-model$)/i;

/** Whether tool calls in the model's text are worth looking for. */
export function leaksToolCalls(id: string): boolean {
  return leakingModels.test(id);
}

/** Models that `/completions` takes, in Beijing only ("Completions API" page); the newest page has the last one alone. */
const fillInModels = /^(?:qwen2\.5-coder-[\d.]+b-instruct|qwen-coder-turbo(?:-latest|-\d{4}(?:-\d{2}-\d{2})?)?)$/i;

/** Whether the model fills in the middle of a text. */
export function isFillInModelId(id: string): boolean {
  return fillInModels.test(id);
}

/** `GET /models` lists images, speech, video and embeddings among the chat models. */
const nonTextIds: readonly RegExp[] = [
  /^qwen-image/i,
  /^wan2/i,
  /^qwen-audio/i,
  /^qwen.*-tts/i,
  /^qwen.*-asr/i,
  /^qwen-video/i,
  /-realtime$/i,
  /livetranslate/i,
  /-rerank/i,
];

/** Whether an id of an upstream's model list is a model to chat with. */
export function isTextModelId(id: string): boolean {
  return !isEmbeddingModelId(id) && !nonTextIds.some((pattern) => pattern.test(id));
}
