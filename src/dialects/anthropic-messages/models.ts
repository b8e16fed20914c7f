import { GatewayError } from '../../core/errors.ts';
import { type JsonObject, numberField, stringField } from '../../core/json.ts';
import { discoveryId, modelAsked } from './model-name.ts';

/** A model as `GET /v1/models` has it for OpenAI's clients. */
export type ListedModel = JsonObject & { readonly id: string };

const usualLimit = 20;
const maximumLimit = 1_000;

/**
 * One page of models in Anthropic's shape. Every model stands there under its own id and, for Claude Code's picker, under
 * one that begins with `anthropic`: https://platform.claude.com/docs/en/api/models/list
 * @throws GatewayError `invalid_request` for a limit or a cursor that is none.
 */
export function encodeModelPage(models: readonly ListedModel[], query: URLSearchParams): JsonObject {
  // Anthropic's API has no embeddings.
  const chats = models.filter(({ mode }) => mode !== 'embedding');
  const all = [...chats.map((model) => encodeModel(model, model.id)), ...chats.map(toDiscovery)];
  const limit = limitOf(query.get('limit'));
  const after = place(all, query, 'after_id');
  const before = place(all, query, 'before_id');
  const start = before !== undefined ? Math.max(0, before - limit) : after !== undefined ? after + 1 : 0;
  const end = before ?? Math.min(all.length, start + limit);
  const data = all.slice(start, end);
  return {
    data,
    has_more: before !== undefined ? start > 0 : end < all.length,
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}

const toDiscovery = (model: ListedModel) => encodeModel(model, discoveryId(model.id));

/** One model under the id it was asked for. @throws GatewayError `model_not_found` */
export function encodeModelOf(models: readonly ListedModel[], asked: string): JsonObject {
  const name = modelAsked(asked)?.replace(/\[1m\]$/i, '');
  const known = models.find(({ id }) => id === name);
  if (known !== undefined) return encodeModel(known, asked);
  // These are served, by whatever model stands in for them.
  if (/^(?:anthropic\/)?claude-/i.test(asked)) return encodeModel({ id: asked }, asked);
  throw new GatewayError('model_not_found', `model: ${asked}`, { fix: 'GET /v1/models lists the models.' });
}

function encodeModel(model: ListedModel, id: string) {
  return {
    type: 'model',
    id,
    display_name: stringField(model, 'name') ?? model.id,
    // Nobody published when; the API asks for the epoch then.
    created_at: '1970-01-01T00:00:00Z',
    max_input_tokens: numberField(model, 'context_window') ?? null,
    max_tokens: numberField(model, 'max_output_tokens') ?? null,
  };
}

function limitOf(text: string | null): number {
  if (text === null) return usualLimit;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= maximumLimit) return limit;
  throw new GatewayError('invalid_request', `limit: Input should be a whole number from 1 to ${maximumLimit}`, {
    param: 'limit',
  });
}

function place(
  models: readonly { readonly id: string }[],
  query: URLSearchParams,
  cursor: 'after_id' | 'before_id',
): number | undefined {
  const id = query.get(cursor);
  if (id === null || id === '') return undefined;
  const index = models.findIndex((model) => model.id === id);
  if (index !== -1) return index;
  throw new GatewayError('invalid_request', `${cursor}: no model has the id ${id}`, { param: cursor });
}
