import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { GatewayError } from '../../src/core/errors.ts';
import {
  decodeCountRequest,
  decodeMessagesRequest,
  translateRequest,
} from '../../src/dialects/anthropic-messages/request.ts';
import { messagesFields } from '../../src/dialects/anthropic-messages/request-fields.ts';
import { isObject, type JsonObject } from '../simulator/json.ts';

const user = (content: unknown) => ({ role: 'user', content });
const assistant = (content: unknown) => ({ role: 'assistant', content });
const base = { model: 'm', max_tokens: 10, messages: [user('x')] };
const off = { reasoning: { enabled: false } };
const mark = { cache_control: { type: 'ephemeral' } };
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } };

describe('anthropic request: the table of fields', () => {
  const documented = [
    ...readFileSync(new URL('../../docs/anthropic-messages.md', import.meta.url), 'utf8').matchAll(
      /^\| `(\w+)` +\| (passed on|translated|dropped) +\|/gm,
    ),
  ].map(([, name, outcome]) => `${name}: ${outcome}`);

  it('is the one in the docs', () => {
    assert.deepEqual(
      documented,
      messagesFields.map(({ name, outcome }) => `${name}: ${outcome}`),
    );
  });
  it('has every field of the Anthropic SDK, betas included', () => {
    const types = readFileSync(
      new URL('../../node_modules/@anthropic-ai/sdk/resources/beta/messages/messages.d.ts', import.meta.url),
      'utf8',
    );
    const start = types.indexOf('export interface MessageCreateParamsBase');
    const fields = [...types.slice(start, types.indexOf('\n}', start)).matchAll(/^ {4}(\w+)\??:/gm)].map(
      ([, name]) => name,
    );
    assert.ok(fields.length > 20);
    assert.deepEqual(
      fields.filter((name) => !messagesFields.some((field) => field.name === name)),
      [],
    );
  });
});

