import assert from 'node:assert/strict';
import { GatewayError } from '../../src/core/errors.ts';
import { decodeChatRequest } from '../../src/dialects/openai-chat/request.ts';
import { editChatRequest } from '../../src/upstream/request.ts';

const user = [{ role: 'user', content: 'x' }];
const decode = (body: unknown, stream = false) => decodeChatRequest(body, { stream });

describe('chat request: decoding', () => {
  it('takes what it acts on, and leaves the body as it is', () => {
    const body = { model: 'm', messages: user, stream: true, stream_options: { include_usage: true }, x: { y: 1 } };
    const request = decode(body);
    assert.deepEqual([request.model, request.stream, request.includeUsage], ['m', true, true]);
    assert.equal(request.body, body);
  });
  it('null counts as absent', () => {
    const request = decode({
      model: null,
      messages: user,
      stream: null,
      stream_options: null,
      tools: null,
      max_tokens: null,
    });
    assert.deepEqual([request.model, request.stream, request.includeUsage], [undefined, false, false]);
    assert.equal(decode({ messages: user }, true).stream, true);
    assert.equal(decode({ messages: user, stream: false }, true).stream, false);
  });

  const wrong: readonly (readonly [string, unknown, string | undefined])[] = [
    ['no object', [], undefined],
    ['no messages', { model: 'm' }, 'messages'],
    ['messages of another type', { messages: 'x' }, 'messages'],
    ['no message', { messages: [] }, 'messages'],
    ['a message that is none', { messages: ['x'] }, 'messages[0]'],
    ['null among messages', { messages: [...user, null] }, 'messages[1]'],
    ['a role of another type', { messages: [...user, ...user, { role: 1 }] }, 'messages[2].role'],
    ['no role', { messages: [...user, ...user, { content: 'x' }] }, 'messages[2].role'],
    ['an empty model', { messages: user, model: '' }, 'model'],
    ['a model of another type', { messages: user, model: 4 }, 'model'],
    ['stream as text', { messages: user, stream: 'true' }, 'stream'],
    ['stream_options as text', { messages: user, stream_options: 'x' }, 'stream_options'],
    [
      'include_usage as number',
      { messages: user, stream_options: { include_usage: 1 } },
      'stream_options.include_usage',
    ],
    ['tools as object', { messages: user, tools: {} }, 'tools'],
    ['a tool that is none', { messages: user, tools: [1] }, 'tools[0]'],
    ['no output at all', { messages: user, max_tokens: 0 }, 'max_tokens'],
    ['no answer at all', { messages: user, n: 0 }, 'n'],
    ['a temperature as text', { messages: user, temperature: '1' }, 'temperature'],
    ['a seed with a fraction', { messages: user, seed: 1.5 }, 'seed'],
    ['a number as stop', { messages: user, stop: 4 }, 'stop'],
    ['a tool_choice that is none', { messages: user, tool_choice: 1 }, 'tool_choice'],
    ['a response_format as text', { messages: user, response_format: 'json' }, 'response_format'],
    ['enable_thinking as text', { messages: user, enable_thinking: 'yes' }, 'enable_thinking'],
    ['a budget as text', { messages: user, thinking_budget: '4k' }, 'thinking_budget'],
    ['thinking as a flag', { messages: user, thinking: true }, 'thinking'],
    ['an effort as a number', { messages: user, reasoning_effort: 3 }, 'reasoning_effort'],
    ['half a token', { messages: user, max_completion_tokens: 1.5 }, 'max_completion_tokens'],
  ];
  for (const [name, body, param] of wrong)
    it(`${name}: names ${param ?? 'the body'}`, () =>
      assert.throws(
        () => decode(body),
        (error) =>
          error instanceof GatewayError &&
          error.code === 'invalid_request' &&
          error.param === param &&
          // A sentence of ours, not the validator's.
          !/Expected|received|undefined/.test(error.message),
      ));
});

