import { aliasedModel, type ModelAlias } from '../core/model-aliases.ts';
import type { WireFormat } from '../core/upstream.ts';
import { isEmbeddingModelId, resolveEmbeddingModel } from './embedding-models.ts';
import { isFillInModelId, isKnownModel } from './models.ts';

/** Names clients send because their software was written for another vendor. */
const foreignModel =
  /^(?:(?:openai|anthropic)\/|(?:\w+\.)?anthropic\.)?(?:gpt-|chatgpt-|o\d|claude-|(?:text-|code-)?(?:davinci|babbage|curie)-|(?:opus|sonnet|haiku)$)/i;

/** Claude's sizes, with the models that stand for them, best first; sonnet is what the default model is. */
const tiers: readonly (readonly [RegExp, readonly string[]])[] = [
  [
    /\bopus\b/i,
    ['qwen3.8-max', 'qwen3.7-max', 'qwen3.7-plus', 'qwen3.6-plus', 'qwen3.5-plus', 'qwen3-max-2026-01-23', 'qwen3-max'],
  ],
  [
    /\bhaiku\b/i,
    ['qwen3.8-flash', 'qwen3.6-flash', 'qwen3.5-flash', 'qwen-flash', 'qwen3-coder-flash', 'qwen3-coder-next'],
  ],
];

export interface ModelChoice {
  /** DEFAULT_MODEL. */
  readonly defaultModel: string;
  /** What the account serves in the format's kind, first choice first; empty where nobody knows. */
  readonly available: readonly string[];
  readonly aliases?: readonly ModelAlias[];
  /** The client's format; chat unless told. */
  readonly format?: WireFormat | undefined;
  /** The account speaks Completions, which models that fill in the middle take. */
  readonly fillsIn?: boolean;
}

/**
 * The model to ask an account for; `undefined` where the name is a model of the wrong kind. What it serves is taken as
 * asked, in the account's spelling. No name and another vendor's name become the default model, or the account's first one
 * where it lacks the default. Any other name goes upstream unchanged: it may be newer than the list, and a refusal says
 * more than a silent swap.
 */
export function resolveModel(asked: string | undefined, choice: ModelChoice): string | undefined {
  const { available, aliases = [], format } = choice;
  const isEmbedding = format === 'openai-embeddings';
  const isOfKind = (id: string) => (isEmbedding ? !isKnownModel(id) : !isEmbeddingModelId(id));
  const written = asked?.trim() ?? '';
  const fitting = aliases.filter(({ model }) => isOfKind(model));
  // Claude Code marks a name whose long context it wants to use.
  const plain = written.replace(/\[1m\]$/i, '');
  const literal = fitting.find(({ pattern }) => pattern.toLowerCase() === written.toLowerCase());
  const name = literal?.model ?? (plain === '' ? undefined : aliasedModel(plain, fitting)) ?? plain;
  if (isEmbedding) {
    const model = resolveEmbeddingModel(name);
    return isOfKind(model) ? (servedName(model, available) ?? model) : undefined;
  }
  const served = servedName(name, available);
  if (served !== undefined) return served;
  if (name === '' || foreignModel.test(name)) return standIn(name, choice);
  return isOfKind(name) ? name : undefined;
}

function standIn(name: string, { defaultModel, available, format, fillsIn }: ModelChoice): string {
  const fillIn =
    format === 'openai-completions' && fillsIn === true ? available.find((id) => isFillInModelId(id)) : undefined;
  const wanted = tiers.find(([pattern]) => pattern.test(name))?.[1] ?? [];
  const tier = wanted.find((id) => servedName(id, available) !== undefined);
  return fillIn ?? tier ?? servedName(defaultModel, available) ?? available[0] ?? defaultModel;
}

function servedName(name: string, available: readonly string[]): string | undefined {
  if (available.includes(name)) return name;
  return available.find((each) => each.toLowerCase() === name.toLowerCase());
}