describe('anthropic request: what goes upstream', () => {
  const goldens: readonly (readonly [string, JsonObject, JsonObject])[] = [
    ['text', {}, { messages: [user('x')] }],
    ['a system prompt', { system: 'You are X.' }, { messages: [{ role: 'system', content: 'You are X.' }, user('x')] }],
    [
      'a system prompt of one text, behind the line that changes with every request',
      { system: 'x-anthropic-billing-header: cch=1;\nYou are X.\n' },
      { messages: [{ role: 'system', content: 'You are X.\n' }, user('x')] },
    ],
    [
      'a block that is nothing but this line, and one that begins with it',
      {
        system: [
          { type: 'text', text: 'x-anthropic-billing-header: cch=1;' },
          { type: 'text', text: 'x-anthropic-billing-header: cch=1;\nYou are X.' },
        ],
      },
      { messages: [{ role: 'system', content: 'You are X.' }, user('x')] },
    ],
    [
      'a system prompt of blocks, marked',
      {
        system: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b', ...mark },
          { type: 'text', text: 'c' },
        ],
      },
      {
        messages: [
          {
            role: 'system',
            content: [
              { type: 'text', text: 'a\nb', ...mark },
              { type: 'text', text: '\nc' },
            ],
          },
          user('x'),
        ],
      },
    ],
    [
      'a mark that lasts longer',
      { messages: [user([{ type: 'text', text: 'a', cache_control: { type: 'ephemeral', ttl: '1h' } }])] },
      { messages: [user([{ type: 'text', text: 'a', ...mark }])] },
    ],
    [
      'more marks than Qwen takes: the last four',
      {
        messages: [1, 2, 3, 4, 5]
          .flatMap((n) => [user([{ type: 'text', text: `${n}`, ...mark }]), assistant('a')])
          .slice(0, -1),
      },
      {
        messages: [1, 2, 3, 4, 5]
          .flatMap((n): JsonObject[] => [user([{ type: 'text', text: `${n}`, ...(n > 1 && mark) }]), assistant('a')])
          .slice(0, -1),
      },
    ],
    [
      'pictures among texts',
      { messages: [user([{ type: 'text', text: 'a' }, image, { type: 'text', text: 'b' }])] },
      {
        messages: [
          user([
            { type: 'text', text: 'a' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
            { type: 'text', text: 'b' },
          ]),
        ],
      },
    ],
    [
      'documents as text',
      {
        messages: [
          user([
            {
              type: 'document',
              title: 'T',
              context: 'C',
              source: { type: 'text', media_type: 'text/plain', data: 'D' },
            },
            {
              type: 'document',
              source: { type: 'base64', media_type: 'text/plain', data: Buffer.from('E').toString('base64') },
            },
            { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'F' }] } },
            { type: 'search_result', title: 'G', source: 'https://g', content: [{ type: 'text', text: 'H' }] },
          ]),
        ],
      },
      { messages: [user('T\nC\nD\nE\nF\nG\nhttps://g\nH')] },
    ],
    [
      'calls and results of every kind',
      {
        messages: [
          user('x'),
          assistant([
            { type: 'thinking', thinking: 'hm', signature: 'theirs' },
            { type: 'text', text: 'a' },
            ...['1', '2', '3', '4'].map((id) => ({ type: 'tool_use', id, name: 'f', input: { id } })),
          ]),
          user([
            { type: 'tool_result', tool_use_id: '1' },
            { type: 'tool_result', tool_use_id: '2', content: 'broke', is_error: true },
            {
              type: 'tool_result',
              tool_use_id: '3',
              content: [
                { type: 'text', text: 'a' },
                { type: 'text', text: 'b' },
              ],
            },
            { type: 'tool_result', tool_use_id: '4', content: [{ type: 'tool_reference', tool_name: 'g' }] },
          ]),
        ],
      },
      {
        preserve_thinking: true,
        messages: [
          user('x'),
          {
            role: 'assistant',
            content: 'a',
            reasoning_content: 'hm',
            tool_calls: ['1', '2', '3', '4'].map((id) => ({
              id,
              type: 'function',
              function: { name: 'f', arguments: `{"id":"${id}"}` },
            })),
          },
          { role: 'tool', tool_call_id: '1', content: '' },
          { role: 'tool', tool_call_id: '2', content: 'Error: broke' },
          { role: 'tool', tool_call_id: '3', content: 'a\nb' },
          { role: 'tool', tool_call_id: '4', content: 'The tool "g" is now available.' },
        ],
      },
    ],
    [
      'a begun answer',
      { messages: [user('x'), assistant('The answer is')] },
      { messages: [user('x'), { ...assistant('The answer is'), partial: true }] },
    ],
    [
      'tools',
      {
        tools: [
          { name: 'f', description: 'd', input_schema: { type: 'object' }, defer_loading: true, strict: true, ...mark },
        ],
        tool_choice: { type: 'any', disable_parallel_tool_use: true },
      },
      {
        messages: [user('x')],
        tools: [{ type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' } } }],
        tool_choice: 'required',
        parallel_tool_calls: false,
      },
    ],
    ['a choice without tools', { tool_choice: { type: 'auto' } }, { messages: [user('x')] }],
    ['no tools at all', { tools: [] }, { messages: [user('x')] }],
    [
      'a tool added on the way',
      {
        messages: [
          user('x'),
          {
            role: 'system',
            content: [
              {
                type: 'tool_addition',
                tool: { type: 'tool_definition', definition: { name: 'g', input_schema: { type: 'object' } } },
              },
            ],
          },
          user('y'),
        ],
      },
      {
        messages: [user('x'), { role: 'system', content: 'The tool "g" is now available.' }, user('y')],
        tools: [{ type: 'function', function: { name: 'g', parameters: { type: 'object' } } }],
      },
    ],
    [
      'a budget',
      { thinking: { type: 'enabled', budget_tokens: 5_000 } },
      { messages: [user('x')], thinking: { type: 'enabled', budget_tokens: 5_000 } },
    ],
    ['no thinking', { thinking: { type: 'disabled' } }, { messages: [user('x')], thinking: { type: 'disabled' } }],
    [
      'an effort',
      { thinking: { type: 'adaptive', display: 'omitted' }, output_config: { effort: 'max' } },
      { messages: [user('x')], thinking: { type: 'enabled' }, reasoning_effort: 'max' },
    ],
    ['an effort without thinking', { output_config: { effort: 'low' } }, { messages: [user('x')] }],
    [
      'a schema',
      { output_config: { format: { type: 'json_schema', schema: { type: 'object' } } } },
      {
        messages: [user('x')],
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'answer', strict: true, schema: { type: 'object' } },
        },
      },
    ],
    ['stop sequences, which are watched for here', { stop_sequences: ['a'] }, { messages: [user('x')] }],
    [
      'samplers',
      { temperature: 1, top_p: 0.5, top_k: 3 },
      { messages: [user('x')], temperature: 1, top_p: 0.5, top_k: 3 },
    ],
    [
      'what means nothing to Qwen',
      { metadata: { user_id: 'u' }, service_tier: 'auto', container: 'c', mcp_servers: [], brand_new: 1 },
      { messages: [user('x')] },
    ],
  ];
  for (const [name, fields, expected] of goldens)
    it(name, () => {
      const { chat } = translateRequest({ ...base, ...fields });
      const silence = 'thinking' in fields ? {} : off;
      assert.deepEqual(JSON.parse(JSON.stringify(chat)), { model: 'm', max_tokens: 10, ...silence, ...expected });
    });
});

