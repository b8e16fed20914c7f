import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/core/json.ts';
import { createChatFixes } from '../../src/upstream/chat-fixes.ts';
import { classifyHttpError } from '../../src/upstream/errors.ts';

const user = (content: unknown) => ({ role: 'user', content });
const refusalOf = (message: string, { status = 400, code = 'invalid_parameter_error' } = {}) =>
  classifyHttpError({
    status,
    headers: {},
    body: JSON.stringify({ error: { message, code, type: 'invalid_request_error' } }),
    now: 0,
  });
const image = user([{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAjSoNAA' } }]);
const base: JsonObject = { model: 'm', messages: [user('hi')] };

describe('chat request: refusals that mend themselves', () => {
  const restricted = 'The value of the enable_thinking parameter is restricted to True.';
  const cases: readonly (readonly [string, JsonObject, JsonObject])[] = [
    [restricted, { enable_thinking: false }, {}],
    ['The model m does not support enable_thinking.', { enable_thinking: true, thinking_budget: 9 }, {}],
    [
      '<400> InternalError.Algo.InvalidParameter: Json mode response is not supported when enable_thinking is true',
      { response_format: { type: 'json_object' }, thinking_budget: 9 },
      { response_format: { type: 'json_object' }, enable_thinking: false },
    ],
    [
      'The tool_choice parameter does not support being set to required or object in thinking mode',
      { tool_choice: { type: 'function', function: { name: 'f' } } },
      { tool_choice: { type: 'function', function: { name: 'f' } }, enable_thinking: false },
    ],
    [
      'tool_choice is one of the strings that should be ["none", "auto"]',
      { tool_choice: 'required' },
      {
        tool_choice: 'auto',
        messages: [{ role: 'system', content: 'Call at least one of the tools now.' }, user('hi')],
      },
    ],
    ['Range of max_tokens should be [1, 8192]', { max_tokens: 9000 }, { max_tokens: 8192 }],
    ['Range of max_tokens should be [1, 8192]', { max_completion_tokens: 9000 }, { max_completion_tokens: 8192 }],
    [
      'input content must be a string.',
      {
        messages: [
          user([
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ]),
        ],
      },
      { messages: [user('a\nb')] },
    ],
    [
      "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
      { response_format: { type: 'json_object' } },
      {
        response_format: { type: 'json_object' },
        messages: [{ role: 'system', content: 'Answer with one JSON object and nothing else.' }, user('hi')],
      },
    ],
    [
      "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
      // The word in an image's bytes is none.
      { response_format: { type: 'json_object' }, messages: [image] },
      {
        response_format: { type: 'json_object' },
        messages: [{ role: 'system', content: 'Answer with one JSON object and nothing else.' }, image],
      },
    ],
  ];
  for (const [message, fields, expected] of cases)
    it(`${message} ${JSON.stringify(fields).slice(0, 40)}`, () => {
      const fixes = createChatFixes();
      const body = { ...base, ...fields };
      const mended = fixes.afterRefusal(body, refusalOf(message));
      assert.deepEqual(mended?.body, { ...base, ...expected });
      assert.equal(fixes.apply('target', body), body, 'not remembered before it has helped');
      mended?.remember('target');
      assert.deepEqual(fixes.apply('target', body), mended?.body);
      assert.equal(fixes.apply('another', body), body);
      assert.equal(fixes.afterRefusal(mended?.body ?? {}, refusalOf(message)), undefined, 'no second time');
    });

  const hopeless: readonly (readonly [string, string, JsonObject, Parameters<typeof refusalOf>[1]?])[] = [
    ['nothing to change', restricted, { enable_thinking: true }],
    ['a stream-only model, asked for a stream', 'This model only support stream mode', { stream: true }],
    ['another field', 'Range of n should be [1, 4]', { n: 9 }],
    ['a picture', 'input content must be a string.', { messages: [user([{ type: 'image_url' }])] }],
    ['another status', restricted, { enable_thinking: false }, { status: 500, code: 'x' }],
    ['the length of the prompt', 'Range of input length should be [1, 100]', { max_tokens: 900 }],
  ];
  for (const [name, message, fields, how] of hopeless)
    it(`leaves to the client: ${name}`, () =>
      assert.equal(createChatFixes().afterRefusal({ ...base, ...fields }, refusalOf(message, how)), undefined));

  it('remembers the lower of two limits, and several lessons of a target', () => {
    const fixes = createChatFixes();
    const learn = (message: string, body: JsonObject) =>
      fixes.afterRefusal({ ...base, ...body }, refusalOf(message))?.remember('t');
    learn('Range of max_tokens should be [1, 8192]', { max_tokens: 9000 });
    learn(restricted, { enable_thinking: false });
    learn('Range of max_tokens should be [1, 4096]', { max_tokens: 8192 });
    assert.deepEqual(fixes.apply('t', { ...base, max_tokens: 9000, enable_thinking: false }), {
      ...base,
      max_tokens: 4096,
    });
  });
  it('forgets the oldest target of more than 256', () => {
    const fixes = createChatFixes();
    const body = { ...base, enable_thinking: false };
    for (let count = 0; count < 257; count++) fixes.afterRefusal(body, refusalOf(restricted))?.remember(`t${count}`);
    assert.deepEqual([fixes.apply('t0', body), fixes.apply('t1', body)], [body, base]);
  });
});
