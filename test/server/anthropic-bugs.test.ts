import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { isObject, type JsonObject, objectsOf } from '../simulator/json.ts';
import { textOfBlocks } from '../support/anthropic-grammar.ts';
import {
  type AnthropicServer,
  assistant,
  model,
  startAnthropicServer,
  user,
  weather,
} from '../support/anthropic-server.ts';
import { chunkEvent, doneEvent, finishChunk, roleChunk } from '../support/server-upstream.ts';

const tools = [weather, { name: 'Read', input_schema: { type: 'object', properties: { file: { type: 'string' } } } }];
const toolUse = (id: string, input: JsonObject = { city: 'Paris' }) => ({
  type: 'tool_use',
  id,
  name: 'get_weather',
  input,
});
const toolResult = (id: string, content: unknown, more: JsonObject = {}) => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
  ...more,
});
const text = (value: string, more: JsonObject = {}) => ({ type: 'text', text: value, ...more });
const pixel = 'iVBORw0KGgo=';
const toolDelta = (index: number | undefined, id: string | undefined, args: string, name?: string) =>
  chunkEvent({
    tool_calls: [
      {
        ...(index !== undefined && { index }),
        ...(id !== undefined && { id }),
        type: 'function',
        function: { ...(name !== undefined && { name }), arguments: args },
      },
    ],
  });
const usageChunk = `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices: [], usage: { prompt_tokens: 100, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 80 } } })}\n\n`;

