import { isJsonObject, type JsonObject, objectField, objectItems, stringField } from '../core/json.ts';

/** "qwen3.5-plus and later, qwen3-max" (Responses API reference of Model Studio). */
const servedModels = /^qwen3(?:\.[5-9]|-max)/i;

/** Tools that Qwen's own servers run; they exist on this surface alone. */
const hostedTools = new Set(['web_search', 'web_extractor', 'code_interpreter']);

/** Fields that were seen to work, or that Model Studio documents; what it does not know it ignores in silence. */
const provenFields = new Set([
  'model',
  'input',
  'instructions',
  'stream',
  'temperature',
  'top_p',
  'tools',
  'tool_choice',
  'reasoning',
  'store',
]);

/** Fields that change nothing of an answer: left out, they are no reason to translate. */
const idleFields = new Set([
  'include',
  'metadata',
  'user',
  'prompt_cache_key',
  'prompt_cache_retention',
  'safety_identifier',
  'service_tier',
  'stream_options',
  'client_metadata',
]);

/**
 * Whether everything in a body was proven to work on Qwen's Responses surface; anything else is translated. Functions and
 * what came of them are: neither their items nor parallel calls were ever recorded there. So are requests whose response
 * is to be kept, because later ones may name it, unless only this surface has the tools they ask for.
 */
export function isProvenForResponses(body: JsonObject, model: string): boolean {
  const isSet = (name: string) => body[name] !== null && body[name] !== undefined;
  const tools = Array.isArray(body.tools) ? body.tools : [];
  return (
    servedModels.test(model) &&
    Object.keys(body).every((name) => !isSet(name) || provenFields.has(name) || idleFields.has(name)) &&
    (body.store === false || tools.length > 0) &&
    tools.every((tool) => isJsonObject(tool) && hostedTools.has(String(tool.type))) &&
    (!isSet('tool_choice') || body.tool_choice === 'auto') &&
    (!isSet('instructions') || typeof body.instructions === 'string') &&
    Object.keys(objectField(body, 'reasoning') ?? {}).every((name) => name === 'effort' || name === 'summary') &&
    isProvenInput(body.input)
  );
}

function isProvenInput(input: unknown): boolean {
  if (typeof input === 'string') return input !== '';
  return (
    Array.isArray(input) &&
    input.length > 0 &&
    input.every(
      (item) =>
        isJsonObject(item) &&
        (item.type === undefined || item.type === 'message') &&
        ['user', 'assistant', 'system', 'developer'].includes(String(item.role)) &&
        isProvenContent(item.content),
    )
  );
}

const isProvenContent = (content: unknown): boolean =>
  typeof content === 'string' ||
  (Array.isArray(content) &&
    content.every((part) => isJsonObject(part) && ['input_text', 'output_text'].includes(String(part.type))));

const editedFields = new Set([...provenFields, ...idleFields]);

/**
 * A client's body as the surface takes it. Instructions become the first message, because the surface was documented to
 * ignore them (R13).
 */
export function editResponsesRequest(body: JsonObject, { model }: { readonly model: string }): JsonObject {
  const instructions = stringField(body, 'instructions');
  const input =
    typeof body.input === 'string'
      ? [{ role: 'user', content: body.input }]
      : objectItems(body, 'input').map(({ id: _id, ...item }) =>
          item.role === 'developer' ? { ...item, role: 'system' } : item,
        );
  const effort = stringField(objectField(body, 'reasoning') ?? {}, 'effort');
  const tools = objectItems(body, 'tools').map((tool) =>
    hostedTools.has(String(tool.type)) ? { type: tool.type } : tool,
  );
  // A lane that the user forced may carry more than what is proven.
  const others = Object.entries(body).filter(([name, value]) => !editedFields.has(name) && value !== null);
  return {
    ...Object.fromEntries(others),
    model,
    stream: true,
    input: instructions === undefined ? input : [{ role: 'system', content: instructions }, ...input],
    ...(typeof body.temperature === 'number' && { temperature: Math.min(body.temperature, 1.99) }),
    ...(typeof body.top_p === 'number' && { top_p: Math.max(body.top_p, 0.01) }),
    ...(effort !== undefined && { reasoning: { effort } }),
    ...(tools.length > 0 && { tools }),
    ...(body.tool_choice !== 'auto' && isJsonObject(body.tool_choice) && { tool_choice: body.tool_choice }),
  };
}
