import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import type { RequestRecord } from '../../src/core/activity.ts';
import type { ProxySnapshot } from '../../src/core/control.ts';
import { createEmitter } from '../../src/core/emitter.ts';
import { parseSettings } from '../../src/core/settings.ts';
import type { HostedProxy } from '../../src/core/worker-protocol.ts';
import { createHostedProxy } from '../../src/gateway/main.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { createMemoryLogger } from '../support/accounts.ts';
import { findFreePort } from '../support/free-port.ts';
import { createMemorySecrets, type MemorySecrets } from '../support/server-proxy.ts';

interface Window {
  readonly proxy: HostedProxy;
  readonly secrets: MemorySecrets;
  readonly last: () => ProxySnapshot | undefined;
  /** Resolves with the first snapshot, from now on, that fits. */
  until(fits: (snapshot: ProxySnapshot) => boolean): Promise<ProxySnapshot>;
  /** Resolves when requests that fit were told. */
  untilRequests(fits: (records: readonly RequestRecord[]) => boolean): Promise<void>;
}

describe('windows of one install', () => {
  let folder: string;
  let port: number;
  let simulator: Simulator;
  let windows: Window[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'windows-'));
    simulator = await startSimulator({});
    simulator.addKey('sk-good');
    simulator.addKey('sk-second');
    port = await findFreePort();
    windows = [];
  });
  afterEach(async () => {
    await Promise.all(windows.map((window) => window.proxy.dispose()));
    await simulator.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Each window has a secret store of its own, as in a browser-hosted editor; the state folder is shared. */
  const open = (version = '1.0.0', stateDirectory = join(folder, 'state')): Window => {
    const secrets = createMemorySecrets();
    const changed = createEmitter<ProxySnapshot>();
    const requests = createEmitter<readonly RequestRecord[]>();
    let last: ProxySnapshot | undefined;
    const proxy = createHostedProxy({
      settings: parseSettings({}, { port }).settings,
      stateDirectory,
      version,
      mode: 'editor',
      secrets,
      logger: createMemoryLogger(),
      onSnapshot: (snapshot) => {
        last = snapshot;
        changed.fire(snapshot);
      },
      onRequests: requests.fire,
    });
    const window: Window = {
      proxy,
      untilRequests: (fits) =>
        new Promise((resolve) => {
          const subscription = requests.event((records) => {
            if (!fits(records)) return;
            subscription.dispose();
            resolve();
          });
        }),
      secrets,
      last: () => last,
      until: (fits) =>
        new Promise((resolve) => {
          const subscription = changed.event((snapshot) => {
            if (!fits(snapshot)) return;
            subscription.dispose();
            resolve(snapshot);
          });
        }),
    };
    windows.push(window);
    return window;
  };
  const add = (window: Window, id: string, key: string) =>
    window.proxy.addAccount({ id, plan: 'custom', baseUrl: simulator.baseUrl, key, probe: false });
  const ask = async (window: Window, content = 'hello') =>
    new OpenAI({
      baseURL: `http://127.0.0.1:${port}/v1`,
      apiKey: await window.proxy.localKey(),
      maxRetries: 0,
    }).chat.completions.create({
      model: 'qwen3-coder-plus',
      messages: [{ role: 'user', content }],
    });

  it('the second follows the first and shows its state', async () => {
    const [first, second] = [open(), open()];
    assert.equal((await first.proxy.start()).state, 'serving');
    await add(first, 'work', 'sk-good');
    const followed = await second.proxy.start();
    assert.equal(followed.state, 'following');
    assert.deepEqual(followed.owner, { pid: process.pid, version: '1.0.0' });
    assert.deepEqual(
      followed.accounts.map((account) => account.id),
      ['work'],
    );
    assert.equal(await second.proxy.localKey(), await first.proxy.localKey());
  });

  it('a follower shows the requests of the owner, and what is left of them when it takes over', async () => {
    const [first, second] = [open(), open()];
    await first.proxy.start();
    await add(first, 'work', 'sk-good');
    await ask(first);
    await second.proxy.start();
    const answered = new Set((await second.proxy.watchRequests(true)).map(({ id }) => id));
    // What is told is what changed, and the first one may be told again.
    const told = second.untilRequests((records) => {
      for (const { id, state } of records) if (state === 'answered') answered.add(id);
      return answered.size === 2;
    });
    await second.proxy.setInspecting(true);
    await ask(first);
    await told;
    const records = await second.proxy.watchRequests(true);
    assert.deepEqual(records, await first.proxy.watchRequests(false));
    assert.deepEqual(
      records.map(({ account, state }) => [account, state]),
      [
        ['work', 'answered'],
        ['work', 'answered'],
      ],
    );
    const [, inspected] = records;
    assert.equal((await second.proxy.inspectRequest(inspected?.id ?? ''))?.calls.length, 1);
    assert.deepEqual(await second.proxy.accountModels('work'), await first.proxy.accountModels('work'));
    const query = { sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER, bucket: 'hour', utcOffsetMinutes: 0 } as const;
    assert.equal((await second.proxy.usageSummary(query))[0]?.requests, 2);
    const serving = second.until(({ state }) => state === 'serving');
    await first.proxy.dispose();
    await serving;
    assert.equal((await second.proxy.watchRequests(true)).length, 2);
  });

  it('a new key is everybody’s at once, whoever asked for it', async () => {
    const [first, second] = [open(), open()];
    await first.proxy.start();
    await second.proxy.start();
    const old = await first.proxy.localKey();
    const status = async (key: string) =>
      (await fetch(`http://127.0.0.1:${port}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status;
    assert.equal(await status(old), 200);
    const key = await second.proxy.rotateKey();
    assert.notEqual(key, old);
    assert.deepEqual([await status(old), await status(key)], [401, 200]);
    assert.deepEqual([await first.proxy.localKey(), await second.proxy.localKey()], [key, key]);
  });

  it('a change made in a follower is made by the owner, and seen by both', async () => {
    const [first, second] = [open(), open()];
    await first.proxy.start();
    await second.proxy.start();
    const seen = second.until((snapshot) => snapshot.accounts.some((account) => account.id === 'late'));
    await add(second, 'late', 'sk-good');
    assert.deepEqual(
      (await first.proxy.snapshot()).accounts.map((account) => account.id),
      ['late'],
    );
    assert.equal((await seen).state, 'following');
    assert.ok(first.secrets.entries.has('account:late'));
    assert.equal(second.secrets.entries.has('account:late'), false);
    await assert.rejects(second.proxy.removeAccount('nobody'), /There is no account "nobody"/);
  });

  it('a follower exports years of usage, more than one answer between windows holds', async () => {
    const [first, second] = [open(), open()];
    await first.proxy.start();
    await second.proxy.start();
    const usage = join(folder, 'state', 'usage');
    await mkdir(usage, { recursive: true });
    const client = 'x'.repeat(1_000);
    const facts = { v: 1, at: 0, id: 'r', client, dialect: 'openai-chat', attempts: [], durationMs: 5 };
    const line = JSON.stringify({ ...facts, outcome: 'answered', status: 200 });
    await writeFile(join(usage, '2026-01-01.jsonl'), `${line}\n`.repeat(17_000));
    assert.equal((await second.proxy.exportUsage()).split(client).length - 1, 17_000);
  });

  it('the follower takes over with every account when the owner goes', async () => {
    const [first, second] = [open(), open()];
    await first.proxy.start();
    const key = await first.proxy.localKey();
    await second.proxy.start();
    // Added after the second opened: only the hand-over can tell it.
    await add(first, 'late', 'sk-second');
    await add(first, 'work', 'sk-good');
    await second.until((snapshot) => snapshot.accounts.length === 2);
    assert.match((await ask(first)).choices[0]?.message.content ?? '', /hello/);
    const serving = second.until((snapshot) => snapshot.state === 'serving');
    await first.proxy.dispose();
    const snapshot = await serving;
    assert.deepEqual(snapshot.accounts.map((account) => account.id).sort(), ['late', 'work']);
    assert.equal(snapshot.port, port);
    assert.equal(snapshot.requestsToday, 1);
    assert.equal(await second.proxy.localKey(), key);
    assert.match((await ask(second, 'after')).choices[0]?.message.content ?? '', /after/);
    assert.ok(second.secrets.entries.has('account:late'));
  });

  it('of several followers one takes over and the others follow it', async () => {
    const [first, ...others] = [open(), open(), open(), open()];
    await first.proxy.start();
    for (const other of others) await other.proxy.start();
    const successor = Promise.any(
      others.map(async (other) => {
        await other.until((snapshot) => snapshot.state === 'serving');
        return other;
      }),
    );
    await first.proxy.dispose();
    const owner = await successor;
    // Who hears of what the new owner does follows it, not the one that went.
    const heard = others
      .filter((other) => other !== owner)
      .map((other) => other.until((snapshot) => snapshot.accounts.some(({ id }) => id === 'late')));
    await add(owner, 'late', 'sk-good');
    await Promise.all(heard);
    const states = await Promise.all(others.map(async (other) => (await other.proxy.snapshot()).state));
    assert.deepEqual(states.toSorted(), ['following', 'following', 'serving']);
  });

  it('nobody takes over after a stop, whichever window asked for it', async () => {
    const [first, second, third] = [open(), open(), open()];
    for (const window of [first, second, third]) await window.proxy.start();
    const stopped = third.until((snapshot) => snapshot.state === 'stopped');
    assert.equal((await second.proxy.stop()).state, 'stopped');
    assert.equal((await stopped).state, 'stopped');
    assert.equal((await first.proxy.snapshot()).state, 'stopped');
    await assert.rejects(fetch(`http://127.0.0.1:${port}/health`));
    assert.equal((await third.proxy.start()).state, 'serving');
  });

  it('an older owner makes room for a newer version', async () => {
    const [older, newer] = [open('1.0.0'), open('1.1.0')];
    await older.proxy.start();
    await add(older, 'work', 'sk-good');
    const serving = newer.until((snapshot) => snapshot.state === 'serving');
    const following = older.until((snapshot) => snapshot.state === 'following');
    await newer.proxy.start();
    assert.deepEqual(
      (await serving).accounts.map((account) => account.id),
      ['work'],
    );
    assert.equal((await following).owner?.version, '1.1.0');
  });

  it('all windows move to another port together, whichever hears of it first', async () => {
    const [first, second] = [open(), open()];
    await first.proxy.start();
    await add(first, 'work', 'sk-good');
    await second.proxy.start();
    const oldPort = port;
    port = await findFreePort();
    const moved = parseSettings({}, { port }).settings;
    assert.equal((await second.proxy.updateSettings(moved)).state, 'serving');
    const followed = await first.proxy.updateSettings(moved);
    assert.equal(followed.state, 'following');
    assert.equal(followed.port, port);
    assert.deepEqual(
      followed.accounts.map((account) => account.id),
      ['work'],
    );
    await assert.rejects(fetch(`http://127.0.0.1:${oldPort}/health`));
  });

  it('a stop overtakes a start, and a dispose overtakes everything', async () => {
    const first = open();
    const started = first.proxy.start();
    assert.equal((await first.proxy.stop()).state, 'stopped');
    await started;
    assert.equal((await first.proxy.snapshot()).state, 'stopped');
    const late = first.proxy.start();
    await first.proxy.dispose();
    await late;
    await first.proxy.start();
    await assert.rejects(fetch(`http://127.0.0.1:${port}/health`));
  });

  it('two starts at once make one follower, and a change made meanwhile reaches the owner', async () => {
    const [first, second] = [open(), open()];
    await first.proxy.start();
    const starts = [second.proxy.start(), second.proxy.start()];
    await add(second, 'early', 'sk-good');
    for (const start of starts) assert.equal((await start).state, 'following');
    assert.ok(first.secrets.entries.has('account:early'));
    assert.equal(second.secrets.entries.has('account:early'), false);
  });

  it('an account added while the owner is being replaced is kept', async () => {
    const [first, second] = [open(), open()];
    await first.proxy.start();
    await add(first, 'work', 'sk-good');
    await second.proxy.start();
    const serving = second.until((snapshot) => snapshot.state === 'serving');
    await first.proxy.dispose();
    // Its owner may be gone without its knowing it yet: then the change is refused, never lost.
    const isAdded = await add(second, 'late', 'sk-second').then(
      () => true,
      () => false,
    );
    await serving;
    assert.equal(
      (await second.proxy.snapshot()).accounts.some(({ id }) => id === 'late'),
      isAdded,
    );
  });

  it('a window keeps the credentials of an owner that stopped', async () => {
    const [first, second] = [open(), open()];
    await first.proxy.start();
    await second.proxy.start();
    const seen = second.until((snapshot) => snapshot.accounts.length === 1);
    await add(first, 'late', 'sk-good');
    await seen;
    const stopped = second.until((snapshot) => snapshot.state === 'stopped');
    await first.proxy.stop();
    await stopped;
    assert.deepEqual(
      (await second.proxy.snapshot()).accounts.map(({ id }) => id),
      ['late'],
    );
  });

  it('a credential that the editor did not store goes to the window that takes over', async () => {
    const [first, second] = [open(), open()];
    await first.proxy.start();
    await second.proxy.start();
    const serving = second.until((snapshot) => snapshot.state === 'serving');
    first.secrets.set = async () => {
      throw new Error('the editor hangs');
    };
    await add(first, 'late', 'sk-good');
    assert.deepEqual(
      (await serving).accounts.map(({ id }) => id),
      ['late'],
    );
  });

  it('another install is a stranger, named as what it is', async () => {
    const [first, other] = [open(), open('1.0.0', join(folder, 'another-install'))];
    await first.proxy.start();
    const refused = await other.proxy.start();
    assert.equal(refused.state, 'error');
    assert.match(refused.problem?.message ?? '', /Qwen Proxy in another editor window, pid \d+/);
  });

  it('never sends a credential in clear, and answers nobody who cannot prove itself', async () => {
    const first = open();
    await first.proxy.start();
    await add(first, 'work', 'sk-good');
    const url = `http://127.0.0.1:${port}`;
    const identity = await (await fetch(`${url}/internal/identity?nonce=${'n'.repeat(32)}`)).text();
    assert.doesNotMatch(identity, /sk-good/);
    const session = { nonce: 'n'.repeat(32), pid: 1, port, version: '9.9.9', proof: 'forged' };
    for (const [path, body] of [
      ['/internal/session', session],
      ['/internal/call', { session: 'x', sealed: 'y' }],
      ['/internal/call', {}],
    ] as const) {
      const response = await fetch(url + path, { method: 'POST', body: JSON.stringify(body) });
      assert.equal(response.status, 403, path);
      assert.doesNotMatch(await response.text(), /sk-good/);
    }
    assert.equal((await fetch(`${url}/internal/events?session=none`)).status, 403);
  });
});
