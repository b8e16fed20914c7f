import table from '../fixtures/qwen-models.json' with { type: 'json' };
import type { Plan } from './contract.ts';

/** What the rules need to know of a model. `null` = not known, so nothing is refused for it. */
export interface ModelFacts {
  readonly id: string;
  readonly plans: readonly string[];
  readonly contextWindow: number | null;
  readonly maxOutput: number | null;
  readonly thinking: boolean | null;
  readonly vision: boolean | null;
  readonly thinkingMandatory?: boolean;
  readonly thinkingBudgetMax?: number;
}

const models = new Map<string, ModelFacts>(table.map((model) => [model.id, model]));

const unknownModel: Omit<ModelFacts, 'id'> = {
  plans: [],
  contextWindow: null,
  maxOutput: null,
  thinking: null,
  vision: null,
};

/** Ids that a model list mixes in although no chat request may name them. */
const nonTextIds = ['qwen-image-2.0', 'wan2.7-image', 'wan2.7-t2v', 'qwen3-tts-flash', 'qwen3-asr-flash-realtime'];

/** The model as this credential sees it; `undefined` if it may not call it. */
export function findModel(id: string, plan: Plan, allowed: readonly string[] | undefined): ModelFacts | undefined {
  const facts = models.get(id);
  if (allowed) return allowed.includes(id) ? (facts ?? { id, ...unknownModel }) : undefined;
  return facts?.plans.includes(plan) ? facts : undefined;
}

/** The ids of `GET /models`. The Token Plan also lists what is no chat model. */
export function listedModelIds(plan: Plan, allowed: readonly string[] | undefined): string[] {
  const own = allowed ?? [...models.values()].filter((model) => model.plans.includes(plan)).map((model) => model.id);
  return plan === 'token' ? [...new Set([...own, ...nonTextIds])] : [...own];
}

/** Thinks on every request and refuses `enable_thinking: false`. */
export function isThinkingOnly(model: ModelFacts): boolean {
  return model.thinkingMandatory === true || /^(qwq-|qvq-|deepseek-r1|kimi-k2-thinking)|-thinking/.test(model.id);
}

/** The first open Qwen3 models: they think unless told not to, and only while streaming. */
export function isOldOpenModel(model: ModelFacts): boolean {
  return /^qwen3-(\d+(\.\d+)?b|\d+b-a\d+b)$/.test(model.id);
}

/** Answers only as a stream. */
export function isStreamOnly(model: ModelFacts): boolean {
  return /^(qwq-|qvq-)|-omni-/.test(model.id);
}

/** The caps quoted in refusals, a little below the advertised context windows. */
const inputCaps: ReadonlyMap<number, number> = new Map([
  [1_000_000, 983_616],
  [1_048_576, 983_616],
  [262_144, 260_096],
  [202_752, 202_745],
  [131_072, 129_024],
  [32_768, 30_720],
]);

/** The largest input in tokens, if known. */
export function inputCap(model: ModelFacts): number | undefined {
  if (model.contextWindow === null) return undefined;
  return inputCaps.get(model.contextWindow) ?? model.contextWindow;
}
