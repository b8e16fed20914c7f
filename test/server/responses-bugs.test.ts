import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { checkResponsesGrammar, readResponsesStream } from '../support/responses-grammar.ts';
import { clientKey, startProxy, type TestProxy } from '../support/server-proxy.ts';

type Body = Readonly<Record<string, unknown>>;
const model = 'qwen3-coder-plus';

/** The Responses bugs that other bridges had, R1–R15; those of the request’s shape are in test/unit/responses-request.test.ts. */
describe('server: known bugs of Responses bridges', () => {
  let simulator: Simulator;
  let server: TestProxy;

  before(async () => {
    simulator = await startSimulator();
    server = await startProxy({
      accounts: { one: 'sk-one' },
      baseUrl: simulator.baseUrl,
      bodyLimitBytes: 200_000,
      pingMs: 20,
    });
  });
  beforeEach(async () => {
    simulator.reset();
    simulator.addKey('sk-one');
    await server.proxy.clearAccount('one');
  });
  after(async () => {
    await server.dispose();
    await simulator.close();
  });

  const post = (body: Body) => server.raw('/v1/responses', { body: JSON.stringify({ model, input: 'hi', ...body }) });
  const stream = async (body: Body = {}) => {
    const answer = await post({ stream: true, ...body });
    const events = readResponsesStream(answer.text);
    return { answer, events, response: checkResponsesGrammar(events) };
  };

  for (const [name, finishReason, status] of [
    ['stop', 'stop', 'completed'],
    ['length', 'length', 'incomplete'],
    ['content_filter', 'content_filter', 'incomplete'],
  ] as const)
    it(`R1 finish reason ${name}: one terminal event, ${status}`, async () => {
      simulator.script({ answer: { text: 'x', finishReason } });
      assert.equal((await stream()).response.status, status);
    });
  it('R1 a stream cut after content: one terminal event, failed', async () => {
    simulator.fail({ fault: { kind: 'end-early', afterChunks: 3 }, times: 3 });
    const { response, events } = await stream();
    assert.equal(response.status, 'failed');
    assert.ok(events.some(({ type }) => type === 'response.output_text.delta'));
  });
  it('R1 a failure while only pings were sent: its beginning and one terminal event', async () => {
    simulator.fail({ fault: { kind: 'slow-first-byte', delayMs: 100, headersFirst: true }, times: 9 });
    simulator.script({
      answer: { rawEvents: ['data: {"error":{"message":"Down","code":"InternalError"}}\n\n'] },
      times: 9,
    });
    const { answer, response } = await stream();
    assert.ok(answer.text.startsWith(': ping\n\n'), answer.text.slice(0, 40));
    assert.equal(response.status, 'failed');
  });

  it('R6 arguments end once, in the item and place they began in', async () => {
    simulator.script({
      answer: {
        text: 'Two calls.',
        toolCalls: [
          { id: 'a', name: 'f', arguments: ['{"x"', ':1}'] },
          { id: 'b', name: 'f', arguments: ['{"x"', ':2}'] },
        ],
      },
    });
    const { events } = await stream({
      tools: [{ type: 'function', name: 'f', parameters: { type: 'object', properties: {} } }],
    });
    const done = events.filter(({ type }) => type === 'response.function_call_arguments.done');
    assert.deepEqual(
      done.map((event) => [event.output_index, event.arguments]),
      [
        [1, '{"x":1}'],
        [2, '{"x":2}'],
      ],
    );
  });

  it('R8 usage has every detail, also where the upstream gave none', async () => {
    simulator.script({
      answer: {
        rawEvents: [
          'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n',
          'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
          'data: [DONE]\n\n',
        ],
      },
    });
    const { response } = await stream();
    const usage = response.usage as Body;
    assert.deepEqual(Object.keys(usage), [
      'input_tokens',
      'input_tokens_details',
      'output_tokens',
      'output_tokens_details',
      'total_tokens',
    ]);
  });

  it('R9 whoever names a client version gets Codex’ catalogue, everybody else OpenAI’s list', async () => {
    const { json } = await server.raw('/v1/models?client_version=0.169.0', { method: 'GET' });
    const { models } = json as { models: readonly Body[] };
    const coder = models.find((each) => each.slug === model);
    assert.equal(coder?.context_window, 1_048_576);
    // Every field without a default in Codex' reader; one that is missing fails the whole catalogue.
    for (const field of [
      'display_name',
      'supported_reasoning_levels',
      'shell_type',
      'visibility',
      'supported_in_api',
      'priority',
      'upgrade',
      'base_instructions',
      'supports_reasoning_summaries',
      'support_verbosity',
      'default_verbosity',
      'apply_patch_tool_type',
      'truncation_policy',
      'supports_parallel_tool_calls',
      'experimental_supported_tools',
    ])
      for (const each of models) assert.ok(field in each, field);
    assert.equal(
      models.some((each) => String(each.slug).startsWith('text-embedding')),
      false,
    );
    const list = (await server.raw('/v1/models', { method: 'GET' })).json as { object: string; data: readonly Body[] };
    assert.equal(list.object, 'list');
    assert.ok(list.data.some(({ id }) => id === model));
  });

  describe('R10', () => {
    const codings: readonly (readonly [string, (data: Buffer) => Promise<Buffer> | Buffer])[] = [
      ['gzip', promisify(zlib.gzip)],
      ['deflate', promisify(zlib.deflate)],
      ['br', promisify(zlib.brotliCompress)],
      ['zstd', promisify(zlib.zstdCompress)],
    ];
    const send = (body: Buffer, coding: string) =>
      server.raw('/v1/responses', { body, headers: { 'content-encoding': coding } });
    const text = Buffer.from(JSON.stringify({ model, input: '你好🙂 '.repeat(200) }));

    for (const [coding, pack] of codings) {
      it(`a body in ${coding} is read`, async () => {
        const answer = await send(await pack(text), coding);
        assert.equal(answer.status, 200, answer.text);
        assert.equal(JSON.parse(simulator.chatRequests[0]?.rawBody ?? '').messages[0].content, '你好🙂 '.repeat(200));
      });
      it(`a small ${coding} body that holds a large one is refused`, async () => {
        const answer = await send(await pack(Buffer.alloc(50_000_000, 0x20)), coding);
        assert.equal(answer.status, 413, answer.text);
      });
      it(`a body that is not ${coding} is a clear refusal`, async () => {
        const answer = await send(text, coding);
        assert.equal(answer.status, 400, answer.text);
        assert.match(answer.text, /Content-Encoding/);
      });
    }
    it('a coding nobody knows is named', async () => {
      const answer = await send(text, 'lzma');
      assert.equal(answer.status, 415);
      assert.match(answer.text, /\\"lzma\\".*gzip, deflate, br/);
    });
    for (const coding of ['constructor', '__proto__'])
      it(`a coding by the name of ${coding} is none either`, async () => {
        assert.equal((await send(text, coding)).status, 415);
      });
    it('the tokens of an input are counted, by the same vocabulary for stream and count', async () => {
      const count = async (body: Body) => {
        const answer = await server.raw('/v1/responses/input_tokens', { body: JSON.stringify({ model, ...body }) });
        return [answer.status, answer.json.object, answer.json.input_tokens];
      };
      assert.deepEqual(await count({ input: 'hello' }), [200, 'response.input_tokens', 9]);
      const [, , withMore] = await count({ input: [{ role: 'user', content: 'hello' }], instructions: 'Be short.' });
      assert.ok(Number(withMore) > 9);
      assert.equal((await count({ input: 5 }))[0], 400);
      assert.equal(simulator.chatRequests.length, 0);
    });
    it('compaction is refused at once, and says what to do', async () => {
      const answer = await server.raw('/v1/responses/compact', { body: '{}' });
      assert.equal(answer.status, 501);
      assert.match(answer.text, /Ask the model for a summary/);
    });
    it('a WebSocket is refused with 426, which Codex tries once', async () => {
      const request = httpRequest(`${server.url}/v1/responses`, {
        headers: {
          authorization: `Bearer ${clientKey}`,
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        },
      });
      request.end();
      const [response] = await once(request, 'response');
      assert.equal(response.statusCode, 426);
      response.resume();
      assert.equal((await server.raw('/v1/responses', { method: 'GET' })).status, 405);
    });
  });

  it('R12 signs of life are comments', async () => {
    simulator.fail({ fault: { kind: 'slow-first-byte', delayMs: 100, headersFirst: true } });
    const { answer, response } = await stream();
    assert.ok(answer.text.startsWith(': ping\n\n'));
    assert.equal(response.status, 'completed');
  });

  it('R15 a shortage in the stream keeps its code, so that the client comes back', async () => {
    simulator.fail({ fault: { kind: 'in-stream-error', form: 'event-error', id: 32, afterChunks: 3 } });
    const { response } = await stream();
    assert.equal(response.status, 'failed');
    const { code } = response.error as Body;
    assert.ok(['rate_limit_exceeded', 'insufficient_quota'].includes(String(code)), String(code));
  });
});
