import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatAccount } from '../../src/accounts/account.ts';
import { keyAccount } from '../support/accounts.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemorySecrets, startProxy, type TestProxy, type TestProxyOptions } from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

describe('server: a storage that cannot be used', () => {
  const simulator = useSimulator({ keys: ['sk-one', 'sk-two'] });
  let directory: string;
  let server: TestProxy | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'qwen-proxy-storage-'));
  });
  afterEach(async () => {
    await server?.dispose();
    server = undefined;
    await rm(directory, { recursive: true, force: true });
  });
  const start = async (options: TestProxyOptions = {}) => {
    server = await startProxy({
      accounts: { one: 'sk-one' },
      baseUrl: simulator.baseUrl,
      stateDirectory: directory,
      ...options,
    });
    return server;
  };
  const warnings = ({ logs }: TestProxy) =>
    logs.filter(({ level }) => level === 'warn' || level === 'error').map(({ message }) => message);
  const today = () => new Date().toISOString().slice(0, 10);

  for (const mode of ['headless', 'editor'] as const)
    describe(mode, () => {
      it('a file where the folder should be: it serves, counts for this run, and says what is wrong', async () => {
        await rm(directory, { recursive: true });
        await writeFile(directory, 'in the way');
        const running = await start({ mode });
        assert.equal((await running.chat()).status, 200);
        assert.equal((await running.chat({ stream: true })).status, 200);
        assert.equal((await running.proxy.snapshot()).requestsToday, 2);
        assert.notDeepEqual(warnings(running), []);
        assert.equal(await readFile(directory, 'utf8'), 'in the way');
      });
      it('a full disk: requests go on, and it is said once', async () => {
        await mkdir(join(directory, 'usage'), { recursive: true });
        await symlink('/dev/full', join(directory, 'usage', `${today()}.jsonl`));
        const running = await start({ mode });
        for (let count = 0; count < 3; count++) assert.equal((await running.chat()).status, 200);
        assert.equal((await running.proxy.snapshot()).requestsToday, 3);
        assert.equal(warnings(running).filter((message) => message.includes('ledger cannot be written')).length, 1);
      });
      it('torn files of every kind: what can be read is kept, nothing is overwritten that may be mended', async () => {
        await mkdir(join(directory, 'usage'), { recursive: true });
        const entry = (id: string) =>
          `${JSON.stringify({ at: Date.now(), id, dialect: 'openai-chat', stream: false, outcome: 'answered', status: 200, account: 'one', attempts: 1, durationMs: 1 })}\n`;
        const torn = `${entry('a')}{"at":17\n\0\0\0\0\n${entry('b')}{"at"`;
        await writeFile(join(directory, 'usage', `${today()}.jsonl`), torn);
        for (const name of ['health', 'terms-shown']) await writeFile(join(directory, `${name}.json`), '{"torn');
        const secrets = createMemorySecrets();
        secrets.entries.set('account:broken', '{"version":1,"id":"bro');
        const account = keyAccount('good', { plan: 'custom', baseUrl: simulator.baseUrl, secret: { key: 'sk-two' } });
        secrets.entries.set('account:good', formatAccount(account));
        const running = await start({ mode, secrets, accounts: {} });
        assert.equal((await running.chat()).status, 200);
        assert.equal(simulator.chatRequests[0]?.key, 'sk-two');
        const { accounts } = await running.proxy.snapshot();
        assert.deepEqual(
          accounts.map(({ id }) => id),
          ['good'],
        );
        assert.equal(secrets.entries.get('account:broken'), '{"version":1,"id":"bro', 'it is still there');
        await running.dispose();
        server = undefined;
        const [file] = await readdir(join(directory, 'usage'));
        assert.ok((await readFile(join(directory, 'usage', file ?? ''), 'utf8')).startsWith(torn));
      });
      it('a secret store that fails: it says so, and serves what it knows', async () => {
        const secrets = createMemorySecrets();
        const running = await start({ mode, secrets });
        Object.assign(secrets, {
          keys: () => Promise.reject(new Error('locked')),
          get: () => Promise.reject(new Error('locked')),
        });
        secrets.announce();
        await running.proxy.secretsChanged().catch(() => {});
        assert.equal((await running.chat()).status, 200);
      });
    });

  describe('a clock that jumps', () => {
    it('forward, as after sleep: what should have ended has ended, and it serves', async () => {
      const clock = createFakeClock();
      const running = await start({ clock, random: () => 0 });
      simulator.fail({ fault: { kind: 'error', id: 16 }, times: 9 });
      assert.notEqual((await running.chat()).status, 200);
      simulator.reset();
      simulator.addKey('sk-one');
      clock.set(clock.now() + 8 * 3_600_000);
      assert.equal((await running.chat()).status, 200);
    });
    it('back: no cooldown outlives its cap, and counts stay', async () => {
      const clock = createFakeClock();
      const running = await start({ clock, random: () => 0, accounts: { one: 'sk-one', two: 'sk-two' } });
      assert.equal((await running.chat()).status, 200);
      simulator.fail({ key: 'sk-one', fault: { kind: 'error', id: 16 } });
      assert.equal((await running.chat()).status, 200);
      clock.set(clock.now() - 30 * 24 * 3_600_000);
      assert.equal((await running.chat()).status, 200);
      const [one] = (await running.proxy.snapshot()).accounts;
      const untilMs = one?.untilMs ?? clock.now();
      assert.ok(untilMs <= clock.now() + 25 * 3_600_000, new Date(untilMs).toISOString());
      clock.set(clock.now() + 24 * 3_600_000);
      assert.equal((await running.chat({ messages: [{ role: 'user', content: 'other' }] })).status, 200);
    });
  });
});