describe('anthropic request: deferred tools', () => {
  const tool = (name: string, more: JsonObject = {}) => ({ name, input_schema: { type: 'object' }, ...more });
  const deferred = ['found', 'used', 'added', 'never'].map((name) => tool(name, { defer_loading: true }));
  const messages = [
    user('x'),
    assistant([
      { type: 'tool_use', id: '1', name: 'ToolSearch', input: {} },
      { type: 'tool_use', id: '2', name: 'used', input: {} },
    ]),
    user([
      { type: 'tool_result', tool_use_id: '1', content: [{ type: 'tool_reference', tool_name: 'found' }] },
      { type: 'tool_result', tool_use_id: '2', content: 'ok' },
    ]),
    { role: 'system', content: [{ type: 'tool_addition', tool: { type: 'tool_reference', name: 'added' } }] },
  ];
  const namesOf = (fields: JsonObject) => {
    const { tools } = translateRequest({ ...base, ...fields }).chat;
    return (Array.isArray(tools) ? tools : []).map((each) => each.function.name);
  };
  it('go along once they were found, used or added', () => {
    assert.deepEqual(namesOf({ tools: [tool('ToolSearch'), ...deferred], messages }), [
      'ToolSearch',
      'found',
      'used',
      'added',
    ]);
    assert.deepEqual(namesOf({ tools: [tool('ToolSearch'), ...deferred] }), ['ToolSearch']);
    assert.deepEqual(namesOf({ tools: [tool('a'), ...deferred], tool_choice: { type: 'tool', name: 'never' } }), [
      'a',
      'never',
    ]);
  });
  it('go along at once where nobody here could find them', () => {
    const search = { type: 'tool_search_tool_regex_20251119', name: 'tool_search_tool_regex' };
    assert.deepEqual(namesOf({ tools: [search, tool('a'), ...deferred] }), ['a', 'found', 'used', 'added', 'never']);
    assert.deepEqual(namesOf({ tools: deferred }), ['found', 'used', 'added', 'never']);
  });
});

