import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import OpenAI from 'openai';
import { buildOptions } from '../../esbuild.mjs';
import { systemClock } from '../../src/core/clock.ts';
import type { ProxySnapshot } from '../../src/core/control.ts';
import { parseSettings } from '../../src/core/settings.ts';
import { createHostedProxy } from '../../src/gateway/main.ts';
import { connectThread } from '../../src/vscode/server-connection.ts';
import { createServerHost, type ServerHost } from '../../src/vscode/server-host.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { createMemorySecrets } from '../support/server-proxy.ts';

/** Makes the server thread die from the inside, wherever it is. */
const killChannel = 'qwen-proxy-test-kill';
const deaths = {
  exit: 'process.exit(3);',
  crash: "throw new Error('a crash');",
  // Spins until it is ended.
  block: 'for (;;);',
  // Takes memory until there is none left.
  hoard: 'const hoard = []; for (;;) hoard.push(new Array(10_000).fill(Math.random()));',
} as const;

describe('server host with the real server thread', () => {
  let folder: string;
  let simulator: Simulator;
  let host: ServerHost;
  let lines: string[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'server-host-'));
    const [server] = buildOptions({ production: false, outdir: folder });
    assert.ok(server);
    await build(server);
    const cases = Object.entries(deaths).map(([name, code]) => `case '${name}': { ${code} }`);
    const mortal = `require('./server.js'); new BroadcastChannel('${killChannel}').onmessage = ({ data }) => { switch (data) { ${cases.join(' ')} } };`;
    await writeFile(join(folder, 'mortal.cjs'), mortal);
    simulator = await startSimulator({});
    simulator.addKey('sk-good');
  });
  after(async () => {
    await simulator.close();
    await rm(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    await host.dispose();
    simulator.reset();
    simulator.addKey('sk-good');
  });

  const create = (overrides: Partial<Parameters<typeof createServerHost>[0]> = {}) => {
    lines = [];
    const log = (message: string) => void lines.push(message);
    host = createServerHost({
      settings: parseSettings({}, { port: 0 }).settings,
      secrets: createMemorySecrets(),
      logger: { debug: log, info: log, warn: log, error: log },
      clock: systemClock,
      version: '0.0.0-test',
      stateDirectory: join(folder, `state-${Math.random().toString(36).slice(2)}`),
      serverPath: join(folder, 'mortal.cjs'),
      environment: () => process.env,
      createInProcess: (options) => createHostedProxy({ ...options, mode: 'editor' }),
      restartDelaysMs: [10],
      ...overrides,
    });
    return host;
  };
  const becomes = (state: ProxySnapshot['state']) =>
    new Promise<ProxySnapshot>((done) => {
      const subscription = host.onDidChangeSnapshot((snapshot) => {
        if (snapshot.state !== state) return;
        subscription.dispose();
        done(snapshot);
      });
    });
  const kill = (death: keyof typeof deaths = 'exit') => {
    const channel = new BroadcastChannel(killChannel);
    channel.postMessage(death);
    channel.close();
  };
  const clientOf = async (snapshot: ProxySnapshot) =>
    new OpenAI({ baseURL: `${snapshot.url}/v1`, apiKey: await host.localKey(), maxRetries: 0 });
  const addAccount = () => host.addAccount({ plan: 'custom', baseUrl: simulator.baseUrl, key: 'sk-good', probe: true });

  it('probes, serves and counts through the thread', async () => {
    const snapshot = await create().start();
    assert.equal(snapshot.state, 'serving');
    const { verdict } = await addAccount();
    assert.equal(verdict?.ok, true);
    const completion = await (await clientOf(snapshot)).chat.completions.create({
      model: 'qwen3-coder-plus',
      messages: [{ role: 'user', content: 'hello' }],
    });
    assert.match(completion.choices[0]?.message.content ?? '', /hello/);
    assert.equal((await host.snapshot()).requestsToday, 1);
    assert.ok(lines.some((line) => line.includes('worker')));
  });

  it('gives the client an error when the thread dies mid-request, and serves the next request on the same port', async () => {
    const first = await create().start();
    await addAccount();
    simulator.fail({ fault: { kind: 'stall', afterChunks: 3 } });
    const client = await clientOf(first);
    const stream = await client.chat.completions.create({
      model: 'qwen3-coder-plus',
      stream: true,
      messages: [{ role: 'user', content: 'a long story' }],
    });
    const crashed = becomes('error');
    let chunks = 0;
    await assert.rejects(async () => {
      for await (const _chunk of stream) if (++chunks === 2) kill();
    });
    assert.equal((await crashed).problem?.code, 'crashed');
    const again = host.lastSnapshot.state === 'serving' ? host.lastSnapshot : await becomes('serving');
    assert.equal(again.port, first.port);
    const answer = await client.chat.completions.create({
      model: 'qwen3-coder-plus',
      messages: [{ role: 'user', content: 'still there?' }],
    });
    assert.match(answer.choices[0]?.message.content ?? '', /still there/);
  });

  for (const death of ['crash', 'block', 'hoard'] as const)
    it(`survives a thread that dies of a ${death}: clients get an end, the status says so, the port serves again`, async () => {
      const resourceLimits = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 16 };
      const first = await create({
        heartbeatMs: 100,
        connectThread: (options) => connectThread({ ...options, resourceLimits }),
      }).start();
      await addAccount();
      simulator.fail({ fault: { kind: 'stall', afterChunks: 3 } });
      const client = await clientOf(first);
      const stream = await client.chat.completions.create({
        model: 'qwen3-coder-plus',
        stream: true,
        messages: [{ role: 'user', content: 'a long story' }],
      });
      const crashed = becomes('error');
      let chunks = 0;
      await assert.rejects(async () => {
        for await (const _chunk of stream) if (++chunks === 2) kill(death);
      });
      const { problem } = await crashed;
      assert.equal(problem?.code, 'crashed');
      assert.match(problem.message, /It starts again in/);
      const again = host.lastSnapshot.state === 'serving' ? host.lastSnapshot : await becomes('serving');
      assert.equal(again.port, first.port);
      const answer = await client.chat.completions.create({
        model: 'qwen3-coder-plus',
        messages: [{ role: 'user', content: 'still there?' }],
      });
      assert.match(answer.choices[0]?.message.content ?? '', /still there/);
    });

  it('is never seen stopped while it restarts', async () => {
    await create().start();
    await addAccount();
    const states: string[] = [];
    host.onDidChangeSnapshot(({ state }) => states.push(state));
    await host.restart();
    assert.deepEqual([...new Set(states)], ['starting', 'serving']);
  });

  it('does not serve again when a stop overtakes a restart', async () => {
    const { port } = await create().start();
    const [, stopped] = await Promise.all([host.restart(), host.stop()]);
    assert.equal(stopped.state, 'stopped');
    assert.equal((await host.snapshot()).state, 'stopped');
    // Whoever is told that it has stopped can have the port.
    const other = createServer().listen(port, '127.0.0.1');
    await once(other, 'listening');
    other.close();
  });

  it('runs in-process where no thread can be made, and says so', async () => {
    create({ connectThread: () => Promise.reject(new Error('no threads here')) });
    const snapshot = await host.start();
    assert.equal(snapshot.state, 'serving');
    assert.equal((await fetch(`${snapshot.url}/health`)).status, 200);
    assert.ok(lines.some((line) => /in the extension host/.test(line)));
  });

  it('ends with a stream open, and the stream with it', async () => {
    const snapshot = await create().start();
    await addAccount();
    simulator.fail({ fault: { kind: 'stall', afterChunks: 3 } });
    const stream = await (await clientOf(snapshot)).chat.completions.create({
      model: 'qwen3-coder-plus',
      stream: true,
      messages: [{ role: 'user', content: 'a long story' }],
    });
    const ended = assert.rejects(async () => {
      for await (const chunk of stream) void chunk;
    });
    await host.dispose();
    await ended;
    await simulator.until(() => simulator.openStreams === 0);
    await assert.rejects(fetch(`${snapshot.url}/health`));
  });
});
