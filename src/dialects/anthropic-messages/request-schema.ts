import * as v from 'valibot';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { invalid } from './invalid.ts';

const text = v.string('Input should be a valid string');
const integer = v.pipe(v.number('Input should be a valid integer'), v.integer('Input should be a valid integer'));
const number = v.nullish(v.number('Input should be a valid number'));
const boolean = v.nullish(v.boolean('Input should be a valid boolean'));
const object = 'Input should be a valid dictionary';
const list = 'Input should be a valid list';
const typed = v.looseObject({ type: text }, object);
const content = v.union([v.string(), v.array(v.unknown())], 'Input should be a valid string or a list of blocks');
const named = v.looseObject({ name: v.pipe(text, v.minLength(1, 'String should have at least 1 character')) }, object);

/** The fields we act on; others are tolerated, because betas add new ones all the time. */
const shared = {
  model: v.nullish(v.pipe(text, v.minLength(1, 'String should have at least 1 character'))),
  messages: v.pipe(
    v.array(
      v.looseObject(
        {
          role: v.picklist(
            ['user', 'assistant', 'system', 'developer'],
            "Input should be 'user', 'assistant' or 'system'",
          ),
          content,
        },
        object,
      ),
      list,
    ),
    v.minLength(1, 'at least one message is required'),
  ),
  system: v.nullish(content),
  tools: v.nullish(v.array(v.looseObject({ name: v.optional(text) }, object), list)),
  tool_choice: v.nullish(
    v.variant(
      'type',
      [
        v.looseObject({ type: v.picklist(['auto', 'any', 'none']), disable_parallel_tool_use: boolean }),
        v.looseObject({ type: v.literal('tool'), disable_parallel_tool_use: boolean, ...named.entries }),
      ],
      "Input should be 'auto', 'any', 'tool' or 'none'",
    ),
  ),
  thinking: v.nullish(v.looseObject({ type: text, budget_tokens: v.nullish(integer) }, object)),
  output_config: v.nullish(
    v.looseObject({ effort: v.nullish(text), format: v.nullish(v.looseObject({}, object)) }, object),
  ),
  output_format: v.nullish(v.looseObject({}, object)),
};

const countRequest = v.looseObject(shared);
const messagesRequest = v.looseObject({
  ...shared,
  max_tokens: v.pipe(integer, v.minValue(1, 'Input should be greater than or equal to 1')),
  stream: boolean,
  temperature: number,
  top_p: number,
  top_k: v.nullish(integer),
  stop_sequences: v.nullish(v.array(text, list)),
  metadata: v.nullish(v.looseObject({ user_id: v.nullish(text) }, object)),
});

/** What the blocks that we read must have. Blocks of other types are tolerated. */
const blocks: ReadonlyMap<unknown, v.GenericSchema> = new Map<unknown, v.GenericSchema>([
  ['text', v.looseObject({ text })],
  ['image', v.looseObject({ source: typed })],
  ['document', v.looseObject({ source: typed })],
  ['search_result', v.looseObject({ content: v.array(v.unknown(), list) })],
  ['thinking', v.looseObject({ thinking: v.nullish(text) })],
  ['tool_use', v.looseObject({ id: text, ...named.entries })],
  ['tool_result', v.looseObject({ tool_use_id: text, content: v.nullish(content), is_error: boolean })],
]);

/**
 * Checks a body of `POST /v1/messages`, or of its `count_tokens`.
 * @throws GatewayError `invalid_request` naming the field, as in `messages.2.content.0.type`.
 */
export function checkMessagesBody(body: unknown, { isCount = false } = {}): JsonObject {
  if (!isJsonObject(body)) throw invalid('', 'The request body must be a JSON object.');
  check(isCount ? countRequest : messagesRequest, body, '');
  if (Array.isArray(body.system)) checkBlocks(body.system, 'system');
  const messages: readonly unknown[] = Array.isArray(body.messages) ? body.messages : [];
  for (const [index, message] of messages.entries())
    if (isJsonObject(message) && Array.isArray(message.content))
      checkBlocks(message.content, `messages.${index}.content`);
  return body;
}

function checkBlocks(given: readonly unknown[], path: string): void {
  for (const [index, block] of given.entries()) {
    const here = `${path}.${index}`;
    check(typed, block, here);
    if (!isJsonObject(block)) continue;
    const schema = blocks.get(block.type);
    if (schema !== undefined) check(schema, block, here);
    if (block.type === 'tool_result' && Array.isArray(block.content)) checkBlocks(block.content, `${here}.content`);
  }
}

function check(schema: v.GenericSchema, value: unknown, path: string): void {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return;
  const [issue] = result.issues;
  const keys = issue.path?.map(({ key }) => String(key)) ?? [];
  const text = issue.input === undefined ? 'Field required' : issue.message;
  throw invalid([path, ...keys].filter((part) => part !== '').join('.'), text);
}