/** The translation bugs that other bridges of this kind had; each was somebody's report. */
describe('server: known bugs of Anthropic bridges', () => {
  let at: AnthropicServer;

  before(async () => {
    at = await startAnthropicServer();
  });
  beforeEach(() => {
    at.simulator.reset();
    at.simulator.addKey('sk-one');
  });
  after(() => at.dispose());

  /** Exact chunks of the upstream; finish, usage and `[DONE]` are added. */
  const script = (chunks: readonly string[], reason = 'tool_calls', times = 1) =>
    at.simulator.script({
      answer: { rawEvents: [roleChunk, ...chunks, chunkEvent({}, reason), usageChunk, doneEvent] },
      times,
    });
  const inputsOf = (content: readonly JsonObject[]) =>
    content.filter(({ type }) => type === 'tool_use').map(({ id, json }) => [id, JSON.parse(String(json))]);

  it('A1 tools, calls and results make the round', async () => {
    const message = await at.message({ messages: [user('call get_weather')], tools });
    const [call] = objectsOf(message.content);
    assert.ok(call && isObject(call.input));
    assert.equal(call.name, 'get_weather');
    assert.deepEqual((at.sent.tools as JsonObject[])[0], {
      type: 'function',
      function: { name: 'get_weather', parameters: weather.input_schema },
    });
    await at.message({
      tools,
      messages: [user('call get_weather'), assistant([call]), user([toolResult(String(call.id), 'sunny')])],
    });
    assert.deepEqual(at.sentMessages.slice(1), [
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: call.id, type: 'function', function: { name: 'get_weather', arguments: JSON.stringify(call.input) } },
        ],
      },
      { role: 'tool', tool_call_id: call.id, content: 'sunny' },
    ]);
  });

  it('A2 parallel calls stay apart, also when all have index 0', async () => {
    for (const indexes of [
      [0, 1, 2],
      [0, 0, 0],
    ]) {
      script(['a', 'b', 'c'].map((id, place) => toolDelta(indexes[place], id, `{"city":"${id}"}`, 'get_weather')));
      const { content, stopReason } = await at.stream({ tools });
      assert.deepEqual(inputsOf(content), [
        ['a', { city: 'a' }],
        ['b', { city: 'b' }],
        ['c', { city: 'c' }],
      ]);
      assert.equal(stopReason, 'tool_use');
    }
  });

  it('A3 one call in twenty pieces is one block', async () => {
    const json = JSON.stringify({ city: 'x'.repeat(10) });
    script([toolDelta(0, 'a', '', 'get_weather'), ...[...json].map((sign) => toolDelta(0, '', sign))]);
    const { content } = await at.stream({ tools });
    assert.deepEqual(inputsOf(content), [['a', JSON.parse(json)]]);
  });

  it('A4 pieces of calls that alternate are never written to a closed block', async () => {
    script([
      toolDelta(0, 'a', '{"ci', 'get_weather'),
      toolDelta(1, 'b', '{"city', 'get_weather'),
      toolDelta(0, '', 'ty":"A"'),
      toolDelta(1, '', '":"B"}'),
      toolDelta(0, '', '}'),
    ]);
    const { content } = await at.stream({ tools });
    assert.deepEqual(inputsOf(content), [
      ['a', { city: 'A' }],
      ['b', { city: 'B' }],
    ]);
  });

  it('A5 arguments that come at the very end, or only in a whole message, arrive', async () => {
    script([toolDelta(0, 'a', '', 'get_weather'), toolDelta(0, '', '{"city":"Paris"}')]);
    assert.deepEqual(inputsOf((await at.stream({ tools })).content), [['a', { city: 'Paris' }]]);
    at.simulator.script({ answer: { toolCalls: [{ id: 'a', name: 'get_weather', arguments: '{"city":"Paris"}' }] } });
    at.simulator.fail({ fault: { kind: 'json-instead-of-stream' } });
    assert.deepEqual(inputsOf((await at.stream({ tools })).content), [['a', { city: 'Paris' }]]);
  });

  it('A6 a call without arguments has an empty object', async () => {
    for (const args of ['', '{}']) {
      script([toolDelta(0, 'a', args, 'get_weather')], 'tool_calls', 2);
      assert.deepEqual(inputsOf((await at.stream({ tools })).content), [['a', {}]]);
      const { content } = await at.message({ tools });
      assert.deepEqual(content, [toolUse('a', {})]);
    }
    await at.message({ tools, messages: [user('x'), assistant([toolUse('a', {})]), user([toolResult('a', 'ok')])] });
    assert.equal(
      objectsOf(at.sentMessages[1]?.tool_calls).map((call) => isObject(call.function) && call.function.arguments)[0],
      '{}',
    );
  });

  it('A7 arguments that broke off end with max_tokens, and nothing looks as if it could be run', async () => {
    for (const reason of ['length', 'stop', 'tool_calls']) {
      script([chunkEvent({ content: 'Hm' }), toolDelta(0, 'a', '{"city":"Pa', 'get_weather')], reason, 2);
      assert.equal((await at.stream({ tools })).stopReason, 'max_tokens');
      const message = await at.message({ tools });
      assert.deepEqual([message.content, message.stop_reason], [[text('Hm')], 'max_tokens']);
    }
  });

  it('A8 repeated names and cumulative arguments give valid JSON once', async () => {
    script([
      toolDelta(0, 'a', '{"city":"P', 'get_weather'),
      toolDelta(0, 'a', '{"city":"Par', 'get_weather'),
      toolDelta(0, 'a', '{"city":"Paris"}', 'get_weather'),
      toolDelta(0, 'a', '{"city":"Paris"}', 'get_weather'),
    ]);
    assert.deepEqual(inputsOf((await at.stream({ tools })).content), [['a', { city: 'Paris' }]]);
  });

  it('A9 a call leaked as XML is one, if its tool is offered; else it stays text', async () => {
    const leaked = (name: string) => [
      `<tool_call>\n<function=${name}>\n<parameter=city>`,
      '\nParis\n</parameter>\n</function>\n</tool',
      '_call>',
    ];
    const coder = 'qwen3-coder-plus';
    script(
      leaked('get_weather').map((content) => chunkEvent({ content })),
      'stop',
    );
    const called = await at.stream({ tools, model: coder });
    assert.deepEqual(
      called.content
        .filter(({ type }) => type === 'tool_use')
        .map(({ name, json }) => [name, JSON.parse(String(json))]),
      [['get_weather', { city: 'Paris' }]],
    );
    assert.equal(called.stopReason, 'tool_use');
    script(
      leaked('unknown_tool').map((content) => chunkEvent({ content })),
      'stop',
    );
    const kept = await at.stream({ tools, model: coder });
    assert.equal(textOfBlocks(kept.content, 'text'), leaked('unknown_tool').join(''));
  });

  it('A10 reasoning that comes first is block 0, a thinking block', async () => {
    script([chunkEvent({ content: null, reasoning_content: 'hm' }), chunkEvent({ content: 'ok' })], 'stop');
    const { content } = await at.stream();
    assert.deepEqual(
      content.map(({ type }) => type),
      ['thinking', 'text'],
    );
  });

  it('A11 no character is lost where one kind of output follows another', async () => {
    const turns = [...'abcdefghij'];
    script(
      turns.map((sign, index) =>
        chunkEvent(index % 2 === 0 ? { reasoning_content: sign, content: null } : { content: sign }),
      ),
      'stop',
    );
    const { content } = await at.stream();
    assert.deepEqual(
      content.map((block) => block.thinking ?? block.text),
      turns,
    );
  });

  it('A12 one message_start and one message_stop, whatever comes twice', async () => {
    script([roleChunk, chunkEvent({ content: 'a' }), roleChunk, finishChunk, finishChunk], 'stop');
    assert.equal(textOfBlocks((await at.stream()).content, 'text'), 'a');
  });

  it('A13 there is no [DONE]', async () => {
    const answer = await at.post({ stream: true });
    assert.ok(!answer.text.includes('[DONE]'));
    assert.ok(answer.text.endsWith('event: message_stop\ndata: {"type":"message_stop"}\n\n'));
  });

  describe('A14 thinking goes back and forth', () => {
    const turn = (block: JsonObject) => [user('x'), assistant([block, text('a')]), user('y')];
    it('with our signature, shown or hidden', async () => {
      for (const display of ['summarized', 'omitted']) {
        at.simulator.script({ answer: { reasoning: 'Because 你好', text: 'a' } });
        const { content } = await at.stream({ thinking: { type: 'adaptive', display } });
        assert.equal(content[0]?.thinking, display === 'omitted' ? '' : 'Because 你好');
        assert.ok(content[0]?.signature);
        await at.message({ messages: turn(content[0] ?? {}), thinking: { type: 'adaptive' } });
        assert.equal(at.sentMessages[1]?.reasoning_content, 'Because 你好');
        assert.equal(at.sent.preserve_thinking, true);
      }
    });
    it('with another maker’s signature, without one, and redacted', async () => {
      for (const block of [
        { type: 'thinking', thinking: 'theirs', signature: 'EqQBCkYIBhgC' },
        { type: 'thinking', thinking: 'theirs' },
        { type: 'thinking', thinking: '', signature: 'EqQBCkYIBhgC' },
        { type: 'redacted_thinking', data: 'EmwKAhgB' },
      ]) {
        await at.message({ messages: turn(block) });
        assert.equal(at.sentMessages[1]?.reasoning_content, block.thinking || undefined);
        assert.ok(!JSON.stringify(at.sent).includes('E'.concat('qQB')), 'no signature goes upstream');
      }
    });
    it('and models that do not keep it are not asked to', async () => {
      await at.message({ model: 'qwen3-coder-plus', messages: turn({ type: 'thinking', thinking: 'x' }) });
      assert.equal(at.sent.preserve_thinking, undefined);
    });
  });

  it('A15 stop_reason is tool_use whenever a call was made', async () => {
    script([toolDelta(0, 'a', '{"city":"Paris"}', 'get_weather')], 'stop', 2);
    assert.equal((await at.stream({ tools })).stopReason, 'tool_use');
    assert.equal((await at.message({ tools })).stop_reason, 'tool_use');
    script([chunkEvent({ content: 'no' })], 'content_filter');
    assert.equal((await at.stream()).stopReason, 'refusal');
  });

  it('A16 an end without a finish is an error, never message_stop', async () => {
    for (const end of [[], [doneEvent]]) {
      at.simulator.script({ answer: { rawEvents: [roleChunk, chunkEvent({ content: 'a' }), ...end] } });
      const { error, content } = await at.stream();
      assert.deepEqual([isObject(error?.error) && error.error.type, textOfBlocks(content, 'text')], ['api_error', 'a']);
    }
  });

  it('A17 usage of the late chunk is counted once, what the cache read apart', async () => {
    script([chunkEvent({ content: 'a' })], 'stop', 2);
    const expected = {
      input_tokens: 20,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 80,
      output_tokens: 5,
    };
    assert.deepEqual((await at.stream()).usage, expected);
    assert.deepEqual((await at.message()).usage, expected);
  });

  it('A17 usage that the upstream does not tell is counted here', async () => {
    at.simulator.script({
      answer: { rawEvents: [roleChunk, chunkEvent({ content: 'one two three four' }), finishChunk, doneEvent] },
      times: 2,
    });
    const expected = { input_tokens: 9, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 4 };
    const fields = { model: 'qwen3-coder-plus', messages: [user('hello')] };
    assert.deepEqual((await at.stream(fields)).usage, expected);
    assert.deepEqual((await at.message(fields)).usage, expected);
  });

  it('A18 a system message in the middle keeps its place', async () => {
    for (const role of ['system', 'developer'])
      for (const content of ['Be brief.', [text('Be brief.', { cache_control: { type: 'ephemeral' } })]]) {
        await at.message({
          system: 'You are X.',
          messages: [user('a'), assistant('b'), { role, content }, user('c')],
        });
        assert.deepEqual(
          at.sentMessages.map((message) => message.role),
          ['system', 'user', 'assistant', 'system', 'user'],
        );
        assert.ok(JSON.stringify(at.sentMessages[3]).includes('Be brief.'));
      }
  });

  it('A18 a system message that the model has to answer to does so in every turn', async () => {
    const first = [user('a'), { role: 'system', content: [text('Rules.', { cache_control: { type: 'ephemeral' } })] }];
    await at.message({ messages: first });
    const sentFirst = at.sentMessages;
    assert.deepEqual(
      sentFirst.map(({ role }) => role),
      ['user', 'user'],
    );
    assert.match(JSON.stringify(sentFirst[1]), /<system-reminder>\\nRules\.\\n<.system-reminder>/);
    await at.message({
      tools,
      messages: [
        user('a'),
        { role: 'system', content: 'Rules.' },
        assistant([toolUse('1')]),
        user([toolResult('1', 'x')]),
        { role: 'system', content: 'More.' },
      ],
    });
    assert.deepEqual(
      at.sentMessages.map(({ role }) => role),
      ['user', 'user', 'assistant', 'tool', 'user'],
    );
    const [, later] = at.sentMessages;
    assert.equal(later?.content, objectsOf(sentFirst[1]?.content)[0]?.text, 'the same text as it was');
  });

  it('A19 an upstream that refuses the role is told in the words Claude Code acts on', async () => {
    const body = {
      error: {
        code: 'invalid_parameter_error',
        message: 'Role must be user or assistant and Content length must be greater than 0',
      },
    };
    at.simulator.fail({ fault: { kind: 'http', status: 400, body } });
    const { status, json } = await at.post({ messages: [user('a'), { role: 'system', content: 'x' }, user('b')] });
    assert.equal(status, 400);
    assert.match(JSON.stringify(json), /role 'system' is not supported/);
  });

  it('A20 a probe for one token gets a message, though it is empty', async () => {
    for (const rawEvents of [
      [roleChunk, chunkEvent({ content: '' }, 'length'), usageChunk, doneEvent],
      [usageChunk, doneEvent],
    ]) {
      at.simulator.script({ answer: { rawEvents }, times: 2 });
      const message = await at.message({ max_tokens: 1 });
      assert.deepEqual([message.content, message.stop_reason], [[], 'max_tokens']);
      const { content, stopReason } = await at.stream({ max_tokens: 1 });
      assert.deepEqual([content, stopReason], [[], 'max_tokens']);
    }
  });

  it('A21 limits are cut to the model’s, and small budgets taken', async () => {
    await at.message({ max_tokens: 128_000 });
    assert.equal(at.sent.max_tokens, 65_536);
    await at.message({ thinking: { type: 'enabled', budget_tokens: 512 } });
    assert.deepEqual([at.sent.enable_thinking, at.sent.thinking_budget], [true, 512]);
  });

  it('A21 who asks for no thinking gets none, and other vendors’ models are told nothing', async () => {
    await at.message();
    assert.equal(at.sent.enable_thinking, false);
    at.simulator.addKey('sk-one', { models: ['llama'] });
    await at.message({ model: 'llama' });
    assert.deepEqual(Object.keys(at.sent).toSorted(), ['max_tokens', 'messages', 'model', 'stream', 'stream_options']);
  });

  it('A22 a picture in a result follows after all results; a PDF goes where one can be read', async () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } };
    await at.message({
      tools,
      messages: [
        user('x'),
        assistant([toolUse('a'), toolUse('b')]),
        user([toolResult('a', [text('seen'), image]), toolResult('b', 'sunny')]),
      ],
    });
    assert.deepEqual(at.sentMessages.slice(2), [
      { role: 'tool', tool_call_id: 'a', content: 'seen' },
      { role: 'tool', tool_call_id: 'b', content: 'sunny' },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } }] },
    ]);
    const pdf = { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' } };
    const refused = await at.post({ messages: [user([text('read'), pdf])] });
    assert.equal(refused.status, 400);
    assert.match(JSON.stringify(refused.json), /messages\.0\.content\.1.*PDF/);
    await at.message({ model: 'qwen3.8-flash', messages: [user([text('read'), pdf])] });
    assert.match(JSON.stringify(at.sentMessages), /data:application\/pdf;base64,JVBERi0=/);
  });

  it('A23 base64 becomes a data URL, and a URL stays one', async () => {
    const sources = [
      [{ type: 'base64', media_type: 'image/jpeg', data: pixel }, `data:image/jpeg;base64,${pixel}`],
      [
        { type: 'base64', media_type: 'image/png', data: `data:image/png;base64,${pixel}` },
        `data:image/png;base64,${pixel}`,
      ],
      [{ type: 'url', url: 'https://example.com/a.png' }, 'https://example.com/a.png'],
    ] as const;
    for (const [source, url] of sources) {
      await at.message({ messages: [user([{ type: 'image', source }, text('what is it?')])] });
      assert.deepEqual(at.sentMessages[0]?.content, [{ type: 'image_url', image_url: { url } }, text('what is it?')]);
    }
    const blind = await at.post({
      model: 'qwen3-coder-plus',
      messages: [user([{ type: 'image', source: sources[0][0] }])],
    });
    assert.equal(blind.status, 400);
    assert.match(JSON.stringify(blind.json), /messages\.0\.content\.0/);
  });

  it('A24 text around results ends in an order that is legal for Chat', async () => {
    await at.message({
      tools,
      messages: [
        user('x'),
        assistant([toolUse('a'), toolUse('b')]),
        user([text('before'), toolResult('a', '1'), text('between'), toolResult('b', '2'), text('after')]),
      ],
    });
    assert.deepEqual(
      at.sentMessages.map(({ role }) => role),
      ['user', 'assistant', 'tool', 'tool', 'user'],
    );
    assert.equal(at.sentMessages.at(-1)?.content, 'before\nbetween\nafter');
  });

  it('A25 halves of calls that compaction left behind are mended', async () => {
    await at.message({ tools, messages: [user([toolResult('gone', 'sunny')])] });
    assert.match(String(at.sentMessages[0]?.content), /sunny/);
    await at.message({ tools, messages: [user('x'), assistant([toolUse('a')]), user('never mind')] });
    assert.deepEqual(
      at.sentMessages.map(({ role }) => role),
      ['user', 'assistant', 'tool', 'user'],
    );
  });

  it('A26 turns of one role, empty blocks and trailing spaces are taken', async () => {
    for (const messages of [
      [user('a'), user('b'), assistant('c'), assistant('d '), user('e')],
      [user([text('')]), user([text('a'), text('')]), assistant([text('')]), assistant([]), user('b')],
      [user(''), user('x')],
      [user('a'), assistant('b  ')],
    ])
      assert.equal((await at.post({ messages })).status, 200, JSON.stringify(messages));
    const nothing = await at.post({ messages: [user([])] });
    assert.match(nothing.text, /messages: at least one message with content is required/);
  });

  it('A27 tools of Anthropic’s servers are Qwen’s own search, or left out', async () => {
    const search = { type: 'web_search_20250305', name: 'web_search', max_uses: 8 };
    await at.message({ tools: [search], tool_choice: { type: 'tool', name: 'web_search' } });
    assert.deepEqual(
      [at.sent.tools, at.sent.enable_search, at.sent.search_options],
      [undefined, true, { forced_search: true }],
    );
    const others = [
      'web_fetch_20250910',
      'code_execution_20250825',
      'tool_search_tool_regex_20251119',
      'advisor_20260301',
    ];
    await at.message({ tools: [weather, search, ...others.map((type) => ({ type, name: type }))] });
    assert.equal(objectsOf(at.sent.tools).length, 1);
    assert.equal(at.sent.enable_search, undefined);
    assert.ok(at.server.logs.some(({ fields }) => String(fields?.what).includes('web_fetch_20250910')));
    await at.message({ tools: [{ type: 'bash_20250124', name: 'bash' }] });
    const [bash] = objectsOf(at.sent.tools);
    assert.ok(
      isObject(bash?.function) && isObject(bash.function.parameters) && isObject(bash.function.parameters.properties),
    );
    assert.ok(bash.function.parameters.properties.command);
    const found = {
      type: 'web_search_tool_result',
      tool_use_id: 's',
      content: [{ type: 'web_search_result', title: 'Qwen', url: 'https://q' }],
    };
    await at.message({
      messages: [
        user('x'),
        assistant([{ type: 'server_tool_use', id: 's', name: 'web_search', input: {} }, found, text('done')]),
        user('y'),
      ],
    });
    assert.equal(at.sentMessages[1]?.content, 'Qwen https://q\ndone');
  });

  it('A28 betas are tolerated, with an endpoint of the format and without', async () => {
    const withNative = await startAnthropicServer({ native: true });
    try {
      withNative.simulator.addKey('sk-one');
      for (const server of [at, withNative]) {
        const answer = await server.post(
          {
            context_management: { edits: [{ type: 'clear_thinking_20251015' }] },
            metadata: { user_id: 'u' },
            brand_new_field: { a: 1 },
            tools: [{ ...weather, defer_loading: true, cache_control: { type: 'ephemeral' } }],
            messages: [
              user('x'),
              assistant([toolUse('a')]),
              user([
                toolResult('a', [{ type: 'tool_reference', tool_name: 'get_weather' }]),
                { type: 'brand_new', text: 'new' },
              ]),
            ],
          },
          { headers: { 'anthropic-beta': 'brand-new-2027-01-01,context-management-2025-06-27' } },
        );
        assert.equal(answer.status, 200, answer.text);
        assert.match(String(server.sentMessages[2]?.content), /get_weather/);
        assert.equal(server.sentMessages[3]?.content, 'new');
      }
    } finally {
      await withNative.dispose();
    }
  });

  it('A29 optional arguments that are empty stay as the model wrote them', async () => {
    script([toolDelta(0, 'a', '{"file":"a.ts","pages":""}', 'Read')]);
    assert.deepEqual(inputsOf((await at.stream({ tools })).content), [['a', { file: 'a.ts', pages: '' }]]);
  });

  it('A30 two turns have the same prefix, whatever the client puts before its prompt and wherever it marks', async () => {
    const mark = { cache_control: { type: 'ephemeral' } };
    const turn = (nonce: string, history: readonly JsonObject[]) => ({
      tools,
      system: [
        text(`x-anthropic-billing-header: cc_version=2.1.330; cch=${nonce};`),
        text('You are X.', mark),
        text('Rules.', mark),
      ],
      messages: history,
    });
    const marked = (value: string) => user([text('<reminder>'), text(value, mark)]);
    const plain = (value: string) => user([text('<reminder>'), text(value)]);
    await at.message(turn('aaaa', [marked('one')]));
    const first = at.sentMessages;
    await at.message(turn('bbbb', [plain('one'), assistant([text('Echo')]), marked('two')]));
    const second = at.sentMessages;
    assert.ok(!JSON.stringify(second).includes('billing'));
    /** What the model reads: marks are no part of it, and parts follow one another. */
    const render = (messages: readonly JsonObject[]) =>
      messages
        .map(
          ({ role, content }) =>
            `${role}\n${
              typeof content === 'string'
                ? content
                : objectsOf(content)
                    .map((part) => part.text)
                    .join('')
            }`,
        )
        .join('\n');
    const digest = (value: string) => createHash('sha256').update(value).digest('hex');
    assert.equal(digest(render(second.slice(0, first.length))), digest(render(first)));
    assert.deepEqual(second[0], first[0], 'the system prompt is the same to the byte');
  });

  it('A30 models whose hosts read no marks get plain text', async () => {
    const content = [{ type: 'text', text: 'a', cache_control: { type: 'ephemeral' } }];
    await at.message({ model: 'deepseek-v4-pro', system: content, messages: [user(content)] });
    assert.deepEqual(
      at.sentMessages.map((message) => message.content),
      ['a', 'a'],
    );
  });

  it('A31 characters survive every cut between bytes', async () => {
    at.simulator.fail({ fault: { kind: 'split', bytes: 1 }, times: 2 });
    at.simulator.script({ answer: { reasoning: '思考', text: ['你好', '🙂 ok'] }, times: 2 });
    const { content } = await at.stream({ thinking: { type: 'adaptive' } });
    assert.equal(textOfBlocks(content, 'thinking') + textOfBlocks(content, 'text'), '思考你好🙂 ok');
    assert.deepEqual(objectsOf((await at.message()).content).at(-1), text('你好🙂 ok'));
  });

  describe('A32 a client that leaves takes the upstream with it', () => {
    const leave = async (fields: JsonObject, when: () => boolean) => {
      const gone = new AbortController();
      const answer = at.post(fields, { signal: gone.signal });
      const failed = assert.rejects(answer);
      await at.simulator.until(when);
      gone.abort();
      await failed;
      await at.simulator.until(
        () => at.simulator.openStreams === 0 && at.simulator.requests.every(({ answered }) => answered !== 'open'),
      );
    };
    it('before the first byte', async () => {
      at.simulator.fail({ fault: { kind: 'slow-first-byte', delayMs: 60_000 } });
      await leave({ stream: true }, () => at.simulator.chatRequests.length === 1);
    });
    it('before the first output', async () => {
      at.simulator.fail({ fault: { kind: 'stall', afterChunks: 1 } });
      await leave({ stream: true }, () => at.simulator.openStreams === 1);
    });
    it('while a try is waited for', async () => {
      at.simulator.fail({ fault: { kind: 'retry-after', seconds: 4, id: 44 }, times: 9 });
      await leave({ stream: true }, () => at.simulator.chatRequests.some(({ answered }) => answered === 'refused'));
      assert.equal(at.simulator.chatRequests.length, 1);
    });
  });

  it('A33 errors have Anthropic’s shape, and a wait stays one', async () => {
    const shape = async (path: string, request: JsonObject) => {
      const answer = await at.server.raw(path, request);
      assert.equal(answer.json.type, 'error', answer.text);
      assert.ok(typeof answer.error.type === 'string' && typeof answer.error.message === 'string');
      assert.match(String(answer.json.request_id), /^req_/);
      return [answer.status, answer.error.type];
    };
    const body = '{"model":"m"';
    assert.deepEqual(await shape('/anthropic/v1/messages', { body }), [400, 'invalid_request_error']);
    assert.deepEqual(await shape('/anthropic/v1/messages', { method: 'GET' }), [405, 'invalid_request_error']);
    assert.deepEqual(await shape('/anthropic/v1/nothing', { body }), [404, 'not_found_error']);
    assert.deepEqual(await shape('/v1/messages/nothing', { body }), [404, 'not_found_error']);
    assert.deepEqual(await shape('/v1/whatever', { headers: { 'anthropic-version': '2023-06-01' } }), [
      404,
      'not_found_error',
    ]);
    assert.deepEqual(await shape('/anthropic/v1/messages', { headers: { authorization: 'Bearer x' }, body }), [
      401,
      'authentication_error',
    ]);
    assert.deepEqual(await shape('/anthropic/v1/messages', { headers: { origin: 'https://evil.example' }, body }), [
      403,
      'permission_error',
    ]);
    at.simulator.fail({ fault: { kind: 'error', id: 50 } });
    const long = await at.post({});
    assert.equal(long.status, 400);
    assert.match(String(long.error.message), /^prompt is too long: 983617 tokens > 983616 maximum$/);
    const body413 = { error: { code: 'invalid_parameter_error', message: 'Range of input length should be [1, 2]' } };
    at.simulator.fail({ fault: { kind: 'http', status: 400, body: body413 } });
    const counted = await at.post({ model: 'qwen3-coder-plus' });
    assert.equal(counted.error.message, 'prompt is too long: 9 tokens > 2 maximum', 'with the count of this prompt');
    at.simulator.fail({ fault: { kind: 'retry-after', seconds: 7, id: 38 } });
    const limited = await at.post({});
    assert.deepEqual(
      [limited.status, limited.error.type, limited.headers['retry-after']],
      [429, 'rate_limit_error', '7'],
    );
  });

  it('A34 compressed answers are read', async () => {
    for (const kind of ['gzip', 'br', 'deflate'] as const) {
      at.simulator.fail({ fault: { kind } });
      assert.equal(textOfBlocks((await at.stream()).content, 'text'), 'Echo: hello');
    }
  });

  it('A35 the model is the one that was asked for, streamed or not', async () => {
    for (const asked of [
      'claude-opus-4-5',
      'claude-sonnet-4-5-20250929',
      'claude-haiku-4-5',
      'claude-sonnet-4-5[1m]',
      `anthropic/${model}`,
      model,
    ]) {
      const message = await at.message({ model: asked });
      const served = at.sent.model;
      const streamed = await at.stream({ model: asked });
      assert.deepEqual([message.model, streamed.message.model, at.sent.model], [asked, asked, served]);
      assert.match(String(served), /^qwen/);
    }
  });
});
