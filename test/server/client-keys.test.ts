import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientKeyLimits, NamedClientKey } from '../../src/core/client-key.ts';
import type { KeyRates, KeyVerdict } from '../../src/core/key-rates.ts';
import type { RawRequest } from '../simulator/raw-client.ts';
import { createMemoryHub } from '../support/memory-team.ts';
import { chatRequest, clientKey, startProxy, type TestProxy, type TestProxyOptions } from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

const teamKey = 'qp-team-canary';

describe('server: named client keys', () => {
  const simulator = useSimulator({ keys: ['sk-one'] });
  let server: TestProxy;
  let keys: NamedClientKey[] = [];
  const start = async (limits: ClientKeyLimits = {}, settings = {}, more: TestProxyOptions = {}) => {
    const digest = createHash('sha256').update(teamKey).digest('hex');
    keys = [{ name: 'team', digest, createdAtMs: 0, limits }];
    const one = { accounts: { one: 'sk-one' }, baseUrl: simulator.baseUrl };
    server = await startProxy({ ...one, settings, namedKeys: () => keys, ...more });
  };
  afterEach(() => server.dispose());

  const headers = { authorization: `Bearer ${teamKey}` };
  const ask = (fields: Readonly<Record<string, unknown>> = {}, request: RawRequest = {}) =>
    server.chat(fields, { headers, ...request });
  const ledger = async () => {
    const folder = join(server.stateDirectory, 'usage');
    const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
    return texts.join('');
  };

  it('serves, and is in the ledger by its name', async () => {
    await start();
    assert.equal((await ask()).status, 200);
    assert.equal((await server.chat()).status, 200, 'the unnamed key works as before');
    const lines = (await ledger()).trim().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).key),
      ['team', undefined],
    );
    assert.ok(!(await ledger()).includes(teamKey));
    const metrics = await server.raw('/metrics', { method: 'GET' });
    assert.match(metrics.text, /^qwen_proxy_key_requests_total\{key="team",outcome="answered"\} 1$/m);
  });
  it('a program that sends more than the setting allows is told to wait, in the words of its format', async () => {
    await start({}, { REQUESTS_PER_MINUTE: '1' });
    const messages = [{ role: 'user', content: 'hello' }];
    const body = JSON.stringify({ model: 'qwen3-coder-plus', max_tokens: 16, messages });
    for (const [path, type] of [
      ['/v1/chat/completions', undefined],
      ['/v1/messages', 'error'],
    ] as const) {
      const send = () =>
        server.raw(path, {
          body,
          headers: { authorization: `Bearer ${clientKey}`, 'user-agent': `tool${path.length}/1.0` },
        });
      assert.equal((await send()).status, 200);
      const { status, headers: told, text } = await send();
      assert.deepEqual([status, Number(told['retry-after']) > 50], [429, true]);
      assert.equal(JSON.parse(text).type, type);
      assert.match(text, /limited to 1 requests a minute/);
    }
    assert.equal((await ask()).status, 200, 'a named key has limits of its own');
  });
  it('is refused as soon as it is revoked', async () => {
    await start();
    assert.equal((await ask()).status, 200);
    keys = [];
    assert.equal((await ask()).status, 401);
  });
  it('does not administer', async () => {
    await start();
    for (const [path, method] of [
      ['/metrics', 'GET'],
      ['/auth/initiate', 'POST'],
    ] as const)
      assert.equal((await server.raw(path, { method, headers })).status, 401, path);
    assert.equal((await server.raw('/v1/models', { method: 'GET', headers })).status, 200);
  });
  it('its limit answers 429 with Retry-After in the client’s own format', async () => {
    await start({ requestsPerMinute: 1 });
    assert.equal((await ask()).status, 200);
    const openAi = await ask();
    assert.equal(openAi.status, 429);
    assert.match(String(openAi.error.message), /"team" is limited to 1 requests a minute/);
    assert.ok(Number(openAi.headers['retry-after']) >= 1);
    const body = JSON.stringify({ ...chatRequest(), max_tokens: 5 });
    const anthropic = await server.raw('/anthropic/v1/messages', { headers, body });
    assert.deepEqual([anthropic.status, anthropic.json.type], [429, 'error']);
    assert.ok(Number(anthropic.headers['retry-after']) >= 1);
    assert.equal((await server.chat()).status, 200, 'others go on');
  });
  it('counts what is under way', async () => {
    await start({ concurrentRequests: 1 });
    simulator.script({ answer: { text: ['a', 'b'], chunkDelayMs: 200 } });
    const open = ask({ stream: true });
    await simulator.until(() => simulator.openStreams === 1);
    assert.equal((await ask()).status, 429);
    await open;
    assert.equal((await ask()).status, 200);
  });
  it('counts tokens by the ledger', async () => {
    await start({ tokensPerDay: 1 });
    assert.equal((await ask()).status, 200);
    assert.equal((await ask()).status, 429);
  });
  it('may ask for its models alone', async () => {
    await start({ models: ['qwen3-coder-*'] });
    assert.equal((await ask()).status, 200);
    const refused = await ask({ model: 'qwen-max' });
    assert.deepEqual([refused.status, refused.error.param], [403, 'model']);
    assert.equal(simulator.chatRequests.length, 1);
  });
  it('is shown the models that it may use, and refused the others as its requests are', async () => {
    await start({ models: ['qwen3-coder-*', 'text-embedding-v4'] });
    const anthropic = { ...headers, 'anthropic-version': '2023-06-01' };
    const idsOf = (items: unknown) =>
      Array.isArray(items) ? items.map((item: { id?: string; slug?: string }) => item.id ?? item.slug ?? '') : [];
    const list = async (path: string, more: RawRequest['headers'] = headers) => {
      const { status, json } = await server.raw(path, { method: 'GET', headers: more });
      assert.equal(status, 200, path);
      return idsOf(json.data ?? json.models);
    };
    const allowed = (ids: readonly string[]) =>
      ids.every((id) => /^(anthropic\/)?qwen3-coder-|^text-embedding-v4$/.test(id));
    for (const [path, more] of [
      ['/v1/models', headers],
      ['/v1/models?client_version=1', headers],
      ['/v1/models?limit=1000', anthropic],
      ['/anthropic/v1/models?limit=1000', headers],
    ] as const) {
      const mine = await list(path, more);
      assert.ok(mine.length > 0 && allowed(mine), `${path}: ${mine.join()}`);
      const everybodys = await list(path, { ...more, authorization: `Bearer ${clientKey}` });
      assert.ok(everybodys.length > mine.length && !allowed(everybodys), path);
    }
    for (const path of ['/v1/models/', '/anthropic/v1/models/', '/anthropic/v1/models/anthropic/']) {
      assert.equal((await server.raw(`${path}qwen3-coder-plus`, { method: 'GET', headers })).status, 200, path);
      for (const model of ['qwen-max', 'claude-opus-4', 'no-such-model']) {
        const refused = await server.raw(path + model, { method: 'GET', headers });
        assert.equal(refused.status, 403, path + model);
        assert.match(refused.text, /may not use the model/);
      }
      const missing = await server.raw(`${path}qwen3-coder-none`, { method: 'GET', headers });
      assert.equal(missing.status, 404, path);
    }
    assert.equal((await ask({ model: 'qwen-max' })).status, 403);
  });
  it('frees the place of a client that leaves while the limits are asked', async () => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<KeyVerdict>();
    const ended = Promise.withResolvers<void>();
    const keyRates: KeyRates = {
      begin() {
        asked.resolve();
        return answer.promise;
      },
      end: () => ended.resolve(),
    };
    await start({ concurrentRequests: 1 }, {}, { team: { ...createMemoryHub().join('one'), keyRates } });
    const leaving = new AbortController();
    const gone = assert.rejects(
      fetch(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(chatRequest()),
        signal: leaving.signal,
      }),
    );
    await asked.promise;
    leaving.abort();
    await gone;
    // Its connection is closed by the time that another one is answered.
    while ((await server.raw('/health', { method: 'GET' })).status !== 200);
    answer.resolve({});
    await ended.promise;
  });
  it('has its name where no key is asked for', async () => {
    await start({ requestsPerMinute: 1 }, { API_KEY: 'off' });
    assert.equal((await ask()).status, 200);
    assert.equal((await ask()).status, 429);
    assert.equal((await ask({}, { headers: { authorization: '' } })).status, 200);
  });
});
