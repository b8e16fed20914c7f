import assert from 'node:assert/strict';
import { startProxy, type TestProxy, textOfEvents } from '../support/server-proxy.ts';
import { doneEvent, eventStream, shortAnswer, startUpstream } from '../support/server-upstream.ts';
import { useSimulator } from '../support/use-simulator.ts';

const model = 'qwen3-coder-plus';
const user = (content: string) => [{ role: 'user' as const, content }];
const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

describe('server: chat completions with the openai SDK', () => {
  const simulator = useSimulator({ keys: ['sk-one'] });
  let server: TestProxy;

  before(async () => {
    server = await startProxy({ accounts: { one: 'sk-one' }, baseUrl: simulator.baseUrl });
  });
  after(() => server.dispose());

  it('streams text', async () => {
    simulator.script({ answer: { text: ['Hel', 'lo ', '世界 🙂'] } });
    const stream = await server.client.chat.completions.create({ model, messages: user('hi'), stream: true });
    let text = '';
    let finish: string | null = null;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      finish = chunk.choices[0]?.finish_reason ?? finish;
    }
    assert.equal(text, 'Hello 世界 🙂');
    assert.equal(finish, 'stop');
    assert.equal(simulator.answered('sk-one'), 1);
  });

  it('answers JSON, folded from a stream', async () => {
    const completion = await server.client.chat.completions.create({ model, messages: user('ping pong') });
    assert.equal(completion.object, 'chat.completion');
    assert.equal(completion.choices[0]?.message.content, 'Echo: ping pong');
    assert.equal(completion.choices[0]?.message.role, 'assistant');
    assert.equal(completion.choices[0]?.finish_reason, 'stop');
    assert.ok((completion.usage?.total_tokens ?? 0) > 0);
    assert.match(completion.id, /^chatcmpl-/);
    assert.equal(JSON.parse(simulator.chatRequests[0]?.rawBody ?? '{}').stream, true, 'upstream always streams');
  });

  it('streams reasoning, and folds it', async () => {
    const answer = { reasoning: ['Think', 'ing'], text: ['Do', 'ne'] };
    simulator.script({ answer, times: 2 });
    const body = { model: 'qwen3.7-plus', messages: user('hi'), enable_thinking: true };
    const streamed = await server.chat({ ...body, stream: true });
    const deltas = streamed.events.flatMap((event) => event.choices as { delta: { reasoning_content?: string } }[]);
    assert.equal(deltas.map(({ delta }) => delta.reasoning_content ?? '').join(''), 'Thinking');
    assert.equal(textOfEvents(streamed), 'Done');
    const folded = await server.chat(body);
    const { choices } = folded.json as { choices: { message: Record<string, unknown> }[] };
    assert.deepEqual(choices[0]?.message, { role: 'assistant', content: 'Done', reasoning_content: 'Thinking' });
  });

  it('streams tool calls through the SDK’s own accumulator', async () => {
    simulator.script({
      answer: {
        toolCalls: [
          { id: 'call_a', name: 'get_weather', arguments: ['{"ci', 'ty":"Paris"}'] },
          { id: 'call_b', name: 'get_weather', arguments: ['{"city":', '"Rome"}'] },
        ],
      },
    });
    const stream = server.client.chat.completions.stream({ model, messages: user('weather?'), tools: [weather] });
    const final = await stream.finalChatCompletion();
    const calls = final.choices[0]?.message.tool_calls ?? [];
    assert.deepEqual(
      calls.map((call) => [call.id, call.type === 'function' && call.function.arguments]),
      [
        ['call_a', '{"city":"Paris"}'],
        ['call_b', '{"city":"Rome"}'],
      ],
    );
    assert.equal(final.choices[0]?.finish_reason, 'tool_calls');
  });

  it('folds tool calls', async () => {
    simulator.script({
      answer: { toolCalls: [{ id: 'call_a', name: 'get_weather', arguments: ['{"city"', ':"Paris"}'] }] },
    });
    const completion = await server.client.chat.completions.create({ model, messages: user('x'), tools: [weather] });
    const [choice] = completion.choices;
    assert.equal(choice?.finish_reason, 'tool_calls');
    assert.equal(choice?.message.content, null);
    assert.deepEqual(choice?.message.tool_calls, [
      { index: 0, id: 'call_a', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Paris"}' } },
    ]);
  });

  it('answers a tool result', async () => {
    const completion = await server.client.chat.completions.create({
      model,
      tools: [weather],
      messages: [
        ...user('call get_weather'),
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'get_weather', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'sunny' },
      ],
    });
    assert.equal(completion.choices[0]?.message.content, 'Echo: call get_weather');
  });

  it('folds several choices, each whole', async () => {
    const completion = await server.client.chat.completions.create({ model, messages: user('three'), n: 3 });
    assert.deepEqual(
      completion.choices.map(({ index, message, finish_reason }) => [index, message.content, finish_reason]),
      [0, 1, 2].map((index) => [index, 'Echo: three', 'stop']),
    );
  });

  describe('usage in streams', () => {
    it('is kept from those who did not ask', async () => {
      const answer = await server.chat({ stream: true });
      assert.ok(answer.events.length > 1);
      assert.ok(answer.events.every((event) => event.usage === null));
      assert.ok(answer.events.every((event) => (event.choices as unknown[]).length === 1));
    });
    it('reaches those who asked, as the last event', async () => {
      const stream = await server.client.chat.completions.create({
        model,
        messages: user('hi'),
        stream: true,
        stream_options: { include_usage: true },
      });
      const chunks = [];
      for await (const chunk of stream) chunks.push(chunk);
      const last = chunks.at(-1);
      assert.deepEqual(last?.choices, []);
      assert.ok((last?.usage?.completion_tokens ?? 0) > 0);
    });
    it('is counted for the account either way', async () => {
      const before = (await server.proxy.snapshot()).accounts[0];
      simulator.script({ answer: { text: 'x', usage: { prompt_tokens: 70, completion_tokens: 7 } } });
      await server.chat({ stream: true });
      const after = (await server.proxy.snapshot()).accounts[0];
      assert.equal((after?.inputTokensToday ?? 0) - (before?.inputTokensToday ?? 0), 70);
      assert.equal((after?.outputTokensToday ?? 0) - (before?.outputTokensToday ?? 0), 7);
      assert.equal((after?.requestsToday ?? 0) - (before?.requestsToday ?? 0), 1);
    });
  });

  it('passes streamed bytes through unchanged', async () => {
    const events = [
      'data: {"choices":[{"delta":{"content":"a","extra":1.0},"index":0,"finish_reason":null}],"usage":null,"x":"\\u00e9"}\n\n',
      ': a comment of the upstream\n\n',
      'data: {"choices":[{"delta":{"content":"\\"finish_reason\\":\\"stop\\" [DONE] \\"error\\""},"index":0,"finish_reason":null}]}\n\n',
      'data: {"choices":[{"delta":{},"index":0,"finish_reason":"stop"}]}\n\n',
    ];
    simulator.script({ answer: { rawEvents: [...events, 'data: [DONE]\n\n'] } });
    const answer = await server.chat({ stream: true });
    assert.equal(answer.text, `${events.join('')}data: [DONE]\n\n`);
    assert.match(answer.headers['content-type'] ?? '', /^text\/event-stream/);
    assert.equal(answer.headers['x-accel-buffering'], 'no');
  });

  it('uses the default model for requests that name none, and for other vendors’ names', async () => {
    for (const name of [undefined, 'gpt-4o', 'claude-sonnet-4-5', 'o3'])
      assert.equal((await server.chat({ model: name })).status, 200);
    const models = simulator.chatRequests.map((request) => (request.body as { model: string }).model);
    assert.deepEqual(models, Array(4).fill('qwen3-coder-plus'));
  });

  it('streams by default where STREAM says so, and never against the client’s word', async () => {
    const streaming = await startProxy({
      accounts: { one: 'sk-one' },
      baseUrl: simulator.baseUrl,
      settings: { STREAM: 'true' },
    });
    try {
      const kinds = [];
      for (const stream of [undefined, null, false, true])
        kinds.push((await streaming.chat({ stream })).headers['content-type']?.split(';')[0]);
      assert.deepEqual(kinds, ['text/event-stream', 'text/event-stream', 'application/json', 'text/event-stream']);
      assert.match((await server.chat()).headers['content-type'] ?? '', /json/);
    } finally {
      await streaming.dispose();
    }
  });

  it('lists and retrieves models', async () => {
    const page = await server.client.models.list();
    const ids = page.data.map((entry) => entry.id);
    assert.ok(ids.includes('qwen3-coder-plus'));
    assert.ok(!ids.some((id) => /embedding|tts/.test(id)), 'only models to chat with');
    const one = await server.client.models.retrieve('qwen3-coder-plus');
    assert.deepEqual([one.id, one.object], ['qwen3-coder-plus', 'model']);
    await assert.rejects(server.client.models.retrieve('no/such model?'), {
      status: 404,
      code: 'model_not_found',
      param: 'model',
    });
  });

  it('uses one upstream connection for requests that follow each other', async () => {
    // Its end travels with the last event, so that no client asks again before the connection is free.
    const upstream = await startUpstream((response) => {
      response.writeHead(200, eventStream);
      response.end(shortAnswer.join('') + doneEvent);
    });
    const one = await startProxy({ accounts: { one: 'sk-one' }, baseUrl: upstream.baseUrl });
    try {
      for (let count = 0; count < 10; count++) {
        const answer = await one.chat({ stream: count % 2 === 0 });
        assert.equal(answer.status, 200);
      }
      assert.deepEqual([upstream.requests.length, upstream.connections], [10, 1]);
    } finally {
      await one.dispose();
      await upstream.close();
    }
  });

  it('serves many requests at once, each with its own answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        server.client.chat.completions.create({ model, messages: user(`number ${index}`) }),
      ),
    );
    assert.deepEqual(
      answers.map((answer) => answer.choices[0]?.message.content),
      answers.map((_, index) => `Echo: number ${index}`),
    );
  });
});
