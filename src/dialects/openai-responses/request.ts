import * as v from 'valibot';
import type { GenerationRequest, Translation } from '../../core/dialect.ts';
import { GatewayError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject, objectField, objectItems, stringField } from '../../core/json.ts';
import type { ProxySettings } from '../../core/settings.ts';
import { decodeWith } from '../decode-with.ts';
import { createResponseEncoder } from './encoder.ts';
import { decodeInput } from './input.ts';
import type { ResponseStore } from './store.ts';
import { readToolChoice, readTools } from './tools.ts';

const boolean = v.nullish(v.boolean('must be true or false'));
const text = v.nullish(v.string('must be a string'));
const number = v.nullish(v.number('must be a number'));
const object = v.nullish(v.looseObject({}, 'must be an object'));
const list = v.nullish(v.array(v.unknown(), 'must be an array'));
const count = v.nullish(
  v.pipe(v.number('must be a number'), v.integer('must be a whole number'), v.minValue(1, 'must be 1 or more')),
);

/** The fields we act on: https://platform.openai.com/docs/api-reference/responses/create */
const responsesRequest = v.looseObject({
  model: v.nullish(v.pipe(v.string('must be a string'), v.minLength(1, 'must not be empty'))),
  input: v.nullish(v.union([v.string(), v.array(v.unknown())], 'must be a string or an array of items')),
  instructions: v.nullish(v.union([v.string(), v.array(v.unknown())], 'must be a string')),
  stream: boolean,
  tools: list,
  tool_choice: v.nullish(v.union([v.string(), v.looseObject({})], 'must be a string or an object')),
  parallel_tool_calls: boolean,
  max_output_tokens: count,
  temperature: number,
  top_p: number,
  text: object,
  reasoning: object,
  include: list,
  metadata: object,
  store: boolean,
  background: boolean,
  previous_response_id: text,
  truncation: v.nullish(v.picklist(['auto', 'disabled'], "must be 'auto' or 'disabled'")),
});

/** Fields of Responses that have no place in a Chat Completions body, or another one; any other field passes on. */
const ownFields = new Set([
  ...Object.keys(responsesRequest.entries),
  'client_metadata',
  'context_management',
  'conversation',
  'max_tool_calls',
  'moderation',
  'prompt',
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
  'safety_identifier',
  'service_tier',
  'stream_options',
  'top_logprobs',
]);

/** What would need state that is not kept here, and what to do instead. */
const unserved: Readonly<Record<string, string>> = {
  conversation: 'Send the items, or previous_response_id.',
  prompt: 'Send the text of the prompt as instructions.',
};

/** Checks a Responses body and brings it into Chat Completions. @throws GatewayError `invalid_request` naming the field. */
export function decodeResponsesRequest(
  body: unknown,
  settings: Pick<ProxySettings, 'stream'>,
  store: ResponseStore,
): GenerationRequest {
  const request = decodeWith(responsesRequest, body);
  if (!isJsonObject(body)) throw new GatewayError('invalid_request', 'The request body must be a JSON object.');
  for (const [param, fix] of Object.entries(unserved))
    if (body[param] !== undefined && body[param] !== null)
      throw new GatewayError('invalid_request', `'${param}' is not kept here.`, { param, fix });
  if (request.background === true)
    throw new GatewayError('invalid_request', 'Responses in the background are not kept here.', {
      param: 'background',
      fix: 'Leave it out and stream the response.',
    });
  return {
    model: request.model ?? undefined,
    stream: request.stream ?? settings.stream,
    includeUsage: true,
    body,
    translation: translate(body, store),
  };
}

