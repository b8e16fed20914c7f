import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { GatewayError } from '../../src/core/errors.ts';
import { chatFields, type FieldOutcome } from '../../src/upstream/chat-fields.ts';
import { editChatRequest } from '../../src/upstream/request.ts';

const user = [{ role: 'user', content: 'x' }];
const tool = { type: 'function', function: { name: 'f', parameters: { type: 'object' } } };
const edit = (fields: Readonly<Record<string, unknown>>, model = 'qwen3-coder-plus') =>
  editChatRequest({ model: 'asked', messages: user, ...fields }, model);
const messagesOf = (body: Readonly<Record<string, unknown>>) =>
  body.messages as { role: string; content: unknown; tool_calls?: { function: { name: string } }[] }[];
const refuses = (fields: Readonly<Record<string, unknown>>, param: string, model?: string) =>
  assert.throws(
    () => edit(fields, model),
    (error) => error instanceof GatewayError && error.code === 'invalid_request' && error.param === param,
  );

describe('chat request: the table of fields', () => {
  const documented = [
    ...readFileSync(new URL('../../docs/chat-completions.md', import.meta.url), 'utf8').matchAll(
      /^\| `(\w+)` +\| ([\w ]*\w) +\|/gm,
    ),
  ].map(([, name, outcome]) => `${name}: ${outcome}`);

  it('is the one in the docs', () => {
    assert.deepEqual(
      documented,
      chatFields.map(({ name, outcome }) => `${name}: ${outcome}`),
    );
    assert.equal(new Set(chatFields.map(({ name }) => name)).size, chatFields.length);
  });
  it('has every field of the openai SDK', () => {
    const types = readFileSync(
      new URL('../../node_modules/openai/resources/chat/completions/completions.d.ts', import.meta.url),
      'utf8',
    );
    const start = types.indexOf('export interface ChatCompletionCreateParamsBase');
    const fields = [...types.slice(start, types.indexOf('\n}', start)).matchAll(/^ {4}(\w+)\??:/gm)].map(
      ([, name]) => name,
    );
    assert.ok(fields.length > 35, `${fields.length}`);
    assert.deepEqual(
      fields.filter((name) => !chatFields.some((field) => field.name === name)),
      [],
    );
  });

  const sample = { x: 1 };
  const outcomes: Readonly<Record<FieldOutcome, (name: string) => void>> = {
    'passed on': (name) => assert.deepEqual(edit({ [name]: sample })[name], sample),
    dropped: (name) => assert.equal(name in edit({ [name]: sample }), false),
    refused: (name) => refuses({ [name]: sample }, name),
    set: (name) => assert.deepEqual(edit({ [name]: sample })[name] !== undefined, true),
    // Each has its own cases here or next door; the table must at least have a rule for it.
    adapted: (name) => assert.notEqual(chatFields.find((field) => field.name === name)?.edit, undefined),
  };
  for (const { name, outcome } of chatFields) it(`${name}: ${outcome}`, () => outcomes[outcome](name));
});

