import { type JsonObject, numberField, objectField, stringField } from '../core/json.ts';
import type { ChatModel } from './chat-model.ts';

/** The thinking fields of a body for one model; an absent one is left out. */
export interface ThinkingFields {
  readonly enable_thinking?: unknown;
  readonly thinking_budget?: unknown;
  readonly reasoning_effort?: unknown;
  readonly thinking?: unknown;
}

interface Wish {
  readonly on?: boolean | undefined;
  readonly effort?: string | undefined;
  readonly budgetTokens?: number | undefined;
}

/** Efforts of all vendors, weakest first. */
const effortOrder: readonly string[] = ['minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/** For models that read a budget and no effort; above these the model's own maximum stands. Tokens. */
const budgetOfEffort: ReadonlyMap<string, number> = new Map([
  ['minimal', 1_024],
  ['low', 4_096],
  ['medium', 16_384],
  ['high', 32_768],
]);

/**
 * Turns every way of asking for thinking into the model's own. What cannot be had is left out, because clients set these
 * fields once for all their models: no thinking where there is none, and the weakest effort where it never ends.
 * @param mustBeOff Another field goes only without thinking.
 */
export function decideThinking(body: JsonObject, model: ChatModel, mustBeOff: boolean): ThinkingFields {
  if (!model.isKnown) return asWritten(body);
  if (model.thinking === 'none') return {};
  const wish = wishOf(body);
  const isOff = wish.on === false || (mustBeOff && model.thinking === 'hybrid');
  if (isOff) return switchedOff(model);
  // Unsaid stays unsaid: the model's own default is what its users know.
  if (wish.on === undefined) return {};
  const isSwitched = model.thinking === 'hybrid' && !model.reasoningEfforts.includes('none');
  const toggle = isSwitched || body.enable_thinking === true ? { enable_thinking: true } : {};
  const budget = wish.budgetTokens === undefined ? {} : { thinking_budget: clampBudget(wish.budgetTokens, model) };
  if (wish.effort === undefined) return { ...toggle, ...budget };
  // Both at once are refused on the 3.8 generation, so the effort stands alone.
  if (model.reasoningEfforts.length > 0) return { ...toggle, reasoning_effort: nearestEffort(wish.effort, model) };
  const tokens = wish.budgetTokens ?? budgetOfEffort.get(wish.effort);
  return tokens === undefined ? toggle : { ...toggle, thinking_budget: clampBudget(tokens, model) };
}

/** The first statement wins: Qwen's own fields, then Anthropic's, OpenRouter's and OpenAI's. */
function wishOf(body: JsonObject): Wish {
  const anthropic = objectField(body, 'thinking') ?? {};
  const router = objectField(body, 'reasoning') ?? {};
  const effort = stringField(body, 'reasoning_effort') ?? stringField(router, 'effort');
  const budgetTokens =
    numberField(body, 'thinking_budget') ??
    numberField(anthropic, 'budget_tokens') ??
    numberField(router, 'max_tokens');
  const said = [
    booleanOf(body.enable_thinking),
    anthropic.type === 'disabled' ? false : anthropic.type === undefined ? undefined : true,
    booleanOf(router.enabled),
  ].find((each) => each !== undefined);
  const implied = effort === 'none' || (budgetTokens !== undefined && budgetTokens < 1) ? false : undefined;
  const on = said ?? implied ?? (effort !== undefined || budgetTokens !== undefined ? true : undefined);
  return {
    on,
    ...(effort !== undefined && effort !== 'none' && { effort: effort.toLowerCase() }),
    ...(budgetTokens !== undefined && budgetTokens >= 1 && { budgetTokens }),
  };
}

function switchedOff(model: ChatModel): ThinkingFields {
  if (model.reasoningEfforts.includes('none')) return { reasoning_effort: 'none' };
  if (model.thinking === 'hybrid') return { enable_thinking: false };
  // "The value of the enable_thinking parameter is restricted to True."
  const [weakest] = model.reasoningEfforts;
  return weakest === undefined ? {} : { reasoning_effort: weakest };
}

/** The model's own effort at or above the one asked for, else its highest; an effort nobody knows is left to it. */
function nearestEffort(asked: string, { reasoningEfforts }: ChatModel): string {
  const rank = (effort: string) => effortOrder.indexOf(effort);
  const offered = reasoningEfforts.filter((effort) => effort !== 'none');
  if (rank(asked) === -1) return asked;
  return offered.find((effort) => rank(effort) >= rank(asked)) ?? offered.at(-1) ?? asked;
}

function clampBudget(tokens: number, { thinkingBudgetMax = Number.POSITIVE_INFINITY }: ChatModel): number {
  return Math.min(Math.max(1, Math.floor(tokens)), thinkingBudgetMax);
}

function asWritten(body: JsonObject): ThinkingFields {
  const effort = body.reasoning_effort ?? objectField(body, 'reasoning')?.effort;
  return {
    enable_thinking: body.enable_thinking,
    thinking_budget: body.thinking_budget,
    reasoning_effort: effort,
    thinking: body.thinking,
  };
}

const booleanOf = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined);
