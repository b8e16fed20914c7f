import { isJsonObject, type JsonObject, objectField, stringField } from '../../core/json.ts';

/** What happens to a field on the way to Chat Completions; the reasons are in docs/anthropic-messages.md. */
export type FieldOutcome = 'passed on' | 'translated' | 'dropped';

export interface MessagesField {
  readonly name: string;
  readonly outcome: FieldOutcome;
  /** The fields of Chat Completions that carry it. */
  readonly chat?: (value: unknown, body: JsonObject) => JsonObject;
}

const passed = (name: string): MessagesField => ({ name, outcome: 'passed on', chat: (value) => ({ [name]: value }) });
/** Translated together with others, by `request.ts`. */
const translated = (name: string, chat?: MessagesField['chat']): MessagesField => ({
  name,
  outcome: 'translated',
  ...(chat && { chat }),
});
const dropped = (name: string): MessagesField => ({ name, outcome: 'dropped' });

/**
 * Every field of a Messages body that is known, betas included. Unknown ones are dropped like those that mean nothing to
 * Qwen. docs/anthropic-messages.md gives the reasons; a test keeps the two equal.
 */
export const messagesFields: readonly MessagesField[] = [
  passed('model'),
  translated('messages'),
  translated('system'),
  passed('max_tokens'),
  passed('stream'),
  passed('temperature'),
  passed('top_p'),
  passed('top_k'),
  translated('stop_sequences'),
  translated('tools'),
  translated('tool_choice'),
  translated('thinking'),
  translated('output_config', (config, body) => ({
    ...(isThinking(body) && isJsonObject(config) && { reasoning_effort: config.effort ?? undefined }),
    ...responseFormat(isJsonObject(config) ? config.format : undefined),
  })),
  translated('output_format', responseFormat),
  translated('metadata'),
  dropped('cache_control'),
  dropped('context_management'),
  dropped('compaction'),
  dropped('container'),
  dropped('mcp_servers'),
  dropped('betas'),
  dropped('service_tier'),
  dropped('inference_geo'),
  dropped('speed'),
  dropped('diagnostics'),
  dropped('billing_policy'),
  dropped('fallbacks'),
  dropped('fallback_credit_token'),
  dropped('thread'),
  dropped('user_profile_id'),
  dropped('workspace_id'),
];

/** The fields of a Chat Completions body that carry a Messages body's own, but for messages and tools. */
export function translateFields(body: JsonObject): JsonObject {
  const chat = messagesFields.map(({ name, chat }) =>
    body[name] === undefined || body[name] === null || chat === undefined ? {} : chat(body[name], body),
  );
  return { ...Object.assign({}, ...chat), ...thinkingFields(body) };
}

/**
 * Anthropic's models think only when asked to. Qwen's newer ones think unless told not to, so silence is said aloud:
 * a title or a search query is no matter for minutes of thought. It is said in the field that goes to no model as it is.
 */
function thinkingFields(body: JsonObject): JsonObject {
  const thinking = objectField(body, 'thinking');
  if (thinking === undefined) return { reasoning: { enabled: false } };
  if (!isThinking(body)) return { thinking: { type: 'disabled' } };
  const budget = thinking.budget_tokens;
  return { thinking: { type: 'enabled', ...(typeof budget === 'number' && { budget_tokens: budget }) } };
}

function isThinking(body: JsonObject): boolean {
  const type = stringField(objectField(body, 'thinking') ?? {}, 'type');
  return type !== undefined && type !== 'disabled';
}

/** The client is given signatures only, as with `display: "omitted"`. */
export function hidesThinking(body: JsonObject): boolean {
  return objectField(body, 'thinking')?.display === 'omitted';
}

function responseFormat(format: unknown): JsonObject {
  if (!isJsonObject(format) || format.type !== 'json_schema') return {};
  const schema = objectField(format, 'schema') ?? objectField(format, 'json_schema')?.schema;
  return {
    response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: schema ?? {} } },
  };
}