describe('chat request: tools', () => {
  it('one required tool is a forced one, and thinking is off for it', () => {
    const body = edit({ tools: [tool], tool_choice: 'required', enable_thinking: true }, 'qwen3.7-plus');
    assert.deepEqual(body.tool_choice, { type: 'function', function: { name: 'f' } });
    assert.equal(body.enable_thinking, false);
    assert.deepEqual(body.messages, user);
  });
  it('several required tools are asked for in words, before the last user message', () => {
    const messages = [...user, { role: 'assistant', content: 'y' }, { role: 'user', content: 'z' }];
    const body = edit({ messages, tools: [tool, { ...tool, function: { name: 'g' } }], tool_choice: 'required' });
    assert.equal(body.tool_choice, 'auto');
    assert.deepEqual(
      messagesOf(body).map(({ role }) => role),
      ['user', 'assistant', 'system', 'user'],
    );
  });
  it('a forced tool stays, and turns thinking off where it can be', () => {
    const tool_choice = { type: 'function', function: { name: 'f' } };
    const choose = (model: string) => {
      const { tool_choice: choice, enable_thinking, messages } = edit({ tools: [tool], tool_choice }, model);
      return [choice, enable_thinking, (messages as unknown[]).length];
    };
    assert.deepEqual(choose('qwen3-coder-plus'), [tool_choice, undefined, 1]);
    assert.deepEqual(choose('qwen3.7-plus'), [tool_choice, false, 1]);
    assert.deepEqual(choose('qwen3.8-max'), ['auto', undefined, 2]);
    assert.deepEqual(choose('llama-9'), [tool_choice, undefined, 1]);
  });
  it('allowed tools are the only ones sent', () => {
    const tools = [tool, { ...tool, function: { name: 'g' } }];
    const only = (names: readonly string[]) => ({
      type: 'allowed_tools',
      allowed_tools: { mode: 'auto', tools: names.map((name) => ({ type: 'function', function: { name } })) },
    });
    const body = edit({ tools, tool_choice: only(['g']) });
    assert.deepEqual([body.tools, body.tool_choice], [[tools[1]], 'auto']);
    refuses({ tools, tool_choice: only(['h']) }, 'tool_choice.allowed_tools.tools');
  });
  it('a tool named search goes under a free name, everywhere', () => {
    const named = (name: string) => ({ type: 'function', function: { name, parameters: {} } });
    const call = { id: 'a', type: 'function', function: { name: 'search', arguments: '{}' } };
    const messages = [
      ...user,
      { role: 'assistant', tool_calls: [call] },
      { role: 'tool', tool_call_id: 'a', content: 'r' },
    ];
    const body = edit({
      messages,
      tools: [named('search'), named('search_tool')],
      tool_choice: { type: 'function', function: { name: 'search' } },
    });
    assert.deepEqual(
      (body.tools as (typeof tool)[]).map((each) => each.function.name),
      ['search_tool_2', 'search_tool'],
    );
    assert.deepEqual(body.tool_choice, { type: 'function', function: { name: 'search_tool_2' } });
    assert.equal(messagesOf(body)[1]?.tool_calls?.[0]?.function.name, 'search_tool_2');
    assert.equal(call.function.name, 'search', 'the client’s body is left alone');
  });
  it('names what cannot be', () => {
    refuses({ tools: [tool, { type: 'custom', custom: { name: 'c' } }] }, 'tools[1].type');
    refuses({ tools: [tool], tool_choice: { type: 'custom', custom: { name: 'c' } } }, 'tool_choice');
    refuses({ tools: [tool], n: 2 }, 'n');
    refuses({ n: 5 }, 'n');
    refuses({ n: 2 }, 'n', 'qwen3.8-max');
    refuses({ n: 2 }, 'n', 'glm-5');
    refuses({ modalities: ['text', 'audio'] }, 'modalities');
    assert.equal('modalities' in edit({ modalities: ['text'], functions: [] }), false);
  });
  it('several answers need thinking off', () => {
    assert.deepEqual(
      [edit({ n: 2 }, 'qwen3.7-plus').enable_thinking, edit({ n: 1 }, 'qwen3.7-plus').enable_thinking],
      [false, undefined],
    );
  });
});

describe('chat request: JSON', () => {
  const schema = { type: 'object', properties: { city: { type: 'string' } } };
  const jsonSchema = { type: 'json_schema', json_schema: { name: 'n', strict: true, schema } };
  const json = { type: 'json_object' };
  const roles = (body: Readonly<Record<string, unknown>>) => messagesOf(body).map(({ role }) => role);

  it('the word is added where it is missing, before the last user message', () => {
    const body = edit({ response_format: json });
    assert.deepEqual([body.response_format, roles(body)], [json, ['system', 'user']]);
    assert.match(String(messagesOf(body)[0]?.content), /JSON/);
  });
  it('and not where it is there, in a part as well', () => {
    for (const content of ['as Json', [{ type: 'text', text: 'as JSON' }]])
      assert.deepEqual(roles(edit({ messages: [{ role: 'user', content }], response_format: json })), ['user']);
  });
  it('JSON mode turns thinking off', () => {
    for (const response_format of [json, jsonSchema])
      assert.equal(edit({ response_format, enable_thinking: true }, 'qwen3.7-plus').enable_thinking, false);
    assert.equal(
      edit({ response_format: { type: 'text' }, enable_thinking: true }, 'qwen3.7-plus').enable_thinking,
      true,
    );
  });
  it('a schema stays with the families that take one', () => {
    for (const model of ['qwen3-max', 'qwen3.7-plus', 'deepseek-v3.2', 'llama-9'])
      assert.deepEqual(edit({ response_format: jsonSchema }, model).response_format, jsonSchema, model);
  });
  it('and becomes JSON mode and words with others', () => {
    const body = edit({ response_format: jsonSchema }, 'glm-5');
    assert.deepEqual(body.response_format, json);
    assert.ok(String(messagesOf(body)[0]?.content).includes(JSON.stringify(schema)));
  });
  it('a model that always thinks gets words alone', () => {
    const body = edit({ response_format: jsonSchema }, 'qwen3.8-max');
    assert.equal('response_format' in body, false);
    assert.ok(String(messagesOf(body)[0]?.content).includes(JSON.stringify(schema)));
  });
});

