import assert from 'node:assert/strict';
import { dashScopeEndpoints } from '../../src/upstream/plan-table.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { startProxy, type TestProxy, type TestProxyOptions } from '../support/server-proxy.ts';
import { startUpstream } from '../support/server-upstream.ts';

const fillIn = 'qwen2.5-coder-32b-instruct';
const prefix = 'function add(a, b) {\n  return ';
const suffix = ';\n}\n';
const marked = `<|fim_prefix|>${prefix}<|fim_suffix|>${suffix}<|fim_middle|>`;

describe('server: completions with the openai SDK', () => {
  let simulator: Simulator;
  let server: TestProxy;

  const start = async (options: TestProxyOptions = {}) => {
    server = await startProxy({
      accounts: { one: 'sk-one' },
      baseUrl: simulator.baseUrl,
      random: () => 0,
      planEndpoints: ({ name }) =>
        name.startsWith('coding')
          ? { openai: simulator.codingBaseUrl }
          : name.startsWith('standard')
            ? dashScopeEndpoints(simulator.origin)
            : undefined,
      ...options,
    });
  };
  const addCoding = () =>
    server.proxy.addAccount({ id: 'coding', plan: 'coding-intl', key: 'sk-sp-coding', probe: false });
  const post = (body: unknown) => server.raw('/v1/completions', { body: JSON.stringify(body) });
  const native = () =>
    simulator.requests
      .filter(({ path }) => /\/v1\/completions$/.test(path))
      .map(({ body, key, answered }) => ({
        ...(body as { prompt: string; model: string; stream: boolean }),
        key,
        answered,
      }));
  const read = async (stream: AsyncIterable<{ choices: { text: string; finish_reason: string | null }[] }>) => {
    let text = '';
    let finish: string | null = null;
    for await (const { choices } of stream) {
      text += choices[0]?.text ?? '';
      finish = choices[0]?.finish_reason ?? finish;
    }
    return { text, finish };
  };

  before(async () => {
    simulator = await startSimulator();
  });
  beforeEach(() => {
    simulator.reset();
    for (const key of ['sk-one', 'sk-two']) simulator.addKey(key);
    simulator.addKey('sk-sp-coding', { plan: 'coding' });
  });
  afterEach(() => server.dispose());
  after(() => simulator.close());

  describe('native', () => {
    it('streams, the prompt in the model’s marks', async () => {
      await start();
      simulator.script({ route: 'completions', answer: { text: ['a ', '+ b'] } });
      const stream = await server.client.completions.create({
        model: fillIn,
        prompt: prefix,
        suffix,
        stream: true,
        max_tokens: 50,
      });
      assert.deepEqual(await read(stream), { text: 'a + b', finish: 'stop' });
      const [call] = native();
      assert.deepEqual([call?.prompt, call?.model, call?.stream], [marked, fillIn, true]);
      assert.equal(simulator.chatRequests.length, 0);
    });

    it('answers JSON, folded from a stream, with usage', async () => {
      await start();
      simulator.script({ route: 'completions', answer: { text: ['a ', '+ b'] } });
      const answer = await server.client.completions.create({ model: fillIn, prompt: prefix, suffix });
      assert.deepEqual([answer.object, answer.model, answer.choices.length], ['text_completion', fillIn, 1]);
      assert.deepEqual([answer.choices[0]?.text, answer.choices[0]?.finish_reason], ['a + b', 'stop']);
      assert.ok((answer.usage?.total_tokens ?? 0) > 0);
      assert.equal(native()[0]?.stream, true);
      assert.ok((await server.proxy.snapshot()).accounts[0]?.outputTokensToday);
    });

    it('leaves a prompt alone that is in the marks already', async () => {
      await start();
      const prompt = `<|repo_name|>demo\n<|file_sep|>a.ts\n${marked}`;
      await server.client.completions.create({ model: fillIn, prompt });
      assert.equal(native()[0]?.prompt, prompt);
    });

    it('gives usage to those who asked, and to nobody else', async () => {
      await start();
      for (const include_usage of [true, false]) {
        const answer = await post({ model: fillIn, prompt: 'x', stream: true, stream_options: { include_usage } });
        assert.equal(
          answer.events.some(({ usage }) => usage !== null && usage !== undefined),
          include_usage,
        );
        assert.match(answer.text, /data: \[DONE\]\n\n$/);
      }
    });

    it('is what a Beijing key does for a request that names no model of Qwen, and the name is echoed', async () => {
      await start({ accounts: {} });
      await server.proxy.addAccount({ id: 'cn', plan: 'standard-cn', key: 'sk-one', probe: false });
      const answer = await server.client.completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: 'x' });
      assert.equal(answer.model, 'gpt-3.5-turbo-instruct');
      assert.equal(native()[0]?.model, 'qwen-coder-turbo');
      const streamed = await post({ model: 'gpt-3.5-turbo-instruct', prompt: 'x', stream: true });
      assert.ok(streamed.events.every(({ model }) => model === 'gpt-3.5-turbo-instruct'));
    });

    it('moves on when an account is limited', async () => {
      await start({ accounts: { one: 'sk-one', two: 'sk-two' } });
      simulator.fail({ route: 'completions', key: 'sk-one', fault: { kind: 'error', id: 38 } });
      assert.equal((await post({ model: fillIn, prompt: 'x', stream: true })).status, 200);
      assert.deepEqual(
        native().map(({ key }) => key),
        ['sk-one', 'sk-two'],
      );
    });

    it('ends a stream that breaks off truthfully', async () => {
      await start();
      simulator.script({ route: 'completions', answer: { text: ['a', 'b', 'c'] } });
      simulator.fail({ route: 'completions', fault: { kind: 'end-early', afterChunks: 2 } });
      const answer = await post({ model: fillIn, prompt: 'x', stream: true });
      assert.ok(!answer.text.includes('[DONE]'));
      assert.match(answer.text, /in the middle of the answer/);
    });

    it('takes a JSON answer of a server that cannot stream', async () => {
      await start();
      simulator.script({ route: 'completions', answer: { text: 'whole' } });
      simulator.fail({ route: 'completions', fault: { kind: 'json-instead-of-stream' } });
      const answer = await post({ model: fillIn, prompt: 'x', stream: true });
      assert.deepEqual(
        answer.events.flatMap(({ object, choices }) =>
          (choices as { text: string }[]).map(({ text }) => [object, text]),
        ),
        [['text_completion', 'whole']],
      );
    });

    it('ends upstream when the client leaves', async () => {
      await start();
      simulator.fail({ route: 'completions', fault: { kind: 'stall', afterChunks: 1 } });
      simulator.script({ route: 'completions', answer: { text: ['a', 'b'] } });
      const leaving = new AbortController();
      const stream = await server.client.completions.create(
        { model: fillIn, prompt: 'x', stream: true },
        { signal: leaving.signal },
      );
      for await (const _chunk of stream) {
        leaving.abort();
        break;
      }
      await simulator.until(() => native()[0]?.answered === 'aborted');
    });
  });

  describe('emulated', () => {
    const chatBody = (index = 0) =>
      simulator.chatRequests[index]?.body as {
        model: string;
        messages: { content: string }[];
        stop?: unknown;
        enable_thinking?: unknown;
      };

    it('streams from a plan without Completions, without the fence and the echo', async () => {
      await start({ accounts: {} });
      await addCoding();
      simulator.script({ answer: { text: ['``', '`js\n  retu', 'rn a ', '+ b\n`', '``\nThere.'] } });
      const stream = await server.client.completions.create({
        model: 'qwen3-coder-plus',
        prompt: prefix,
        suffix,
        stream: true,
      });
      assert.deepEqual(await read(stream), { text: 'a + b', finish: 'stop' });
      assert.equal(native().length, 0);
      assert.equal(chatBody().messages.at(-1)?.content, `<prefix>${prefix}</prefix><suffix>${suffix}</suffix>`);
    });

    it('answers JSON with an id, the asked model and usage', async () => {
      await start({ accounts: {} });
      await addCoding();
      simulator.script({ answer: { text: 'a + b', usage: { prompt_tokens: 70, completion_tokens: 7 } } });
      const answer = await server.client.completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: marked });
      assert.match(answer.id, /^cmpl-[0-9a-f]{32}$/);
      assert.deepEqual(
        [answer.object, answer.model, answer.choices, answer.usage],
        [
          'text_completion',
          'gpt-3.5-turbo-instruct',
          [{ text: 'a + b', index: 0, logprobs: null, finish_reason: 'stop' }],
          { prompt_tokens: 70, completion_tokens: 7, total_tokens: 77 },
        ],
      );
      assert.equal(chatBody().model, 'qwen3-coder-plus');
      assert.equal(chatBody().messages.at(-1)?.content, `<prefix>${prefix}</prefix><suffix>${suffix}</suffix>`);
    });

    it('does not think where a model can help it', async () => {
      await start({ accounts: {} });
      await addCoding();
      const { json } = await post({ model: 'qwen3.7-plus', prompt: 'x' });
      assert.equal(chatBody().enable_thinking, false);
      assert.equal((json as { model: string }).model, 'qwen3.7-plus');
    });

    it('stops where the client said, and at the length that it gave', async () => {
      await start({ accounts: {} });
      await addCoding();
      simulator.script({ answer: { text: ['```\nfirst', '\nsec', 'ond\n```'] } });
      const stopped = await server.client.completions.create({
        model: 'qwen3-coder-plus',
        prompt: 'x',
        stop: ['\n', ';;'],
      });
      assert.deepEqual([stopped.choices[0]?.text, stopped.choices[0]?.finish_reason], ['first', 'stop']);
      assert.deepEqual(chatBody().stop, [';;']);
      simulator.script({ answer: { text: 'one two three four' } });
      const cut = await server.client.completions.create({ model: 'qwen3-coder-plus', prompt: 'x', max_tokens: 2 });
      assert.equal(cut.choices[0]?.finish_reason, 'length');
    });

    it('gives usage to those who asked, as the last event', async () => {
      await start({ accounts: {} });
      await addCoding();
      const answer = await post({ prompt: 'x', stream: true, stream_options: { include_usage: true } });
      const last = answer.events.at(-1) as { choices: unknown[]; usage: { total_tokens: number } };
      assert.deepEqual(last.choices, []);
      assert.ok(last.usage.total_tokens > 0);
      const without = await post({ prompt: 'x', stream: true });
      assert.ok(without.events.every((event) => !('usage' in event)));
    });

    it('stands in for a custom endpoint that has chats only, and is not asked twice', async () => {
      const paths: string[] = [];
      const upstream = await startUpstream((response, request) => {
        paths.push(request.url ?? '');
        if (!request.url?.endsWith('/chat/completions')) return void response.writeHead(404).end('Not Found');
        response.setHeader('content-type', 'text/event-stream');
        const chunk = (delta: object, reason: string | null) =>
          `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`;
        response.end(`${chunk({ content: 'from a chat' }, null)}${chunk({}, 'stop')}data: [DONE]\n\n`);
      });
      try {
        await start({ baseUrl: upstream.baseUrl });
        for (let count = 0; count < 2; count++) {
          const answer = await server.client.completions.create({ model: fillIn, prompt: 'x' });
          assert.equal(answer.choices[0]?.text, 'from a chat');
        }
        assert.deepEqual(
          paths.map((path) => path.replace(/^.*\/v1/, '')),
          ['/completions', '/chat/completions', '/chat/completions'],
        );
        assert.equal((await server.proxy.snapshot()).accounts[0]?.state, 'ready');
      } finally {
        await upstream.close();
      }
    });

    it('is there in the demo', async () => {
      await start({ accounts: {} });
      const answer = await server.client.completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: 'x' });
      assert.ok((answer.choices[0]?.text.length ?? 0) > 0);
      assert.equal(answer.choices[0]?.finish_reason, 'stop');
    });

    it('ends a stream that breaks off truthfully', async () => {
      await start({ accounts: {} });
      await addCoding();
      simulator.script({ answer: { text: ['a', 'b', 'c'] } });
      simulator.fail({ fault: { kind: 'end-early', afterChunks: 2 } });
      const answer = await post({ prompt: 'x', stream: true });
      assert.ok(!answer.text.includes('[DONE]'));
      assert.match(answer.text, /in the middle of the answer/);
    });
  });

  describe('errors in OpenAI’s shape', () => {
    const rows: readonly (readonly [string, Record<string, unknown>, number, string | null, string])[] = [
      ['several prompts', { model: fillIn, prompt: ['a', 'b'] }, 400, null, 'prompt'],
      ['the prompt again', { model: fillIn, prompt: 'a', echo: true }, 400, null, 'echo'],
      ['probabilities', { model: fillIn, prompt: 'a', logprobs: 1 }, 400, null, 'logprobs'],
      ['a model nobody has', { model: 'no-such-model', prompt: 'a' }, 404, 'model_not_found', 'model'],
      ['an embedding model', { model: 'text-embedding-v4', prompt: 'a' }, 404, 'model_not_found', 'model'],
    ];
    for (const [name, body, status, code, param] of rows)
      it(`${name}: ${status} naming ${param}`, async () => {
        await start();
        const answer = await post(body);
        assert.deepEqual([answer.status, answer.error.code, answer.error.param], [status, code, param]);
      });
  });
});
