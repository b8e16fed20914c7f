import assert from 'node:assert/strict';
import type { RequestRecord } from '../../src/core/activity.ts';
import { createEmitter } from '../../src/core/emitter.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { startProxy, type TestProxy } from '../support/server-proxy.ts';

const canary = 'canary-prompt-text';

describe('server: what the dashboard is told', () => {
  let simulator: Simulator;
  let server: TestProxy;
  const told = createEmitter<readonly RequestRecord[]>();

  beforeEach(async () => {
    simulator = await startSimulator();
    for (const key of ['sk-first-canary', 'sk-second-canary']) simulator.addKey(key);
    server = await startProxy({
      accounts: { first: 'sk-first-canary', second: 'sk-second-canary' },
      baseUrl: simulator.baseUrl,
      onRequests: told.fire,
    });
  });
  afterEach(async () => {
    await server.dispose();
    await simulator.close();
  });

  /** The next announcement, from now on, of a request that is over. */
  const nextEnd = () =>
    new Promise<RequestRecord>((resolve) => {
      const subscription = told.event((records) => {
        const over = records.find(({ state }) => state !== 'open');
        if (over === undefined) return;
        subscription.dispose();
        resolve(over);
      });
    });
  const ask = (fields: object = {}) =>
    server.chat({ messages: [{ role: 'user', content: canary }], stream: true, ...fields });

  it('shows a request with its way, its attempts and what it took', async () => {
    await server.proxy.watchRequests(true);
    simulator.fail({ key: 'sk-first-canary', fault: { kind: 'error', id: 31 } });
    const [answer, record] = await Promise.all([ask(), nextEnd()]);
    assert.equal(answer.status, 200);
    const { id, startedMs, ttftMs, durationMs, inputTokens, outputTokens, client: _, ...rest } = record;
    assert.match(id, /^req_/);
    assert.ok(startedMs > 0 && (ttftMs ?? -1) >= 0 && (durationMs ?? -1) >= (ttftMs ?? 0));
    assert.ok((inputTokens ?? 0) > 0 && (outputTokens ?? 0) > 0);
    assert.deepEqual(rest, {
      state: 'answered',
      dialect: 'openai-chat',
      lane: 'native',
      stream: true,
      modelAsked: 'qwen3-coder-plus',
      model: 'qwen3-coder-plus',
      account: 'second',
      attempts: [
        { account: 'first', committed: false, error: 'quota_exhausted' },
        { account: 'second', committed: true },
      ],
      status: 200,
      cachedTokens: 0,
    });
    const { accounts } = await server.proxy.snapshot();
    assert.equal(accounts[0]?.lastError?.code, 'quota_exhausted');
    assert.equal(accounts[1]?.lastError, undefined);
  });

  it('tells nothing to a host that does not look, and remembers it for one that does', async () => {
    const seen: unknown[] = [];
    const subscription = told.event((records) => void seen.push(records));
    await ask();
    await ask();
    subscription.dispose();
    assert.deepEqual(seen, []);
    const records = await server.proxy.watchRequests(true);
    assert.deepEqual(
      records.map(({ state }) => state),
      ['answered', 'answered'],
    );
    assert.ok(!JSON.stringify(records).includes('canary-'));
  });

  it('counts usage by account and model from the ledger', async () => {
    await ask();
    await ask({ model: 'qwen3-max' });
    const buckets = await server.proxy.usageSummary({
      sinceMs: 0,
      untilMs: Number.MAX_SAFE_INTEGER,
      bucket: 'day',
      utcOffsetMinutes: 0,
    });
    assert.deepEqual(
      buckets.map(({ account, model, requests, failed }) => [account, model, requests, failed]),
      [
        ['first', 'qwen3-coder-plus', 1, 0],
        ['first', 'qwen3-max', 1, 0],
      ],
    );
  });

  it('keeps bodies only while it is told to, redacted, and forgets them then', async () => {
    await ask();
    const [before] = await server.proxy.watchRequests(true);
    assert.equal(await server.proxy.inspectRequest(before?.id ?? ''), null);

    await server.proxy.setInspecting(true);
    assert.equal((await server.proxy.snapshot()).isInspecting, true);
    simulator.fail({ key: 'sk-first-canary', fault: { kind: 'error', id: 31 } });
    const answers = [await ask(), await ask({ stream: false })];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    );
    const [, streamed, folded] = await server.proxy.watchRequests(true);
    const inspected = await server.proxy.inspectRequest(streamed?.id ?? '');
    assert.ok(inspected);
    assert.equal(inspected.path, '/v1/chat/completions');
    assert.deepEqual(inspected.body.messages, [{ role: 'user', content: `<${canary.length} characters>` }]);
    assert.deepEqual(
      inspected.calls.map(({ account, status, url }) => [account, status, url]),
      [
        ['first', 429, `${simulator.baseUrl}/chat/completions`],
        ['second', 200, `${simulator.baseUrl}/chat/completions`],
      ],
    );
    const [refused, served] = inspected.calls;
    assert.equal(refused?.events.length, 1);
    assert.equal(typeof served?.body === 'object' && served.body.model, 'qwen3-coder-plus');
    assert.ok((served?.events.length ?? 0) > 2);
    assert.equal(inspected.status, 200);
    assert.equal(inspected.events.at(-1), '[DONE]');
    const document = await server.proxy.inspectRequest(folded?.id ?? '');
    assert.equal(document?.events.length, 1);
    assert.ok(!JSON.stringify([inspected, document]).includes('canary'));

    await server.proxy.setInspecting(false);
    assert.equal(await server.proxy.inspectRequest(streamed?.id ?? ''), null);
    assert.equal((await server.proxy.snapshot()).isInspecting, undefined);
    await ask();
    assert.equal(await server.proxy.inspectRequest((await server.proxy.watchRequests(false)).at(-1)?.id ?? ''), null);
  });

  it('sees what the demo is asked too', async () => {
    await server.proxy.addAccount({ id: 'demo', plan: 'demo', probe: false });
    for (const id of ['first', 'second']) await server.proxy.setAccountEnabled(id, false);
    await server.proxy.setInspecting(true);
    await ask();
    const id = (await server.proxy.watchRequests(false)).at(-1)?.id ?? '';
    assert.deepEqual(
      (await server.proxy.inspectRequest(id))?.calls.map(({ account, status }) => [account, status]),
      [['demo', 200]],
    );
  });

  const bodies: readonly [string, object][] = [
    ['/v1/chat/completions', { messages: [{ role: 'user', content: canary }] }],
    ['/v1/responses', { input: canary, instructions: canary }],
    ['/v1/messages', { messages: [{ role: 'user', content: canary }], system: canary, max_tokens: 100 }],
    ['/v1/completions', { prompt: canary, max_tokens: 10 }],
    ['/v1/embeddings', { model: 'text-embedding-v4', input: [canary] }],
  ];
  for (const [path, fields] of bodies)
    it(`sees both sides of ${path}, and keeps no text of it`, async () => {
      await server.proxy.setInspecting(true);
      const answer = await server.raw(path, { body: JSON.stringify({ model: 'qwen3-coder-plus', ...fields }) });
      assert.equal(answer.status, 200, answer.text);
      const [record] = await server.proxy.watchRequests();
      const inspected = await server.proxy.inspectRequest(record?.id ?? '');
      assert.deepEqual([inspected?.calls.at(-1)?.status, inspected?.events.length], [200, 1]);
      assert.ok((inspected?.calls.at(-1)?.events.length ?? 0) > 0);
      assert.ok(!JSON.stringify([record, inspected]).includes('canary-'));
    });

  it('names the models of an account', async () => {
    assert.ok((await server.proxy.accountModels('first')).includes('qwen3-coder-plus'));
    assert.deepEqual(await server.proxy.accountModels('nobody'), []);
  });
});
