import assert from 'node:assert/strict';
import type { JsonObject } from './json.ts';
import { type Simulator, startSimulator } from './simulator.ts';
import { chat, goodKey } from './test-requests.ts';

const user = { role: 'user', content: 'hello' };
const parts = [{ type: 'text', text: 'hello' }];
const tool = { type: 'function', function: { name: 'weather', parameters: {} } };
const forced = { type: 'function', function: { name: 'weather' } };
const call = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{}' } };
const called = { role: 'assistant', content: '', tool_calls: [call] };
const cached = [{ type: 'text', text: 'system', cache_control: { type: 'ephemeral' } }];

const refusals: readonly (readonly [string, JsonObject, number, RegExp])[] = [
  ['no model', { model: undefined }, 400, /you must provide a model parameter/],
  ['an unknown model', { model: 'gpt-5' }, 404, /The model `gpt-5` does not exist/],
  ['no messages', { messages: undefined }, 400, /\[\] is too short - 'messages'/],
  ['empty messages', { messages: [] }, 400, /\[\] is too short - 'messages'/],
  [
    'the developer role',
    { messages: [{ role: 'developer', content: 'x' }, user] },
    400,
    /developer is not one of \['system'/,
  ],
  ['no content', { messages: [{ role: 'user' }] }, 400, /The content field is a required field/],
  ['empty content', { messages: [{ role: 'user', content: '' }] }, 400, /Content length must be greater than 0/],
  [
    'a tool message without a call',
    { messages: [user, { role: 'tool', tool_call_id: 'call_1', content: 'x' }] },
    400,
    /must be a response to a preceding message/,
  ],
  [
    'a tool message for another call',
    { messages: [user, called, { role: 'tool', tool_call_id: 'x', content: 'x' }] },
    400,
    /must be a response to a preceding message/,
  ],
  ['an unanswered call', { messages: [user, called, user] }, 400, /must be followed by tool messages/],
  [
    'a tool result in parts',
    { messages: [user, called, { role: 'tool', tool_call_id: 'call_1', content: parts }] },
    400,
    /input content must be a string/,
  ],
  [
    'an assistant message last',
    { messages: [user, { role: 'assistant', content: 'x' }] },
    500,
    /list index out of range/,
  ],
  [
    'content parts on a text model',
    { model: 'qwen3-coder-plus', messages: [{ role: 'user', content: parts }] },
    400,
    /input content must be a string/,
  ],
  ['temperature 2', { temperature: 2 }, 400, /Temperature should be in \[0\.0, 2\.0\)/],
  ['a negative temperature', { temperature: -0.1 }, 400, /Temperature should be in/],
  ['a temperature that is text', { temperature: '1' }, 400, /'temperature' must be Float/],
  ['top_p 0', { top_p: 0 }, 400, /Range of top_p should be \(0\.0, 1\.0\]/],
  ['top_p above 1', { top_p: 1.01 }, 400, /Range of top_p/],
  ['top_k below 0', { top_k: -1 }, 400, /top_k be greater than or equal to 0/],
  ['presence_penalty', { presence_penalty: 2.1 }, 400, /Presence_penalty should be in \[-2\.0, 2\.0\]/],
  ['repetition_penalty', { repetition_penalty: 0 }, 400, /Repetition_penalty should be greater/],
  ['n', { n: 5 }, 400, /Range of n should be \[1, 4\]/],
  ['n with tools', { n: 2, tools: [tool] }, 400, /Range of n should be \[1, 1\]/],
  ['n while thinking', { n: 2, enable_thinking: true }, 400, /Range of n should be \[1, 1\]/],
  ['seed below 0', { seed: -1 }, 400, /Range of seed/],
  ['seed above its range', { seed: 2 ** 31 }, 400, /Range of seed/],
  ['top_logprobs', { top_logprobs: 6 }, 400, /Range of top_logprobs/],
  ['stop of mixed types', { stop: ['a', 1] }, 400, /The "stop" parameter must be of type/],
  ['max_tokens', { max_tokens: 65_537 }, 400, /Range of max_tokens should be \[1, 65536\]/],
  ['max_tokens of a small model', { model: 'qwen3-max-2026-01-23', max_tokens: 32_769 }, 400, /\[1, 32768\]/],
  ['max_tokens 0', { max_tokens: 0 }, 400, /Range of max_tokens should be \[1, 65536\]/],
  [
    'too much input',
    { model: 'qwen-max', messages: [{ role: 'user', content: 'x'.repeat(130_000) }] },
    400,
    /Range of input length should be \[1, 30720\]/,
  ],
  ['no tools in tools', { tools: [] }, 400, /\[\] is too short - 'tools'/],
  ['a tool without function', { tools: [{ type: 'function' }] }, 400, /'function' is a required property/],
  [
    'a tool named search',
    { tools: [{ type: 'function', function: { name: 'search' } }] },
    400,
    /Tool names are not allowed to be \[search\]/,
  ],
  [
    'tool_choice required',
    { tools: [tool], tool_choice: 'required' },
    400,
    /tool_choice is one of the strings that should be \["none", "auto"\]/,
  ],
  [
    'a forced tool while thinking',
    { tools: [tool], tool_choice: forced, enable_thinking: true },
    400,
    /required or object in thinking mode/,
  ],
  ['json_object without the word', { response_format: { type: 'json_object' } }, 400, /must contain the word 'json'/],
  [
    'json_object while thinking',
    { response_format: { type: 'json_object' }, enable_thinking: true },
    400,
    /Json mode response is not supported/,
  ],
  [
    'json_schema while thinking',
    { response_format: { type: 'json_schema' }, enable_thinking: true },
    400,
    /Json mode response is not supported/,
  ],
  ['an unknown response_format', { response_format: { type: 'xml' } }, 400, /Unknown format of response_format/],
  [
    'thinking of an old open model without stream',
    { model: 'qwen3-32b', enable_thinking: true },
    400,
    /enable_thinking must be set to false for non-streaming/,
  ],
  [
    'an old open model that thinks by default',
    { model: 'qwen3-235b-a22b' },
    400,
    /enable_thinking must be set to false for non-streaming/,
  ],
  [
    'thinking switched off where it is mandatory',
    { model: 'qwen3.8-max', enable_thinking: false },
    400,
    /restricted to True/,
  ],
  [
    'effort none where thinking is mandatory',
    { model: 'qwen3.8-max', reasoning_effort: 'none' },
    400,
    /restricted to True/,
  ],
  [
    'thinking of a model that cannot',
    { model: 'qwen3-coder-plus', enable_thinking: true },
    400,
    /does not support enable_thinking/,
  ],
  ['thinking_budget', { thinking_budget: 262_145 }, 400, /not greater than 262144/],
  [
    'thinking_budget and effort',
    { model: 'qwen3.8-flash', thinking_budget: 9, reasoning_effort: 'low' },
    400,
    /cannot be set at the same time/,
  ],
  [
    'a prefix while thinking',
    { messages: [user, { role: 'assistant', content: 'x', partial: true }], enable_thinking: true },
    400,
    /partial is not supported/,
  ],
  ['a stream-only model without stream', { model: 'qwq-plus' }, 400, /only support stream mode/],
  ['store', { store: false }, 400, /Unsupported parameter: 'store'/],
];

const accepted: readonly (readonly [string, JsonObject])[] = [
  [
    'the ends of the ranges',
    { temperature: 0, top_p: 1, presence_penalty: -2, seed: 2 ** 31 - 1, n: 4, max_tokens: 65_536 },
  ],
  ['nulls', { temperature: null, tools: null, tool_choice: null, stop: null }],
  ['parts on a model that sees', { messages: [{ role: 'user', content: parts }] }],
  [
    'cache-marked parts on a text model',
    { model: 'qwen3-coder-plus', messages: [{ role: 'system', content: cached }, user] },
  ],
  ['a tool result last', { messages: [user, called, { role: 'tool', tool_call_id: 'call_1', content: 'x' }] }],
  ['a forced tool', { tools: [tool], tool_choice: forced }],
  [
    'json_object with the word',
    { response_format: { type: 'json_object' }, messages: [{ role: 'user', content: 'as JSON' }] },
  ],
  ['an old open model told not to think', { model: 'qwen3-32b', enable_thinking: false }],
  ['a prefix', { messages: [user, { role: 'assistant', content: 'x', partial: true }] }],
];

describe('simulator: chat rules', () => {
  let simulator: Simulator;

  before(async () => {
    simulator = await startSimulator();
    simulator.addKey(goodKey);
  });
  after(() => simulator.close());

  for (const [what, fields, status, message] of refusals) {
    it(`refuses ${what}`, async () => {
      const answer = await chat(simulator, fields);
      assert.equal(answer.status, status, answer.text);
      assert.match(String(answer.error.message ?? answer.json.message), message);
    });
  }

  for (const [what, fields] of accepted) {
    it(`accepts ${what}`, async () => {
      const answer = await chat(simulator, fields);
      assert.equal(answer.status, 200, answer.text);
    });
  }
});