describe('chat request: the edits for Qwen', () => {
  const edit = (fields: Readonly<Record<string, unknown>>, model = 'qwen3-coder-plus') =>
    editChatRequest({ model: 'asked', messages: user, ...fields }, model);

  const cases: readonly (readonly [string, Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>])[] = [
    ['nothing to edit', { temperature: 0.7, seed: 1 }, { temperature: 0.7, seed: 1 }],
    ['temperature 2', { temperature: 2 }, { temperature: 1.99 }],
    ['top_p 0', { top_p: 0 }, { top_p: 0.01 }],
    ['zeroes that are allowed', { temperature: 0, presence_penalty: 0 }, { temperature: 0, presence_penalty: 0 }],
    ['fields that are null', { stop: null, tools: null, user: null }, {}],
    ['fields of others', { store: true, service_tier: 'auto', prediction: {}, reasoning: {}, background: false }, {}],
    ['unknown fields', { x_new: [1], y: { deep: null } }, { x_new: [1], y: { deep: null } }],
    ['a choice without tools', { tool_choice: 'required', parallel_tool_calls: true }, {}],
    ['tools that are none', { tools: [], tool_choice: 'auto' }, {}],
    [
      'ranges narrower than OpenAI’s',
      { presence_penalty: 3, top_logprobs: 20 },
      { presence_penalty: 2, top_logprobs: 5 },
    ],
    ['a seed of 64 bits', { seed: 2 ** 40 + 7 }, { seed: 7 }],
    ['a seed below zero', { seed: -1 }, { seed: 2 ** 31 - 1 }],
    ['top_k switched off the vLLM way', { top_k: -1 }, {}],
    ['top_k', { top_k: 20 }, { top_k: 20 }],
    ['several answers', { n: 4 }, { n: 4 }],
    ['more output than there is', { max_tokens: 10_000_000 }, { max_tokens: 65_536 }],
    ['the same in its newer name', { max_completion_tokens: 10_000_000 }, { max_tokens: 65_536 }],
    ['both names', { max_tokens: 900, max_completion_tokens: 500 }, { max_tokens: 500 }],
    ['output within the limit', { max_tokens: 100 }, { max_tokens: 100 }],
    ['tools', { tools: [{ type: 'function' }] }, { tools: [{ type: 'function' }], parallel_tool_calls: true }],
    [
      'tools, one at a time',
      { tools: [{ type: 'function' }], parallel_tool_calls: false },
      { tools: [{ type: 'function' }], parallel_tool_calls: false },
    ],
  ];
  for (const [name, fields, expected] of cases)
    it(name, () =>
      assert.deepEqual(edit(fields), {
        model: 'qwen3-coder-plus',
        messages: user,
        stream: true,
        stream_options: { include_usage: true },
        ...expected,
      }),
    );
  it('developer becomes system, in its place', () => {
    const messages = [{ role: 'developer', content: 'a', name: 'n' }, { role: 'system', content: 'b' }, ...user];
    assert.deepEqual(edit({ messages }).messages, [
      { role: 'system', content: 'a', name: 'n' },
      { role: 'system', content: 'b' },
      ...user,
    ]);
  });
  it('thinking under OpenRouter’s name goes once, under Qwen’s', () => {
    const said = (fields: object) => ({ role: 'assistant', content: 'x', ...fields });
    const messages = [
      ...user,
      said({ reasoning: 'a' }),
      ...user,
      said({ reasoning: 'a', reasoning_content: 'b' }),
      ...user,
    ];
    assert.deepEqual(editChatRequest({ messages }, 'qwen3-coder-plus').messages, [
      ...user,
      said({ reasoning_content: 'a' }),
      ...user,
      said({ reasoning_content: 'b' }),
      ...user,
    ]);
  });
  it('always streams, always counts, and keeps the client’s other stream options', () => {
    const { stream, stream_options } = edit({ stream: false, stream_options: { include_usage: false, x: 1 } });
    assert.deepEqual([stream, stream_options], [true, { include_usage: true, x: 1 }]);
  });
  it('max_completion_tokens stays where the model reads it', () => {
    const { max_tokens, max_completion_tokens } = edit({ max_completion_tokens: 10_000_000 }, 'qwen3.7-plus');
    assert.deepEqual([max_tokens, max_completion_tokens], [undefined, 65_536]);
  });
  it('an unknown model’s output is not limited', () => {
    assert.equal(edit({ max_tokens: 10_000_000 }, 'somebody-elses-model').max_tokens, 10_000_000);
  });
  it('leaves the client’s body alone: another account may need it', () => {
    const body = Object.freeze({ model: 'a', messages: Object.freeze([...user]), temperature: 2 });
    editChatRequest(body, 'm');
    assert.deepEqual(body, { model: 'a', messages: user, temperature: 2 });
  });
});
