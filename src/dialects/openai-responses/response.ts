import type { JsonObject } from '../../core/json.ts';
import type { Usage } from '../../core/usage.ts';

/** Fields of a request that its response repeats, with what they are where the client left them out. */
const repeated: Readonly<Record<string, unknown>> = {
  background: false,
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  prompt_cache_key: null,
  reasoning: { effort: null, summary: null },
  safety_identifier: null,
  service_tier: 'default',
  store: true,
  temperature: 1,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  truncation: 'disabled',
  user: null,
};

/** The part of a response that stays the same while it comes. */
export function responseHead(
  body: JsonObject,
  { id, model, createdAtMs }: { readonly id: string; readonly model: string; readonly createdAtMs: number },
): JsonObject {
  const settings = Object.fromEntries(
    Object.entries(repeated).map(([name, standard]) => [name, body[name] ?? standard]),
  );
  return { id, object: 'response', created_at: Math.floor(createdAtMs / 1000), model, ...settings };
}

/** Usage in the spelling of Responses; decoders of clients fail where a detail is missing (R8). */
export function encodeUsage(usage: Usage | undefined): JsonObject {
  const { inputTokens = 0, outputTokens = 0, cachedTokens = 0, reasoningTokens = 0 } = usage ?? {};
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: inputTokens + outputTokens,
  };
}
