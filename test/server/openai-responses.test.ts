import assert from 'node:assert/strict';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { checkResponsesGrammar, readResponsesStream } from '../support/responses-grammar.ts';
import { startProxy, type TestProxy } from '../support/server-proxy.ts';

const model = 'qwen3-coder-plus';
const weather = {
  type: 'function' as const,
  name: 'get_weather',
  description: 'Tells the weather.',
  strict: false,
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
type Body = Readonly<Record<string, unknown>>;

describe('server: responses with the openai SDK', () => {
  let simulator: Simulator;
  let server: TestProxy;

  before(async () => {
    simulator = await startSimulator();
    server = await startProxy({ accounts: { one: 'sk-one', two: 'sk-two' }, baseUrl: simulator.baseUrl });
  });
  beforeEach(async () => {
    simulator.reset();
    for (const key of ['sk-one', 'sk-two']) simulator.addKey(key);
    for (const id of ['one', 'two']) await server.proxy.clearAccount(id);
  });
  after(async () => {
    await server.dispose();
    await simulator.close();
  });

  const stream = async (body: Body) => {
    const answer = await server.raw('/v1/responses', { body: JSON.stringify({ model, stream: true, ...body }) });
    assert.equal(answer.status, 200, answer.text);
    const events = readResponsesStream(answer.text);
    return { events, response: checkResponsesGrammar(events) };
  };
  const upstream = (index = 0) => JSON.parse(simulator.chatRequests[index]?.rawBody ?? '{}') as Record<string, unknown>;

  it('streams text', async () => {
    simulator.script({ answer: { text: ['Hel', 'lo ', '世界 🙂'] } });
    const stream = server.client.responses.stream({ model, input: 'hi' });
    const deltas: string[] = [];
    stream.on('response.output_text.delta', (event) => deltas.push(event.delta));
    const response = await stream.finalResponse();
    assert.equal(response.output_text, 'Hello 世界 🙂');
    assert.equal(deltas.join(''), 'Hello 世界 🙂');
    assert.equal(response.status, 'completed');
    assert.equal(response.model, model);
  });

  it('answers JSON from the same events', async () => {
    simulator.script({ answer: { reasoning: ['Hm', 'm'], text: ['Do', 'ne'] } });
    const response = await server.client.responses.create({
      model: 'qwen3.7-plus',
      instructions: 'Be short.',
      input: [{ role: 'user', content: [{ type: 'input_text', text: 'hi' }] }],
      reasoning: { effort: 'low', summary: 'auto' },
      metadata: { a: 'b' },
    });
    assert.equal(response.output_text, 'Done');
    assert.deepEqual(
      response.output.map((item) => item.type),
      ['reasoning', 'message'],
    );
    const [reasoning] = response.output;
    assert.ok(reasoning?.type === 'reasoning');
    assert.equal(reasoning.summary[0]?.text, 'Hmm');
    assert.equal(response.instructions, 'Be short.');
    assert.deepEqual(response.metadata, { a: 'b' });
    assert.ok((response.usage?.input_tokens ?? 0) > 0);
    assert.equal(response.usage?.output_tokens_details.reasoning_tokens !== undefined, true);
    const body = upstream();
    assert.deepEqual(body.messages, [
      { role: 'system', content: 'Be short.' },
      { role: 'user', content: 'hi' },
    ]);
    assert.equal(body.enable_thinking, true);
    assert.equal('metadata' in body, false);
  });

  it('parallel function calls come as items of their own, and their results go back in order', async () => {
    simulator.script({
      answer: {
        toolCalls: [
          { id: 'call_a', name: 'get_weather', arguments: ['{"ci', 'ty":"Paris"}'] },
          { id: 'call_b', name: 'get_weather', arguments: ['{"city":', '"Rome"}'] },
        ],
      },
    });
    const first = await server.client.responses.create({ model, input: 'weather?', tools: [weather] });
    const calls = first.output.filter((item) => item.type === 'function_call');
    assert.deepEqual(
      calls.map(({ call_id, name, arguments: args }) => [call_id, name, args]),
      [
        ['call_a', 'get_weather', '{"city":"Paris"}'],
        ['call_b', 'get_weather', '{"city":"Rome"}'],
      ],
    );
    const results = calls.map(({ call_id }) => ({
      type: 'function_call_output' as const,
      call_id,
      output: `sunny ${call_id}`,
    }));
    const second = await server.client.responses.create({
      model,
      input: [{ role: 'user', content: 'weather?' }, ...calls, ...results],
      tools: [weather],
    });
    assert.equal(second.status, 'completed');
    assert.deepEqual(
      (upstream(1).messages as Body[]).map(({ role, tool_call_id, tool_calls }) => [
        role,
        tool_call_id ?? (tool_calls as Body[] | undefined)?.map(({ id }) => id),
      ]),
      [
        ['user', undefined],
        ['assistant', ['call_a', 'call_b']],
        ['tool', 'call_a'],
        ['tool', 'call_b'],
      ],
    );
  });

  it('structured output through the SDK’s own parser', async () => {
    simulator.script({ answer: { text: '{"city":"Paris"}' } });
    const response = await server.client.responses.create({
      model: 'qwen3.7-plus',
      input: 'a city as json',
      text: {
        format: { type: 'json_schema', name: 'city', strict: true, schema: { type: 'object', properties: {} } },
      },
    });
    assert.equal(response.output_text, '{"city":"Paris"}');
    const { response_format: format } = upstream();
    assert.deepEqual(format, {
      type: 'json_schema',
      json_schema: { name: 'city', strict: true, schema: { type: 'object', properties: {} } },
    });
  });

  it('goes on from a kept response, and says so where it is kept no more', async () => {
    const first = await server.client.responses.create({ model, instructions: 'Be kind.', input: 'one' });
    const second = await server.client.responses.create({ model, input: 'two', previous_response_id: first.id });
    assert.equal(second.previous_response_id, first.id);
    // Instructions are not carried over: each response has its own.
    assert.deepEqual(upstream(1).messages, [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'Echo: one' },
      { role: 'user', content: 'two' },
    ]);
    const unkept = await server.client.responses.create({ model, input: 'x', store: false });
    for (const id of [unkept.id, 'resp_unknown'])
      await assert.rejects(
        server.client.responses.create({ model, input: 'three', previous_response_id: id }),
        (error: { status?: number; param?: string }) => error.status === 400 && error.param === 'previous_response_id',
      );
  });

  it('knows its own items by their ids, as the Vercel AI SDK sends them', async () => {
    const first = await server.client.responses.create({ model, input: 'one' });
    const reference = { type: 'item_reference' as const, id: first.output[0]?.id ?? '' };
    const ask = (input: string) =>
      server.client.responses.create({ model, input: [reference, { role: 'user', content: input }] });
    await ask('two');
    assert.deepEqual(upstream(1).messages, [
      { role: 'assistant', content: 'Echo: one' },
      { role: 'user', content: 'two' },
    ]);
    reference.id = 'msg_unknown';
    await assert.rejects(ask('three'), { status: 400, param: 'input[0].id' });
  });

  it('rotates before the first event, and fails truthfully after it', async () => {
    simulator.fail({ key: 'sk-one', fault: { kind: 'reset' }, times: 3 });
    const { response } = await stream({ input: 'hi' });
    assert.equal(response.status, 'completed');
    assert.equal(simulator.answered('sk-two'), 1);
    await server.proxy.clearAccount('one');
    for (const key of ['sk-one', 'sk-two'])
      simulator.fail({ key, fault: { kind: 'in-stream-error', form: 'event-error', afterChunks: 3 } });
    const failed = await stream({ input: 'another' });
    assert.equal(failed.response.status, 'failed');
    assert.ok(failed.events.some((event) => event.type === 'response.output_text.delta'));
  });

  it('names the client’s field in what it refuses', async () => {
    const cases: readonly (readonly [Body, string])[] = [
      [{ input: 5 }, 'input'],
      [{}, 'input'],
      [{ input: [{ role: 'bishop', content: 'x' }] }, 'input[0].role'],
      [{ input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'f' }] }] }, 'input[0].content[0]'],
      [
        { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'data:image/png;base64,AA' }] }] },
        'input[0].content[0]',
      ],
      [{ input: 'x', tools: [{ type: 'function' }] }, 'tools[0].name'],
      [{ input: 'x', tools: [{ type: 'teleport', name: 'x' }] }, 'tools[0].type'],
      [{ input: 'x', tools: [weather], tool_choice: { type: 'web_search' } }, 'tool_choice'],
      [{ input: 'x', background: true }, 'background'],
      [{ input: 'x', conversation: 'conv_1' }, 'conversation'],
      [{ input: 'x', prompt: { id: 'p' } }, 'prompt'],
      [{ input: 'x', max_output_tokens: 0 }, 'max_output_tokens'],
      [{ input: [{ type: 'item_reference', id: 'msg_1' }] }, 'input[0].id'],
      [{ input: 'x', truncation: 'perhaps' }, 'truncation'],
    ];
    for (const [body, param] of cases) {
      const { status, json } = await server.raw('/v1/responses', { body: JSON.stringify({ model, ...body }) });
      assert.equal(status, 400, `${param}: ${JSON.stringify(json)}`);
      assert.equal((json as { error: { param: string } }).error.param, param, JSON.stringify(json));
    }
    assert.equal(simulator.chatRequests.length, 0);
  });
});