function translate(body: JsonObject, store: ResponseStore): Translation {
  const previous = previousItems(body, store);
  const input = resolveReferences(inputItems(body), store);
  const items = [...previous, ...input];
  const tools = readTools(
    Array.isArray(body.tools) ? body.tools : [],
    items.filter(isJsonObject).flatMap((item) => (bringsTools(item) ? objectItems(item, 'tools') : [])),
  );
  const instructions = systemMessages(body.instructions);
  const decoded = decodeInput(items, previous.length, tools);
  if (decoded.messages.length === 0 && instructions.length === 0)
    throw new GatewayError('invalid_request', "Missing required parameter: 'input'.", { param: 'input' });
  const others = Object.fromEntries(Object.entries(body).filter(([name]) => !ownFields.has(name)));
  const choice = readToolChoice(body.tool_choice, tools);
  const format = responseFormat(body);
  const reasoning = objectField(body, 'reasoning') ?? {};
  const chat = {
    ...others,
    messages: [...instructions, ...decoded.messages],
    ...(tools.tools.length > 0 && {
      tools: tools.tools,
      ...(choice !== undefined && choice !== null && { tool_choice: choice }),
      parallel_tool_calls: body.parallel_tool_calls ?? true,
    }),
    ...(body.max_output_tokens !== undefined && { max_completion_tokens: body.max_output_tokens }),
    ...(body.temperature !== undefined && { temperature: body.temperature }),
    ...(body.top_p !== undefined && { top_p: body.top_p }),
    ...(format !== undefined && { response_format: format }),
    // What models think about their calls is in the history: those that can read it again should.
    ...(decoded.messages.some((message) => message.reasoning_content !== undefined) && { preserve_thinking: true }),
    ...(stringField(reasoning, 'effort') !== undefined && { reasoning_effort: reasoning.effort }),
  };
  const sources = [...instructions.map(() => 'instructions'), ...decoded.sources];
  const keep = body.store !== false;
  return {
    chat,
    notes: [...tools.dropped.map((type) => `tool ${type}`), ...decoded.dropped.map((type) => `item ${type}`)],
    createEncoder: (facts) =>
      createResponseEncoder({
        body,
        facts,
        tools,
        ...(keep && { onFinished: (id, output) => store.set(id, items, output) }),
      }),
    paramOf: (param) => clientParam(param, sources),
  };
}

function previousItems(body: JsonObject, store: ResponseStore): readonly unknown[] {
  const id = stringField(body, 'previous_response_id');
  if (id === undefined) return [];
  const items = store.get(id);
  if (items === undefined)
    throw new GatewayError('invalid_request', `The response ${id} is not kept here any more.`, {
      param: 'previous_response_id',
      fix: 'Send the whole conversation as input.',
    });
  return items;
}

function inputItems({ input }: JsonObject): readonly unknown[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }];
  return Array.isArray(input) ? input : [];
}

/** References to kept items become these; others stay, to be refused in their place. */
function resolveReferences(input: readonly unknown[], store: ResponseStore): readonly unknown[] {
  const referenceOf = (item: unknown) =>
    isJsonObject(item) && item.type === 'item_reference' ? stringField(item, 'id') : undefined;
  const ids = input.flatMap((item) => referenceOf(item) ?? []);
  if (ids.length === 0) return input;
  const found = store.find(ids);
  return input.map((item) => found.get(referenceOf(item) ?? '') ?? item);
}

const bringsTools = (item: JsonObject) => item.type === 'additional_tools' || item.type === 'tool_search_output';

/** Instructions are a text; as items they are what an earlier response had. */
function systemMessages(instructions: unknown): readonly JsonObject[] {
  if (typeof instructions === 'string') return instructions === '' ? [] : [{ role: 'system', content: instructions }];
  if (!Array.isArray(instructions)) return [];
  const { messages } = decodeInput(instructions, instructions.length, readTools([], []));
  return messages.map((message) => ({ ...message, role: 'system' }));
}

/** `text.format` in the nesting of Chat Completions (R11). */
function responseFormat(body: JsonObject): unknown {
  const format = objectField(objectField(body, 'text') ?? {}, 'format');
  if (format === undefined || format.type === 'text') return undefined;
  if (format.type !== 'json_schema') return format;
  const { type, ...schema } = format;
  return { type, json_schema: schema };
}

/** `messages[4].content[0]` → `input[2].content[0]`, and fields that have another name. */
function clientParam(param: string, sources: readonly (string | undefined)[]): string | undefined {
  const [, index, rest = ''] = /^messages\[(\d+)\](.*)$/.exec(param) ?? [];
  if (index !== undefined) {
    const source = sources[Number(index)];
    return source === undefined ? undefined : `${source}${source === 'instructions' ? '' : rest}`;
  }
  if (param === 'max_tokens' || param === 'max_completion_tokens') return 'max_output_tokens';
  if (param.startsWith('response_format')) return 'text.format';
  if (param.startsWith('reasoning') || param.includes('thinking')) return 'reasoning';
  return param.startsWith('messages') ? 'input' : param;
}