describe('anthropic request: what is refused', () => {
  const table: readonly (readonly [string, unknown, string])[] = [
    ['no object', [], ''],
    ['no messages', { ...base, messages: undefined }, 'messages: Field required'],
    ['no message', { ...base, messages: [] }, 'messages: at least one message is required'],
    ['no limit', { ...base, max_tokens: undefined }, 'max_tokens: Field required'],
    ['a limit of nothing', { ...base, max_tokens: 0 }, 'max_tokens: Input should be greater than or equal to 1'],
    ['a limit as text', { ...base, max_tokens: '10' }, 'max_tokens: Input should be a valid integer'],
    ['a role nobody has', { ...base, messages: [{ role: 'robot', content: 'x' }] }, 'messages.0.role: '],
    ['no content', { ...base, messages: [user('x'), { role: 'user' }] }, 'messages.1.content: Field required'],
    [
      'a block without a type',
      { ...base, messages: [user('a'), assistant('b'), user([{ text: 'x' }])] },
      'messages.2.content.0.type: Field required',
    ],
    [
      'a block that is none',
      { ...base, messages: [user(['x'])] },
      'messages.0.content.0: Input should be a valid dictionary',
    ],
    [
      'text without text',
      { ...base, messages: [user([{ type: 'text' }])] },
      'messages.0.content.0.text: Field required',
    ],
    [
      'a picture without a source',
      { ...base, messages: [user([{ type: 'image' }])] },
      'messages.0.content.0.source: Field required',
    ],
    [
      'a kept file',
      { ...base, messages: [user([{ type: 'image', source: { type: 'file', file_id: 'f' } }])] },
      'messages.0.content.0.source: ',
    ],
    [
      'a call without an id',
      { ...base, messages: [assistant([{ type: 'tool_use', name: 'f', input: {} }])] },
      'messages.0.content.0.id: Field required',
    ],
    [
      'a result without its call',
      { ...base, messages: [user([{ type: 'tool_result' }])] },
      'messages.0.content.0.tool_use_id: Field required',
    ],
    [
      'a broken block in a result',
      { ...base, messages: [user([{ type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text' }] }])] },
      'messages.0.content.0.content.0.text: Field required',
    ],
    ['a system prompt of numbers', { ...base, system: 5 }, 'system: '],
    ['a choice nobody knows', { ...base, tool_choice: { type: 'maybe' } }, 'tool_choice'],
    ['a choice of no tool', { ...base, tool_choice: { type: 'tool' } }, 'tool_choice.name: Field required'],
    [
      'stop sequences that are none',
      { ...base, stop_sequences: [1] },
      'stop_sequences.0: Input should be a valid string',
    ],
    ['stream as text', { ...base, stream: 'yes' }, 'stream: Input should be a valid boolean'],
    ['thinking as a flag', { ...base, thinking: true }, 'thinking: Input should be a valid dictionary'],
  ];
  for (const [name, body, message] of table)
    it(name, () => {
      assert.throws(
        () => decodeMessagesRequest(JSON.parse(JSON.stringify(body)), { stream: false }),
        (error) =>
          error instanceof GatewayError && error.code === 'invalid_request' && error.message.startsWith(message),
      );
    });
  it('no block of a strange type', () => {
    for (const type of ['constructor', '__proto__', 'toString', 'brand_new']) {
      const content = [{ type }, { type: 'text', text: 'x' }];
      const { translation } = decodeMessagesRequest({ ...base, messages: [user(content)] }, { stream: false });
      assert.deepEqual(translation?.chat.messages, [user('x')], type);
    }
  });
  it('a count needs no limit', () => {
    assert.equal(decodeCountRequest({ model: 'anthropic/m', messages: [user('x')] }).model, 'm');
  });
  it('fields of the translated body are named in the client’s spelling', () => {
    const body = {
      ...base,
      system: 's',
      tools: [
        { type: 'web_fetch_20250910', name: 'w' },
        { name: 'f', input_schema: {} },
      ],
      messages: [
        user('a'),
        assistant([{ type: 'tool_use', id: '1', name: 'f', input: {} }]),
        user([{ type: 'tool_result', tool_use_id: '1' }, image, { type: 'text', text: 'b' }]),
      ],
    };
    const { paramOf } = translateRequest(body);
    const names: readonly (readonly [string, string])[] = [
      ['messages[0].content', 'system'],
      ['messages[3]', 'messages.2.content.0'],
      ['messages[4].content[0]', 'messages.2.content.1'],
      ['messages[4].content[1]', 'messages.2.content.2'],
      ['tools[0].function.name', 'tools.1'],
      ['response_format', 'output_config.format'],
      ['enable_thinking', 'thinking'],
      ['max_tokens', 'max_tokens'],
    ];
    for (const [chat, own] of names) assert.equal(paramOf?.(chat), own);
  });
});

describe('anthropic request: what every lane knows of it', () => {
  it('names, streams and affinity', () => {
    const request = decodeMessagesRequest(
      { ...base, model: 'anthropic/qwen3.7-plus', stream: true },
      { stream: false },
    );
    assert.deepEqual(
      [request.model, request.echoedModel, request.stream, request.includeUsage],
      ['qwen3.7-plus', 'anthropic/qwen3.7-plus', true, true],
    );
    assert.equal(decodeMessagesRequest(base, { stream: true }).stream, true);
    assert.ok(isObject(request.translation?.chat));
  });
});
