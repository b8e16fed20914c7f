import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatAccount } from '../../src/accounts/account.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { oauthAccount } from '../support/accounts.ts';
import { launchCli } from '../support/launch-cli.ts';
import { writeQwenCodeFile } from '../support/qwen-code-file.ts';
import { type Bundles, buildBundles } from '../support/server-bundle.ts';

describe('cli accounts', () => {
  let bundles: Bundles;
  let simulator: Simulator;
  let home: string;
  before(async () => {
    [bundles, simulator] = await Promise.all([buildBundles(), startSimulator()]);
  });
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'qwen-proxy-home-'));
    simulator.reset();
    simulator.addKey('sk-one');
  });
  afterEach(() => rm(home, { recursive: true, force: true }));
  after(async () => {
    await simulator.close();
    await bundles.remove();
  });

  const run = (args: readonly string[], input = '', env: Readonly<Record<string, string>> = {}) =>
    launchCli(bundles.cli, ['accounts', ...args], { home, input, env: { QWEN_BASE_URL: simulator.origin, ...env } })
      .ended;
  const list = async () => JSON.parse((await run(['list', '--json'])).out);
  const addOne = () =>
    run(['add', '--id', 'one', '--plan', 'custom', '--base-url', simulator.baseUrl, '--no-probe'], 'sk-one\n');

  describe('find', () => {
    it('lists where a key may belong, and sends it nowhere', async () => {
      const { code, out, err } = await run(['find', '--json'], 'sk-sp-abcdef');
      assert.equal(code, 0, err);
      const { candidates, findings } = JSON.parse(out);
      assert.deepEqual(
        candidates.map(({ plan }: { plan: string }) => plan),
        ['coding-intl', 'coding-cn', 'token-intl', 'token-cn'],
      );
      assert.deepEqual(findings, []);
      assert.match(err, /coding-intl\.dashscope\.aliyuncs\.com.*sent nowhere/s);
    });
    it('refuses a foreign key', async () => {
      const { code, err } = await run(['find', '--yes'], 'sk-ant-x');
      assert.deepEqual([code, err], [2, 'This is a key of Anthropic, not of Qwen. It was not sent anywhere.\n']);
    });
    it('asks the endpoint of a base URL', async () => {
      const { code, out, err } = await run(['find', '--yes', '--base-url', simulator.baseUrl], 'sk-one');
      assert.deepEqual([code, out], [0, 'custom\n'], err);
      assert.equal((await run(['find', '--yes', '--base-url', simulator.baseUrl], 'sk-wrong')).code, 1);
      assert.equal((out + err).includes('sk-one'), false);
    });
  });

  describe('add without a plan', () => {
    it('finds it first', async () => {
      const { code, out, err } = await run(['add', '--id', 'one', '--yes', '--base-url', simulator.baseUrl], 'sk-one');
      assert.deepEqual([code, out], [0, 'added one (Custom endpoint)\n'], err);
      assert.equal((await run(['test', 'one'])).code, 0);
    });
    it('stores nothing without consent, nor where no plan took the key', async () => {
      const silent = await run(['add', '--id', 'one'], 'sk-sp-abcdef');
      assert.equal(silent.code, 2);
      assert.match(silent.err, /Name the plan with --plan, or say --yes/);
      const wrong = await run(['add', '--id', 'one', '--yes', '--base-url', simulator.baseUrl], 'sk-wrong');
      assert.equal(wrong.code, 1);
      assert.match(wrong.err, /nothing was stored/);
      assert.deepEqual(await list(), []);
    });
    it('shows the terms of a plan once', async () => {
      const add = (id: string) => run(['add', '--id', id, '--plan', 'coding-cn', '--no-probe'], 'sk-sp-abcdef');
      assert.match((await add('a')).err, /^For interactive coding tools only/);
      assert.equal((await add('b')).err, '');
    });
  });

  describe('test', () => {
    it('offers the billed request, and sends it when told', async () => {
      simulator.addKey('sk-coding', { plan: 'coding' });
      await run(
        ['add', '--id', 'c', '--plan', 'custom', '--base-url', simulator.codingBaseUrl, '--no-probe'],
        'sk-coding',
      );
      const free = await run(['test', 'c']);
      assert.deepEqual([free.code, simulator.chatRequests.length], [1, 0]);
      assert.match(free.err, /one token of an answer, which may be billed\. \(--billed\)\n$/);
      const billed = await run(['test', 'c', '--billed']);
      assert.deepEqual([billed.code, simulator.chatRequests.length], [0, 1], billed.err);
    });
  });

  it('group says which accounts share their limits', async () => {
    await addOne();
    assert.equal((await run(['group', 'one', 'main'])).out, 'grouped one\n');
    assert.equal((await list())[0].group, 'main');
    assert.match((await run(['list'])).out, /GROUP.*main/s);
    assert.equal((await run(['group', 'one'])).out, 'ungrouped one\n');
    assert.equal('group' in (await list())[0], false);
    assert.equal((await run(['group', 'nobody', 'x'])).code, 2);
  });

  it('billing-day says when the month of a plan begins anew', async () => {
    await addOne();
    assert.equal((await run(['billing-day', 'one', '15'])).out, 'billing day of one: 15\n');
    assert.equal((await list())[0].billingDay, 15);
    assert.equal((await run(['billing-day', 'one'])).code, 0);
    assert.equal('billingDay' in (await list())[0], false);
    assert.equal((await run(['billing-day', 'one', '32'])).code, 2);
    assert.equal((await run(['billing-day', 'nobody', '1'])).code, 2);
  });

  describe('export and import', () => {
    const passphrase = { QWEN_PROXY_PASSPHRASE: 'a long passphrase' };

    it('carry all accounts over, in a private file', async () => {
      await addOne();
      const file = join(home, 'accounts.qwen');
      const exported = await run(['export', '--out', file], '', passphrase);
      assert.deepEqual([exported.code, exported.out, exported.err], [0, '', 'exported 1 account\n']);
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.equal((await readFile(file, 'utf8')).includes('sk-one'), false);
      const elsewhere = { QWEN_PROXY_HOME: join(home, 'elsewhere') };
      const imported = await run(['import', file], 'a long passphrase\n', elsewhere);
      assert.deepEqual([imported.code, imported.out], [0, 'added 1, replaced 0, skipped 0\n'], imported.err);
      assert.equal((await run(['test', 'one'], '', elsewhere)).code, 0);
      const again = await run(['import', file, '--on-conflict', 'rename'], '', { ...elsewhere, ...passphrase });
      assert.equal(again.out, 'added 1, replaced 0, skipped 0\n');
    });
    it('write to stdout, and overwrite nothing unasked', async () => {
      await addOne();
      const file = join(home, 'taken');
      await writeFile(file, 'mine', { mode: 0o644 });
      const refused = await run(['export', '--out', file], '', passphrase);
      assert.equal(refused.code, 2);
      assert.match(refused.err, /exists already\..*--force/);
      assert.equal(await readFile(file, 'utf8'), 'mine');
      assert.equal((await run(['export', '--out', file, '--force'], '', passphrase)).code, 0);
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      const { out } = await run(['export'], 'a long passphrase');
      assert.equal(JSON.parse(out).format, 'qwen-proxy-accounts');
    });
    it('exit 2 with a sentence', async () => {
      await addOne();
      const file = join(home, 'file');
      await run(['export', '--out', file], '', passphrase);
      const calls = [
        [await run(['export'], 'short'), /at least 8/],
        [await run(['export'], ''), /passphrase is empty/],
        [await run(['import', file], 'wrong one'), /passphrase is wrong/],
        [await run(['import', join(home, 'nothing')], '', passphrase), /cannot be read/],
        [await run(['import', bundles.cli], '', passphrase), /not a file of exported accounts/],
        [await run(['import', file, '--on-conflict', 'guess'], '', passphrase), /choices/i],
      ] as const;
      for (const [{ code, err }, message] of calls) {
        assert.match(err, message);
        assert.equal(code, 2);
      }
    });
  });

  it('link uses the sign-in of qwen-code where it is', async () => {
    const none = await run(['link']);
    assert.equal(none.code, 2);
    assert.match(none.err, /no sign-in file/);
    const file = join(home, '.qwen', 'oauth_creds.json');
    await writeQwenCodeFile(file, simulator.oauth.issueTokens(), { resource_url: `${simulator.origin}/portal` });
    const linked = await run(['link', '--id', 'mine']);
    assert.deepEqual([linked.code, linked.out], [0, `linked mine to ${file}\n`], linked.err);
    assert.match(linked.err, /^Connected/);
    assert.equal((await list())[0].linkedFile, file);
  });

  it('several programs of one home renew a sign-in once, and all have it', async () => {
    const { accessToken, refreshToken } = simulator.oauth.issueTokens();
    const secret = {
      accessToken,
      refreshToken,
      expiresAtMs: Date.now() - 1,
      resourceUrl: `${simulator.origin}/portal`,
    };
    const state = join(home, 'state');
    await mkdir(state, { mode: 0o700 });
    const secrets = { 'account:mine': formatAccount(oauthAccount('mine', { secret, createdAtMs: Date.now() })) };
    await writeFile(join(state, 'accounts.json'), JSON.stringify({ version: 1, secrets }), { mode: 0o600 });
    const tests = await Promise.all(Array.from({ length: 4 }, () => run(['test', 'mine', '--billed'])));
    for (const { code, err } of tests) assert.equal(code, 0, err);
    assert.equal(simulator.oauth.refreshCount, 1);
    assert.deepEqual(
      (await readdir(state)).filter((name) => name.endsWith('.lock')),
      [],
    );
  });

  it('login with the id of a signed-in account renews it', async () => {
    const tokens = simulator.oauth.issueTokens();
    await writeQwenCodeFile(join(home, '.qwen', 'oauth_creds.json'), tokens);
    await run(['link', '--id', 'mine']);
    await addOne();
    const taken = await run(['login', '--id', 'one']);
    assert.deepEqual([taken.code, /already an account "one"/.test(taken.err)], [2, true], taken.err);
    simulator.oauth.intervalSeconds = 1;
    const child = run(['login', '--id', 'mine']);
    await simulator.until(() => simulator.oauth.devicePolls > 0);
    simulator.oauth.approve();
    const { code, out, err } = await child;
    assert.deepEqual([code, /signed in as mine\n$/.test(out)], [0, true], err);
    assert.deepEqual(
      (await list()).map(({ id }: { id: string }) => id),
      ['mine', 'one'],
    );
  });
});
