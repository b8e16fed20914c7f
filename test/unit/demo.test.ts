import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/core/json.ts';
import { readText } from '../../src/core/upstream.ts';
import { foldChatStream } from '../../src/dialects/openai-chat/fold.ts';
import { sendToDemo } from '../../src/upstream/demo.ts';
import { SseSplitter } from '../../src/wire/sse.ts';

const url = 'demo:/v1/chat/completions';
const tool = (name: string, parameters: JsonObject = {}) => ({ type: 'function', function: { name, parameters } });

async function ask(body: JsonObject) {
  const signal = new AbortController().signal;
  const request = { method: 'POST', url, headers: {}, body: JSON.stringify({ model: 'demo', ...body }) } as const;
  const response = await sendToDemo(request, signal);
  const text = await readText(response.body, 1_000_000);
  const events = new SseSplitter().push(Buffer.from(text));
  const { choices, usage } = foldChatStream(events) as unknown as {
    choices: { message: Record<string, unknown>; finish_reason: string }[];
    usage?: JsonObject;
  };
  return { text, message: choices[0]?.message ?? {}, finish: choices[0]?.finish_reason, usage };
}
const user = (content: unknown) => [{ role: 'user', content }];

describe('demo: the embedded upstream', () => {
  it('says what it is, in Qwen’s stream shape', async () => {
    const { text, message, finish, usage } = await ask({ messages: user('hi there') });
    assert.match(String(message.content), /demo account.*no model.*“hi there”/);
    assert.deepEqual([finish, usage], ['stop', undefined]);
    assert.ok(text.endsWith('data: [DONE]\n\n'));
  });
  it('counts when asked to', async () => {
    const { usage } = await ask({ messages: user('hi'), stream_options: { include_usage: true } });
    assert.equal(usage?.total_tokens, Number(usage?.prompt_tokens) + Number(usage?.completion_tokens));
  });
  it('thinks when asked to', async () => {
    const { message } = await ask({ messages: user('hi'), enable_thinking: true });
    assert.match(String(message.reasoning_content), /does not think/);
    assert.match(String(message.content), /demo account/);
  });

  const tools = [
    tool('first', {
      properties: { path: { type: 'string' }, count: { type: 'integer' } },
      required: ['path', 'count'],
    }),
    tool('second'),
  ];
  const called = async (body: JsonObject) => {
    const { message, finish } = await ask({ tools, ...body });
    const calls = message.tool_calls as { function: { name: string; arguments: string } }[] | undefined;
    assert.equal(finish, calls ? 'tool_calls' : 'stop');
    return calls?.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
  };
  it('calls no tool unasked', async () => assert.equal(await called({ messages: user('run the tests') }), undefined));
  it('calls one that is asked for by its word, with arguments that fit', async () =>
    assert.deepEqual(await called({ messages: user([{ type: 'text', text: 'use the Demo Tool' }]) }), [
      ['first', { path: 'demo', count: 1 }],
    ]));
  it('calls one that is forced', async () =>
    assert.deepEqual(
      await called({ messages: user('x'), tool_choice: { type: 'function', function: { name: 'second' } } }),
      [['second', {}]],
    ));
  it('calls none where there is none', async () =>
    assert.equal(await called({ tools: [], messages: user('demo tool') }), undefined));
  it('does not call it again when its result is there: an agent would never end', async () => {
    const messages = [
      ...user('demo tool'),
      { role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: { name: 'first' } }] },
      { role: 'tool', tool_call_id: 'c', content: 'done' },
    ];
    assert.equal(await called({ messages }), undefined);
  });
  it('stops when its client is gone', async () => {
    const gone = new AbortController();
    const body = JSON.stringify({ messages: user('hi') });
    const response = await sendToDemo({ method: 'POST', url, headers: {}, body }, gone.signal);
    await assert.rejects(async () => {
      for await (const _chunk of response.body) gone.abort(new Error('gone'));
    }, /gone/);
  });
  it('serves nothing else', async () => {
    const response = await sendToDemo(
      { method: 'GET', url: 'demo:/v1/models', headers: {} },
      new AbortController().signal,
    );
    assert.equal(response.status, 404);
  });
});
