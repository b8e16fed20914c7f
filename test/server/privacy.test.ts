import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RawAnswer } from '../simulator/raw-client.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { clientKey, startProxy, type TestProxy } from '../support/server-proxy.ts';

const upstreamKey = 'sk-upstream-canary';

describe('server: what crosses and what does not', () => {
  let simulator: Simulator;
  let server: TestProxy;
  const answers: RawAnswer[] = [];

  before(async () => {
    simulator = await startSimulator();
    simulator.addKey(upstreamKey);
    server = await startProxy({
      accounts: { one: upstreamKey },
      baseUrl: simulator.baseUrl,
      settings: {
        QWEN_DEVICE_CODE_ENDPOINT: `${simulator.origin}/api/v1/oauth2/device/code`,
        QWEN_TOKEN_ENDPOINT: `${simulator.origin}/api/v1/oauth2/token`,
      },
    });
    const get = { method: 'GET' };
    answers.push(
      await server.chat(),
      await server.chat({ stream: true }),
      await server.chat({ messages: 'wrong' }),
      await server.raw('/v1/models', get),
      await server.raw('/v1/models/qwen-plus', get),
      await server.raw('/health', get),
      await server.raw('/nowhere', get),
      await server.raw('/auth/initiate', { body: '{}' }),
      await server.chat({}, { headers: { authorization: 'Bearer wrong-key-canary' } }),
    );
    for (const id of [31, 65, 3]) {
      simulator.fail({ fault: { kind: 'error', id } });
      answers.push(await server.chat());
    }
    // An upstream that quotes the key it was given.
    await server.proxy.clearAccount('one');
    simulator.fail({
      fault: { kind: 'http', status: 400, body: { error: { message: `Incorrect API key: ${upstreamKey}` } } },
    });
    answers.push(await server.chat());
  });
  after(async () => {
    await server.dispose();
    await simulator.close();
  });

  it('the client key never goes upstream', () => {
    assert.ok(simulator.requests.length >= 6);
    assert.ok(!JSON.stringify(simulator.requests).includes(clientKey));
  });
  it('no key ever comes back', () => {
    for (const { text, headers } of answers) {
      const all = text + JSON.stringify(headers);
      assert.ok(!all.includes(clientKey), all);
      assert.ok(!all.includes(upstreamKey), all);
      assert.ok(!all.includes('wrong-key-canary'), all);
    }
  });
  it('snapshots and logs hold none', async () => {
    const seen = JSON.stringify([await server.proxy.snapshot(), server.snapshots, server.logs]);
    assert.ok(seen.includes('"one"'));
    assert.ok(!seen.includes(upstreamKey));
    assert.ok(!seen.includes(clientKey));
  });
  it('files of the state folder are the user’s alone, and hold none', async () => {
    const all = await readdir(server.stateDirectory, { recursive: true, withFileTypes: true });
    // A write in progress may vanish while it is looked at.
    const entries = all.filter((entry) => !entry.name.endsWith('.tmp'));
    assert.ok(entries.length > 0);
    for (const entry of entries) {
      const path = join(entry.parentPath, entry.name);
      const { mode } = await stat(path);
      assert.equal(mode & 0o777, entry.isDirectory() ? 0o700 : 0o600, path);
      if (entry.isFile()) assert.ok(!/canary/.test(await readFile(path, 'utf8')), path);
    }
  });

  it('the client’s own name goes along, ours where it has none', async () => {
    await server.proxy.clearAccount('one');
    const first = simulator.chatRequests.length;
    await server.chat({}, { headers: { 'user-agent': 'QwenCode/1.0 (linux; x64)' } });
    await server.chat();
    assert.deepEqual(
      simulator.chatRequests.slice(first).map((request) => request.headers['user-agent']),
      ['QwenCode/1.0 (linux; x64)', 'QwenProxy/1.2.3'],
    );
  });
  it('of the client’s headers nothing else goes along', async () => {
    await server.chat(
      { stream: true },
      {
        headers: {
          cookie: 'session=canary',
          'x-api-key': clientKey,
          'x-custom': 'canary',
          'x-forwarded-for': '203.0.113.9',
          'x-portkey-custom-host': 'http://evil.example',
          'openai-organization': 'canary',
          referer: 'http://canary.example',
          'x-dashscope-workspace': 'canary',
        },
      },
    );
    const { headers } = simulator.chatRequests.at(-1) ?? assert.fail();
    assert.deepEqual(Object.keys(headers).toSorted(), [
      'accept',
      'accept-encoding',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
      'user-agent',
      'x-dashscope-cachecontrol',
    ]);
    assert.equal(headers.authorization, `Bearer ${upstreamKey}`);
    assert.ok(!JSON.stringify(headers).includes('canary.'));
  });
  it('of the upstream’s headers none comes back', async () => {
    const { headers } = await server.chat();
    assert.deepEqual(Object.keys(headers).toSorted(), [
      'connection',
      'content-length',
      'content-type',
      'date',
      'request-id',
      'x-request-id',
    ]);
  });
});