describe('chat request: thinking', () => {
  const of = (model: string, fields: Readonly<Record<string, unknown>>) => {
    const {
      model: _model,
      messages: _messages,
      stream: _stream,
      stream_options: _options,
      ...rest
    } = edit(fields, model);
    return rest;
  };
  const cases: readonly (readonly [string, Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>])[] = [
    // Never thinks: nothing to switch.
    ['qwen3-coder-plus', { enable_thinking: true, thinking_budget: 9, reasoning_effort: 'high' }, {}],
    ['qwen3-coder-plus', { enable_thinking: false, thinking: { type: 'disabled' } }, {}],
    // A switch and a budget.
    ['qwen3.7-plus', {}, {}],
    ['qwen3.7-plus', { enable_thinking: true }, { enable_thinking: true }],
    ['qwen3.7-plus', { enable_thinking: false, thinking_budget: 9_000 }, { enable_thinking: false }],
    ['qwen3.7-plus', { thinking_budget: 9_000 }, { enable_thinking: true, thinking_budget: 9_000 }],
    ['qwen3.7-plus', { thinking_budget: 9_000_000 }, { enable_thinking: true, thinking_budget: 262_144 }],
    ['qwen3.7-plus', { thinking_budget: 0 }, { enable_thinking: false }],
    ['qwen3.7-plus', { reasoning_effort: 'none' }, { enable_thinking: false }],
    ['qwen3.7-plus', { reasoning_effort: 'low' }, { enable_thinking: true, thinking_budget: 4_096 }],
    ['qwen3.7-plus', { reasoning_effort: 'xhigh' }, { enable_thinking: true }],
    ['glm-5', { reasoning_effort: 'high' }, { enable_thinking: true, thinking_budget: 32_768 }],
    ['qwen3.7-plus', { reasoning: { effort: 'medium' } }, { enable_thinking: true, thinking_budget: 16_384 }],
    ['qwen3.7-plus', { reasoning: { max_tokens: 2_000 } }, { enable_thinking: true, thinking_budget: 2_000 }],
    ['qwen3.7-plus', { reasoning: { enabled: false } }, { enable_thinking: false }],
    [
      'qwen3.7-plus',
      { thinking: { type: 'enabled', budget_tokens: 5_000 } },
      { enable_thinking: true, thinking_budget: 5_000 },
    ],
    ['qwen3.7-plus', { thinking: { type: 'disabled' }, reasoning_effort: 'high' }, { enable_thinking: false }],
    ['qwen3.7-plus', { enable_thinking: false, reasoning_effort: 'high' }, { enable_thinking: false }],
    // Efforts.
    ['qwen3.8-flash', { reasoning_effort: 'none' }, { reasoning_effort: 'none' }],
    ['qwen3.8-flash', { enable_thinking: false }, { reasoning_effort: 'none' }],
    ['qwen3.8-flash', { reasoning_effort: 'minimal' }, { reasoning_effort: 'low' }],
    ['qwen3.8-flash', { reasoning_effort: 'high', thinking_budget: 100 }, { reasoning_effort: 'xhigh' }],
    ['qwen3.8-flash', { thinking_budget: 100 }, { thinking_budget: 100 }],
    ['deepseek-v4-pro', { reasoning_effort: 'low' }, { enable_thinking: true, reasoning_effort: 'high' }],
    ['deepseek-v4-pro', { reasoning_effort: 'xhigh' }, { enable_thinking: true, reasoning_effort: 'max' }],
    ['deepseek-v4-pro', { reasoning_effort: 'none' }, { enable_thinking: false }],
    // Always thinks: never told not to.
    ['qwen3.8-max', { enable_thinking: false }, { reasoning_effort: 'low' }],
    ['qwen3.8-max', { reasoning_effort: 'none' }, { reasoning_effort: 'low' }],
    ['qwen3.8-max', { reasoning_effort: 'max' }, { reasoning_effort: 'xhigh' }],
    ['kimi-k2.7-code', { enable_thinking: false }, {}],
    // Nothing is known, nothing is changed, but for the object that Qwen refuses.
    ['llama-9', { enable_thinking: true, thinking: { type: 'x' } }, { enable_thinking: true, thinking: { type: 'x' } }],
    ['llama-9', { reasoning: { effort: 'high' } }, { reasoning_effort: 'high' }],
  ];
  for (const [model, fields, expected] of cases)
    it(`${model} ${JSON.stringify(fields)}`, () => assert.deepEqual(of(model, fields), expected));
});
