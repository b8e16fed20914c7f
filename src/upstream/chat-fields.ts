import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { FormatDecision } from './chat-format.ts';
import type { ChatModel } from './chat-model.ts';
import { refusal } from './chat-refusal.ts';
import type { ThinkingFields } from './chat-thinking.ts';
import type { ToolDecision } from './chat-tools.ts';

/** What was decided over several fields of a request, for the rules of the single ones. */
export interface ChatDecisions {
  readonly body: JsonObject;
  readonly model: ChatModel;
  readonly messages: unknown;
  readonly tools: ToolDecision;
  readonly format: FormatDecision;
  readonly thinking: ThinkingFields;
}

/** What happens to a field in general; the reasons are in docs/chat-completions.md. */
export type FieldOutcome = 'set' | 'passed on' | 'adapted' | 'dropped' | 'refused';

export interface ChatField {
  readonly name: string;
  readonly outcome: FieldOutcome;
  /** The value to send, from the client's, which is absent where it was null; `undefined` leaves the field out. */
  readonly edit?: (value: unknown, decisions: ChatDecisions) => unknown;
}

const passed = (name: string): ChatField => ({ name, outcome: 'passed on' });
const dropped = (name: string): ChatField => ({ name, outcome: 'dropped', edit: () => undefined });
const refused = (name: string, why: string): ChatField => ({
  name,
  outcome: 'refused',
  edit(value) {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) return undefined;
    throw refusal(name, why);
  },
});
/** A range of Qwen's that is narrower than OpenAI's; what is no number is the upstream's to judge. */
const clamped = (name: string, lowest: number, highest: number): ChatField => ({
  name,
  outcome: 'adapted',
  edit: (value) => (typeof value === 'number' ? Math.min(Math.max(value, lowest), highest) : value),
});

/**
 * Every field of a Chat Completions body that is known, OpenAI's and Qwen's, and what is done with it. Fields that are
 * not here pass on. docs/chat-completions.md gives the reasons; a test keeps the two equal.
 */
export const chatFields: readonly ChatField[] = [
  { name: 'model', outcome: 'set', edit: (_, { model }) => model.id },
  { name: 'messages', outcome: 'adapted', edit: (_, { messages }) => messages },
  { name: 'stream', outcome: 'set', edit: () => true },
  {
    name: 'stream_options',
    outcome: 'set',
    edit: (value) => ({ ...(isJsonObject(value) ? value : {}), include_usage: true }),
  },
  { name: 'tools', outcome: 'adapted', edit: (_, { tools }) => tools.tools },
  { name: 'tool_choice', outcome: 'adapted', edit: (_, { tools }) => tools.choice },
  {
    name: 'parallel_tool_calls',
    outcome: 'adapted',
    edit: (value, { tools }) => (tools.tools === undefined ? undefined : (value ?? true)),
  },
  { name: 'max_tokens', outcome: 'adapted', edit: maxTokens },
  {
    name: 'max_completion_tokens',
    outcome: 'adapted',
    edit: (value, { model }) => (model.takesMaxCompletionTokens ? atMost(value, model.maxOutput) : undefined),
  },
  clamped('temperature', 0, 1.99),
  clamped('top_p', 0.01, 1),
  {
    name: 'top_k',
    outcome: 'adapted',
    // Below 0 is how vLLM's clients switch it off.
    edit: (value) => (typeof value === 'number' && value < 0 ? undefined : value),
  },
  clamped('presence_penalty', -2, 2),
  passed('frequency_penalty'),
  passed('repetition_penalty'),
  { name: 'seed', outcome: 'adapted', edit: foldSeed },
  { name: 'n', outcome: 'adapted', edit: choices },
  passed('stop'),
  passed('logprobs'),
  clamped('top_logprobs', 0, 5),
  passed('logit_bias'),
  passed('user'),
  { name: 'response_format', outcome: 'adapted', edit: (_, { format }) => format.format },
  { name: 'reasoning_effort', outcome: 'adapted', edit: (_, { thinking }) => thinking.reasoning_effort },
  { name: 'reasoning', outcome: 'adapted', edit: () => undefined },
  { name: 'thinking', outcome: 'adapted', edit: (_, { thinking }) => thinking.thinking },
  { name: 'enable_thinking', outcome: 'adapted', edit: (_, { thinking }) => thinking.enable_thinking },
  { name: 'thinking_budget', outcome: 'adapted', edit: (_, { thinking }) => thinking.thinking_budget },
  {
    name: 'preserve_thinking',
    outcome: 'adapted',
    edit: (value, { model }) => (model.preservesThinking ? value : undefined),
  },
  passed('enable_search'),
  passed('search_options'),
  passed('enable_code_interpreter'),
  passed('vl_high_resolution_images'),
  passed('tool_stream'),
  { name: 'modalities', outcome: 'adapted', edit: modalities },
  { name: 'audio', outcome: 'adapted', edit: (value, { model }) => (model.isTextOnly ? undefined : value) },
  dropped('store'),
  dropped('background'),
  dropped('metadata'),
  dropped('service_tier'),
  dropped('prediction'),
  dropped('verbosity'),
  dropped('prompt_cache_key'),
  dropped('prompt_cache_options'),
  dropped('prompt_cache_retention'),
  dropped('safety_identifier'),
  refused('functions', 'Send "tools": Qwen does not know the older "functions".'),
  refused('function_call', 'Send "tool_choice": Qwen does not know the older "function_call".'),
  refused('web_search_options', 'Send "enable_search": true, Qwen’s own web search, or leave this out.'),
  refused('moderation', 'Qwen has no such check to ask for: leave this out.'),
];

/** Above the maximum Qwen answers 400 "Range of max_tokens should be [1, N]". */
function maxTokens(value: unknown, { body, model }: ChatDecisions): unknown {
  const newer = body.max_completion_tokens;
  const both = [value, ...(model.takesMaxCompletionTokens ? [] : [newer])].filter((each) => typeof each === 'number');
  return atMost(both.length > 0 ? Math.min(...both) : value, model.maxOutput);
}

function atMost(value: unknown, maximum = Number.POSITIVE_INFINITY): unknown {
  return typeof value === 'number' ? Math.min(value, maximum) : value;
}

/** Qwen takes 0 … 2^31−1. The remainder keeps different seeds different, and the same one the same. */
function foldSeed(value: unknown): unknown {
  if (typeof value !== 'number' || !Number.isInteger(value)) return value;
  const rest = value % 2 ** 31;
  return rest < 0 ? rest + 2 ** 31 : rest;
}

function choices(value: unknown, { model, tools }: ChatDecisions): unknown {
  if (typeof value !== 'number' || value <= 1) return value;
  if (tools.tools !== undefined) throw refusal('n', 'Qwen gives one answer to a request with tools: leave n out.');
  if (value > model.maxChoices)
    throw refusal(
      'n',
      `The model ${model.id} gives at most ${model.maxChoices} answer(s) to a request: ask more often.`,
    );
  return value;
}

function modalities(value: unknown, { model }: ChatDecisions): unknown {
  if (!model.isTextOnly) return value;
  if (Array.isArray(value) && value.some((each) => each !== 'text'))
    throw refusal('modalities', `The model ${model.id} answers in text only.`);
  return undefined;
}
