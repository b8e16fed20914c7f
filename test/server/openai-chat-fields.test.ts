import assert from 'node:assert/strict';
import { dataEvent, doneEvent } from '../simulator/stream-shape.ts';
import { startProxy, type TestProxy } from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

const user = (content: string) => ({ role: 'user' as const, content });
const tool = (name: string) => ({
  type: 'function' as const,
  function: { name, strict: true, parameters: { type: 'object', properties: { city: { type: 'string' } } } },
});

describe('server: every field of a chat request, against the strict upstream', () => {
  const simulator = useSimulator({ keys: ['sk-one'] });
  let server: TestProxy;

  before(async () => {
    server = await startProxy({ accounts: { one: 'sk-one' }, baseUrl: simulator.baseUrl });
  });
  after(() => server.dispose());

  const sent = () => simulator.chatRequests.map((request) => request.body as Record<string, unknown>);

  const call = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } });
  const accepted: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    [
      'all ranges overdrawn',
      { temperature: 2, top_p: 0, presence_penalty: 2, seed: 2 ** 50, top_logprobs: 20, max_tokens: 1e9 },
    ],
    [
      'fields of other vendors',
      { store: true, metadata: { a: 'b' }, service_tier: 'auto', reasoning: { effort: 'high' } },
    ],
    ['an empty list of tools', { tools: [], tool_choice: 'auto' }],
    ['required, several tools', { tools: [tool('f'), tool('g')], tool_choice: 'required' }],
    ['a tool named search', { tools: [tool('search')] }],
    ['JSON without the word', { response_format: { type: 'json_object' } }],
    ['a part of text', { messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }] }],
    ['the system alone', { messages: [{ role: 'system', content: 'hi' }] }],
    ['the assistant last', { messages: [user('hi'), { role: 'assistant', content: 'yes' }] }],
    [
      'an unanswered call',
      { messages: [user('hi'), { role: 'assistant', content: null, tool_calls: [call('a')] }, user('go on')] },
    ],
    [
      'an orphan',
      { messages: [user('hi'), { role: 'tool', tool_call_id: 'a', content: [{ type: 'text', text: 'r' }] }] },
    ],
    [
      'a developer late in the conversation',
      { messages: [user('hi'), { role: 'developer', content: 'x' }, user('go on')] },
    ],
  ];
  for (const model of [
    'qwen3-coder-plus',
    'qwen3.7-plus',
    'qwen3.8-max',
    'qwen3.8-flash',
    'qwen3-32b',
    'deepseek-v4-pro',
  ])
    for (const [name, fields] of accepted)
      it(`${model}: ${name}`, async () => {
        const answer = await server.chat({ model, ...fields });
        assert.equal(answer.status, 200, answer.text);
        assert.equal(simulator.chatRequests.length, 1, 'right the first time');
      });
  for (const model of ['qwen3.7-plus', 'qwen3.8-max', 'qwen3.8-flash', 'qwen3-32b'])
    for (const fields of [
      { tools: [tool('f')], tool_choice: { type: 'function', function: { name: 'f' } } },
      { response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' } } } },
      { thinking_budget: 1e9, reasoning_effort: 'high' },
      { reasoning_effort: 'none' },
      { enable_thinking: false },
    ])
      it(`${model}: thinking and ${JSON.stringify(fields).slice(0, 40)}`, async () => {
        const answer = await server.chat({ model, enable_thinking: true, ...fields });
        assert.equal(answer.status, 200, answer.text);
        assert.equal(simulator.chatRequests.length, 1, 'right the first time');
      });

  it('names the picture that a text model cannot see, and asks nobody', async () => {
    const content = [
      { type: 'text', text: 'what is it?' },
      { type: 'image_url', image_url: { url: 'https://x/y.png' } },
    ];
    const answer = await server.chat({ messages: [user('a'), { role: 'user', content }] });
    const { error } = answer.json as { error: Record<string, unknown> };
    assert.deepEqual(
      [answer.status, error.type, error.param],
      [400, 'invalid_request_error', 'messages[1].content[1]'],
    );
    assert.equal(simulator.chatRequests.length, 0);
    assert.equal((await server.chat({ model: 'qwen3.7-plus', messages: [{ role: 'user', content }] })).status, 200);
  });

  describe('the model asked for', () => {
    for (const name of ['gpt-4o', 'claude-sonnet-4-5', 'o3'])
      it(`${name} is echoed, in streams and JSON`, async () => {
        const streamed = await server.chat({ model: name, stream: true, stream_options: { include_usage: true } });
        assert.deepEqual([...new Set(streamed.events.map((event) => event.model))], [name]);
        assert.ok(streamed.events.length > 2);
        const json = (await server.chat({ model: name })).json as { model: string };
        assert.equal(json.model, name);
        assert.deepEqual([...new Set(sent().map((body) => body.model))], ['qwen3-coder-plus']);
      });
    it('where none was named, the one that answered is told', async () => {
      const json = (await server.chat({ model: undefined })).json as { model: string };
      assert.equal(json.model, 'qwen3-coder-plus');
    });
  });

  describe('refusals that mend themselves', () => {
    const refusal = (message: string) => ({
      kind: 'http' as const,
      status: 400,
      body: { error: { message, type: 'invalid_request_error', param: null, code: 'invalid_parameter_error' } },
    });
    it('are sent once more to the same account, and known at once the next time', async () => {
      simulator.fail({ fault: refusal('Range of max_tokens should be [1, 4000]') });
      assert.equal((await server.chat({ model: 'qwen-flash', max_tokens: 5000 })).status, 200);
      assert.equal((await server.chat({ model: 'qwen-flash', max_tokens: 5000 })).status, 200);
      assert.equal((await server.chat({ model: 'qwen-plus', max_tokens: 5000 })).status, 200);
      assert.deepEqual(
        sent().map((body) => body.max_tokens),
        [5000, 4000, 4000, 5000],
      );
    });
    it('the second refusal is the client’s to see, and teaches nothing', async () => {
      simulator.fail({ fault: refusal('Range of max_tokens should be [1, 3000]'), times: 2 });
      const answer = await server.chat({ model: 'qwen-turbo', max_tokens: 5000 });
      assert.equal(answer.status, 400);
      assert.equal((answer.json as { error: { param: string } }).error.param, 'max_tokens');
      assert.equal(sent().length, 2);
      await server.chat({ model: 'qwen-turbo', max_tokens: 5000 });
      assert.equal(sent().at(-1)?.max_tokens, 5000);
    });
  });

  describe('tool calls through the openai SDK', () => {
    const script = (...pieces: readonly Readonly<Record<string, unknown>>[]) => {
      const chunk = (delta: unknown, finish_reason: string | null = null) =>
        dataEvent({
          id: 'chatcmpl-1',
          object: 'chat.completion.chunk',
          created: 1,
          model: 'm',
          choices: [{ index: 0, delta, finish_reason }],
        });
      const events = pieces.map((piece) => chunk({ role: 'assistant', tool_calls: [piece] }));
      simulator.script({ answer: { rawEvents: [...events, chunk({}, 'tool_calls'), doneEvent] } });
    };
    const ask = async (...tools: readonly string[]) => {
      const request = { model: 'qwen3-coder-plus', messages: [user('x')], tools: tools.map(tool) };
      const final = await server.client.chat.completions.stream(request).finalChatCompletion();
      return final.choices[0]?.message.tool_calls?.map((each) =>
        each.type === 'function' ? [each.id, each.function.name, each.function.arguments] : [],
      );
    };
    it('parallel calls that share an index', async () => {
      script(
        { index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{"city":"Rome"}' } },
        { index: 0, id: 'b', type: 'function', function: { name: 'f', arguments: '{"city"' } },
        { index: 0, id: '', type: 'function', function: { name: '', arguments: ':"Oslo"}' } },
      );
      assert.deepEqual(await ask('f'), [
        ['a', 'f', '{"city":"Rome"}'],
        ['b', 'f', '{"city":"Oslo"}'],
      ]);
    });
    it('empty names and ids of later pieces', async () => {
      script(
        { index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } },
        { index: 0, id: '', type: 'function', function: { name: '', arguments: '{}' } },
      );
      assert.deepEqual(await ask('f'), [['a', 'f', '{}']]);
    });
    it('a call that the model wrote as text, and text that is none', async () => {
      const text = ['Sure.<tool', '_call>{"name":"f","arg', 'uments":{"city":"Rome"}}</tool', '_call>'];
      simulator.script({ answer: { text }, times: 2 });
      const [made] = (await ask('f')) ?? [];
      assert.deepEqual(made?.slice(1), ['f', '{"city":"Rome"}']);
      const json = (await server.chat({ tools: [tool('g')] })).json as { choices: { message: { content: string } }[] };
      assert.equal(json.choices[0]?.message.content, text.join(''));
    });
    it('what is held when the stream breaks off is delivered', async () => {
      simulator.script({
        answer: { rawEvents: [dataEvent({ choices: [{ index: 0, delta: { content: 'a <tool' } }] })] },
      });
      const answer = await server.chat({ stream: true, tools: [tool('f')] });
      assert.match(answer.text, /a <tool.*\n\n.*"error"/s);
    });
    it('a tool named search comes back under its name', async () => {
      simulator.script({ answer: { toolCalls: [{ id: 'a', name: 'search_tool', arguments: '{"city":"Rome"}' }] } });
      assert.deepEqual(await ask('search'), [['a', 'search', '{"city":"Rome"}']]);
      assert.deepEqual(sent()[0]?.tools, [
        { ...tool('search'), function: { ...tool('search').function, name: 'search_tool' } },
      ]);
    });
  });
});

