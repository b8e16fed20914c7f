import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dashScopeEndpoints } from '../../src/upstream/plan-table.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { hurriedClock, startProxy, type TestProxy, type TestProxyOptions } from '../support/server-proxy.ts';
import { startUpstream } from '../support/server-upstream.ts';

const model = 'text-embedding-v4';
const texts = (count: number) => Array.from({ length: count }, (_, index) => `text number ${index}`);

describe('server: embeddings with the openai SDK', () => {
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
  const post = (body: unknown) => server.raw('/v1/embeddings', { method: 'POST', body: JSON.stringify(body) });
  const calls = () =>
    simulator.requests
      .filter(({ path }) => path.endsWith('/embeddings'))
      .map(({ body, key, answered }) => ({
        ...(body as { input: string[]; model: string; dimensions?: number }),
        key,
        answered,
      }));
  const fail = (key: string, id: number, times = 1) =>
    simulator.fail({ route: 'embeddings', key, fault: { kind: 'error', id }, times });

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

  it('answers one text', async () => {
    await start();
    const answer = await server.client.embeddings.create({ model, input: 'hello', encoding_format: 'float' });
    assert.deepEqual([answer.object, answer.model, answer.data.length], ['list', model, 1]);
    assert.deepEqual([answer.data[0]?.object, answer.data[0]?.index], ['embedding', 0]);
    assert.equal(answer.data[0]?.embedding.length, 1024);
    assert.ok(answer.usage.prompt_tokens > 0);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens);
  });

  it('gives the same vectors as base64, which the SDK asks for by itself', async () => {
    await start();
    const floats = await server.client.embeddings.create({ model, input: texts(3), encoding_format: 'float' });
    const decoded = await server.client.embeddings.create({ model, input: texts(3) });
    for (const [index, { embedding }] of floats.data.entries())
      assert.deepEqual(decoded.data[index]?.embedding, embedding.map(Math.fround));
    const raw = await server.client.embeddings.create({ model, input: texts(3), encoding_format: 'base64' });
    assert.equal(typeof raw.data[0]?.embedding, 'string');
    assert.equal(Buffer.from(String(raw.data[2]?.embedding), 'base64').length, 4 * 1024);
  });

  it('takes vectors that come as base64 whatever was asked', async () => {
    const upstream = await startUpstream((response, _request, body) => {
      const data = (JSON.parse(body).input as string[]).map((_, index) => ({ index, embedding: 'AACAPwAAAMAAAAA/' }));
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ data, usage: { total_tokens: 4 } }));
    });
    try {
      await start({ baseUrl: upstream.baseUrl });
      const vectors = async (encoding_format: string) => {
        const { json } = await post({ model, input: 'a', encoding_format });
        return (json as { data: { embedding: unknown }[] }).data[0]?.embedding;
      };
      assert.deepEqual(await vectors('float'), [1, -2, 0.5]);
      assert.equal(await vectors('base64'), 'AACAPwAAAMAAAAA/');
    } finally {
      await upstream.close();
    }
  });

  it('splits 25 texts into 3 calls and keeps their order', async () => {
    await start();
    const input = texts(25);
    const joined = await server.client.embeddings.create({ model, input, dimensions: 64, encoding_format: 'float' });
    assert.deepEqual(
      calls()
        .map((call) => call.input.length)
        .toSorted((a, b) => b - a),
      [10, 10, 5],
    );
    assert.ok(calls().every(({ dimensions }) => dimensions === 64));
    assert.deepEqual(
      joined.data.map(({ index }) => index),
      input.map((_, index) => index),
    );
    const [last] = (await server.client.embeddings.create({ model, input: 'text number 24', dimensions: 64 })).data;
    assert.deepEqual(joined.data[24]?.embedding.map(Math.fround), last?.embedding);
    assert.equal(new Set(joined.data.map(({ embedding }) => embedding.join())).size, 25);
    const single = await server.client.embeddings.create({ model, input: input.slice(0, 10), dimensions: 64 });
    assert.ok(joined.usage.prompt_tokens > 2 * single.usage.prompt_tokens);
  });

  it('has few calls open at once', async () => {
    let open = 0;
    let most = 0;
    const waiting: (() => void)[] = [];
    const upstream = await startUpstream((response, _request, body) => {
      most = Math.max(most, ++open);
      const data = (JSON.parse(body).input as string[]).map((_, index) => ({ index, embedding: [1] }));
      waiting.push(() => {
        open--;
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ data }));
      });
      if (waiting.length === 4) for (const answer of waiting.splice(0)) answer();
    });
    try {
      await start({ baseUrl: upstream.baseUrl });
      const { json } = await post({ model, input: texts(80) });
      assert.equal((json as { data: unknown[] }).data.length, 80);
      assert.equal(most, 4);
    } finally {
      await upstream.close();
    }
  });

  it('serves OpenAI’s names by text-embedding-v4, echoes them, and keeps the length their users count on', async () => {
    await start();
    for (const [asked, length] of [
      ['text-embedding-3-small', 1536],
      ['text-embedding-ada-002', 1536],
      ['text-embedding-3-large', 2048],
    ] as const) {
      const answer = await server.client.embeddings.create({ model: asked, input: 'x' });
      assert.deepEqual([answer.model, answer.data[0]?.embedding.length], [asked, length]);
    }
    assert.deepEqual(new Set(calls().map((call) => call.model)), new Set([model]));
    const unnamed = await post({ input: 'x' });
    assert.equal((unnamed.json as { model: string }).model, model);
  });

  it('follows an alias of the user', async () => {
    await start({ settings: { MODEL_ALIASES: 'text-embedding-*=text-embedding-v3,*=qwen3-coder-plus' } });
    const answer = await server.client.embeddings.create({ model: 'text-embedding-3-small', input: 'x' });
    assert.deepEqual([answer.model, answer.data[0]?.embedding.length], ['text-embedding-3-small', 1024]);
    assert.equal(calls()[0]?.model, 'text-embedding-v3');
  });

  describe('errors in OpenAI’s shape', () => {
    const rows: readonly (readonly [string, Record<string, unknown>, number, string | null, string])[] = [
      ['token ids', { model, input: [1, 2] }, 400, null, 'input[0]'],
      ['no input', { model }, 400, null, 'input'],
      ['a length v4 has not', { model, input: 'a', dimensions: 3072 }, 400, null, 'dimensions'],
      [
        'a text that is too long',
        { model, input: ['a', 'word '.repeat(9000)] },
        400,
        'context_length_exceeded',
        'input',
      ],
      ['a chat model', { model: 'qwen3-coder-plus', input: 'a' }, 404, 'model_not_found', 'model'],
      ['a model nobody has', { model: 'text-embedding-v99', input: 'a' }, 404, 'model_not_found', 'model'],
    ];
    for (const [name, body, status, code, param] of rows)
      it(`${name}: ${status} naming ${param}`, async () => {
        await start();
        const answer = await post(body);
        assert.deepEqual([answer.status, answer.error.code, answer.error.param], [status, code, param]);
        assert.equal(answer.error.type, 'invalid_request_error');
        assert.equal((await server.chat()).status, 200, 'chats go on');
      });

    it('GET is answered by the method it takes', async () => {
      await start();
      const answer = await server.raw('/v1/embeddings', { method: 'GET' });
      assert.deepEqual([answer.status, answer.headers.allow], [405, 'POST']);
    });

    it('an endpoint without embeddings is one for chats all the same', async () => {
      await start({ baseUrl: simulator.tokenPlanBaseUrl });
      simulator.addKey('sk-one', { plan: 'token' });
      const answer = await post({ model, input: 'a' });
      assert.deepEqual([answer.status, answer.error.code, answer.error.param], [404, 'model_not_found', 'model']);
      assert.match(String(answer.error.message), /serves no embeddings/);
      assert.equal((await server.chat({ model: 'qwen3.7-plus' })).status, 200);
    });
  });

  describe('accounts', () => {
    it('without embeddings are passed over, in whatever order', async () => {
      await start({ accounts: {} });
      await server.proxy.addAccount({ id: 'coding', plan: 'coding-intl', key: 'sk-sp-coding', probe: false });
      const none = await post({ model, input: 'a' });
      assert.deepEqual([none.status, none.error.code], [404, 'model_not_found']);
      assert.match(String(none.error.message), /Embeddings need a standard Model Studio key/);
      await server.proxy.addAccount({ id: 'standard', plan: 'standard-intl', key: 'sk-two', probe: false });
      assert.equal((await post({ model, input: 'a' })).status, 200);
      assert.equal((await server.chat()).status, 200);
      assert.deepEqual(
        calls().map(({ key }) => key),
        ['sk-two'],
      );
      assert.equal(simulator.chatRequests[0]?.key, 'sk-sp-coding');
    });

    it('one that is limited in the middle leaves all of it to the next one', async () => {
      await start({ accounts: { one: 'sk-one', two: 'sk-two' } });
      await post({ model, input: 'warm' });
      fail('sk-one', 38);
      const answer = await server.client.embeddings.create({ model, input: texts(25), dimensions: 64 });
      assert.equal(answer.data.length, 25);
      const served = calls().filter(({ key }) => key === 'sk-two');
      assert.deepEqual(served.flatMap(({ input }) => input).toSorted(), texts(25).toSorted());
    });

    it('a limit of the only one is told, with nothing of what the other calls brought', async () => {
      await start();
      fail('sk-one', 38);
      const answer = await post({ model, input: texts(25) });
      assert.deepEqual([answer.status, answer.error.code], [429, 'rate_limit_exceeded']);
      assert.ok(!answer.text.includes('embedding'), answer.text);
    });

    it('a server error is tried once more', async () => {
      await start({ clock: hurriedClock(30) });
      fail('sk-one', 65);
      assert.equal((await post({ model, input: 'a' })).status, 200);
      assert.equal(calls().length, 2);
    });

    it('a refused key stands as refused', async () => {
      await start();
      simulator.removeKey('sk-one');
      assert.equal((await post({ model, input: 'a' })).status, 401);
      assert.equal((await server.proxy.snapshot()).accounts[0]?.state, 'unauthorized');
    });
  });

  it('ends its calls when the client leaves', async () => {
    await start();
    simulator.fail({ route: 'embeddings', fault: { kind: 'slow-first-byte', delayMs: 3_600_000 }, times: 9 });
    const leaving = new AbortController();
    const request = server.client.embeddings.create({ model, input: texts(30) }, { signal: leaving.signal });
    await simulator.until(() => calls().length === 3);
    leaving.abort();
    await assert.rejects(request);
    await simulator.until(() => calls().every(({ answered }) => answered === 'aborted'));
  });

  it('is counted: its tokens, its attempts, its outcome, and no text', async () => {
    const stateDirectory = await mkdtemp(join(tmpdir(), 'qwen-proxy-test-'));
    try {
      await start({ stateDirectory, accounts: { one: 'sk-one', two: 'sk-two' } });
      fail('sk-one', 38);
      const answer = await server.client.embeddings.create({ model: 'text-embedding-3-small', input: texts(12) });
      const day = new Date().toISOString().slice(0, 10);
      const line = JSON.parse(await readFile(join(stateDirectory, 'usage', `${day}.jsonl`), 'utf8'));
      assert.deepEqual(
        [
          line.dialect,
          line.lane,
          line.modelAsked,
          line.model,
          line.account,
          line.outcome,
          line.inputTokens,
          line.outputTokens,
        ],
        [
          'openai-embeddings',
          'native',
          'text-embedding-3-small',
          model,
          'two',
          'answered',
          answer.usage.prompt_tokens,
          0,
        ],
      );
      assert.deepEqual(line.attempts, [
        { account: 'one', error: 'rate_limited' },
        { account: 'two', committed: true },
      ]);
      assert.ok(!JSON.stringify(line).includes('text number'));
    } finally {
      await server.dispose();
      await rm(stateDirectory, { recursive: true, force: true });
    }
  });

  it('is listed where an account serves it', async () => {
    await start({ accounts: {} });
    await server.proxy.addAccount({ id: 'coding', plan: 'coding-intl', key: 'sk-sp-coding', probe: false });
    const listed = async () =>
      (await server.client.models.list()).data.filter(({ id }) => id.startsWith('text-embedding'));
    assert.deepEqual(await listed(), []);
    await server.proxy.addAccount({ id: 'standard', plan: 'standard-intl', key: 'sk-two', probe: false });
    assert.deepEqual(
      (await listed()).map(({ id }) => id),
      ['text-embedding-v4', 'text-embedding-v3'],
    );
    assert.equal((await server.client.models.retrieve(model)).id, model);
    const codex = await server.raw('/v1/models?client_version=0.169.0', { method: 'GET' });
    const anthropic = await server.raw('/v1/models?limit=1000', {
      method: 'GET',
      headers: { 'anthropic-version': '2023-06-01' },
    });
    for (const { status, text } of [codex, anthropic])
      assert.deepEqual([status, text.includes('qwen3-coder-plus'), text.includes('embedding')], [200, true, false]);
  });
});