describe('server: settings that change requests and answers', () => {
  const simulator = useSimulator({ keys: ['sk-one'] });
  let server: TestProxy | undefined;

  afterEach(async () => {
    await server?.dispose();
    server = undefined;
  });
  const start = async (settings: Readonly<Record<string, string>>) => {
    server = await startProxy({ accounts: { one: 'sk-one' }, baseUrl: simulator.baseUrl, settings });
    return server;
  };
  const picture = {
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }] }],
  };
  const upstream = () => JSON.parse(simulator.chatRequests.at(-1)?.rawBody ?? '{}');

  it('VISION_FALLBACK: a picture goes to the account’s vision model, under the name that was asked', async () => {
    const refused = await (await start({})).chat(picture);
    assert.equal(refused.status, 400);
    await server?.dispose();
    const proxy = await start({ VISION_FALLBACK: 'true' });
    // The account's own list has to be known.
    await proxy.raw('/v1/models', { method: 'GET' });
    const answer = await proxy.chat(picture);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.model, 'qwen3-coder-plus');
    assert.notEqual(upstream().model, 'qwen3-coder-plus');
    await proxy.chat();
    assert.equal(upstream().model, 'qwen3-coder-plus');
  });

  it('CACHE_MARKERS: requests without marks are marked', async () => {
    const proxy = await start({ CACHE_MARKERS: 'true' });
    const answer = await proxy.chat();
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(upstream().messages[0].content, [
      { type: 'text', text: 'hello', cache_control: { type: 'ephemeral' } },
    ]);
  });

  const leaks = [
    ['auto', 'qwen3.7-plus', true],
    ['auto', 'qwen3-coder-plus', false],
    ['always', 'qwen3-coder-plus', true],
    ['never', 'qwen3.7-plus', false],
  ] as const;
  for (const [repair, model, isRepaired] of leaks)
    it(`LEAK_REPAIR=${repair}, ${model}: thinking in the text is ${isRepaired ? 'moved' : 'left'}`, async () => {
      const proxy = await start({ LEAK_REPAIR: repair });
      const said = '<think>Hm</think>Yes';
      simulator.script({ answer: { text: said } });
      const { choices } = (await proxy.chat({ model })).json as { choices: { message: Record<string, unknown> }[] };
      assert.equal(choices[0]?.message.content, isRepaired ? 'Yes' : said);
      assert.equal(choices[0]?.message.reasoning_content, isRepaired ? 'Hm' : undefined);
    });
});
