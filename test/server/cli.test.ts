import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { settingNames } from '../../src/core/settings.ts';
import { send } from '../simulator/raw-client.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { type CliOptions, type LaunchedCli, launchCli } from '../support/launch-cli.ts';
import { type Bundles, buildBundles } from '../support/server-bundle.ts';
import { chatRequest, textOfEvents } from '../support/server-proxy.ts';

describe('cli', () => {
  let bundles: Bundles;
  let simulator: Simulator;
  let home: string;
  const children: ChildProcess[] = [];

  before(async () => {
    [bundles, simulator] = await Promise.all([buildBundles(), startSimulator()]);
  });
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'qwen-proxy-home-'));
    simulator.reset();
    simulator.addKey('sk-one');
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(home, { recursive: true, force: true });
  });
  after(async () => {
    await simulator.close();
    await bundles.remove();
  });

  const launch = (args: readonly string[], { env, ...options }: Omit<CliOptions, 'home'> = {}): LaunchedCli => {
    const launched = launchCli(bundles.cli, args, {
      home,
      env: { QWEN_BASE_URL: simulator.origin, ...env },
      ...options,
    });
    children.push(launched.child);
    return launched;
  };
  const run = (args: readonly string[], options: Omit<CliOptions, 'home'> = {}) =>
    launch(args, { input: '', ...options }).ended;
  const serve = async (env: Readonly<Record<string, string>> = {}) => {
    const started = launch(['serve'], { env: { PORT: '0', API_KEY: 'k', ...env } });
    while (!started.output.out.includes('\ntry: ')) {
      if (started.child.exitCode !== null) throw new Error(started.output.err);
      await Promise.race([once(started.child.stdout, 'data'), once(started.child, 'exit')]);
    }
    const url = /^listening on (http:\/\/\S+)\n/.exec(started.output.out)?.[1];
    assert.ok(url, started.output.out);
    const chat = (fields: Readonly<Record<string, unknown>> = {}) =>
      send(`${url}/v1/chat/completions`, {
        headers: { authorization: 'Bearer k' },
        body: JSON.stringify(chatRequest(fields)),
      });
    return { ...started, url, chat };
  };
  const addOne = (...more: readonly string[]) =>
    run(['accounts', 'add', '--id', 'one', '--plan', 'custom', '--base-url', simulator.baseUrl, ...more], {
      input: 'sk-one\n',
    });
  const list = async () => JSON.parse((await run(['accounts', 'list', '--json'])).out);

  it('--help and --version', async () => {
    const help = await run(['--help']);
    assert.equal(help.code, 0);
    for (const command of ['serve', 'accounts', 'key']) assert.match(help.out, new RegExp(`^  ${command}`, 'm'));
    assert.match(help.out, /Unofficial/);
    assert.match((await run(['--version'])).out, /^\d+\.\d+\.\d+/);
  });
  it('a wrong call exits 2', async () => {
    for (const args of [['nonsense'], ['accounts'], ['accounts', 'add'], ['accounts', 'move', 'a', 'b'], ['--no']])
      assert.equal((await run(args)).code, 2, args.join(' '));
  });

  it('knows its version', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    assert.equal((await run(['--version'])).out, `${version}\n`);
  });

  it('bad values exit 2 and name every variable', async () => {
    const bad: Readonly<Record<string, string>> = {
      HOST: 'a b',
      PORT: 'eighty',
      ALLOWED_HOSTS: '*',
      CORS_ORIGINS: 'x',
      STREAM: 'maybe',
      API_KEY: 'a b',
      ADMIN_KEY: 'a b',
      DEFAULT_MODEL: ' ',
      MODEL_ALIASES: 'x',
      LANE: 'fast',
      ACCOUNT_STRATEGY: 'random',
      DEBUG_LOG: 'x',
      LEAK_REPAIR: 'x',
      VISION_FALLBACK: 'x',
      CACHE_MARKERS: 'x',
      LOG_FILE_LIMIT: '0',
      USAGE_RETENTION_DAYS: '31',
      UPLOAD_LIMIT_MIB: '63',
      REQUESTS_PER_MINUTE: '-1',
      QWEN_BASE_URL: 'x',
      QWEN_CLIENT_ID: ' ',
      QWEN_CLIENT_SECRET: ' ',
      QWEN_DEVICE_CODE_ENDPOINT: 'x',
      QWEN_TOKEN_ENDPOINT: 'x',
      QWEN_SCOPE: ' ',
      TOKEN_REFRESH_BUFFER: 'x',
    };
    const { code, err, out } = await run(['serve'], { env: bad });
    assert.deepEqual([code, out], [2, '']);
    assert.deepEqual(
      err
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0])
        .toSorted(),
      settingNames.toSorted(),
    );
  });
  it('a host that others can reach needs a key', async () => {
    const { code, err } = await run(['serve'], { env: { HOST: '0.0.0.0' } });
    assert.equal(code, 2);
    assert.match(err, /API_KEY/);
  });
  it('reads .env, and what is set wins over it', async () => {
    await writeFile(join(home, '.env'), 'PORT=wrong\nDEFAULT_MODEL=qwen-plus\n');
    const wrong = await run(['serve']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /^PORT must/);
    const { output } = await serve();
    assert.match(output.out, /"model":"qwen-plus"/);
  });

  describe('accounts', () => {
    it('add asks the upstream, stores in a private file, and lists without the key', async () => {
      const added = await addOne();
      assert.equal(added.code, 0);
      assert.match(added.out, /^added one \(.+\)\n$/);
      assert.match(added.err, /^Connected/);
      const [account, ...others] = await list();
      assert.deepEqual([account.id, account.plan, account.state, account.requestsToday], ['one', 'custom', 'ready', 0]);
      assert.deepEqual(others, []);
      const text = await run(['accounts', 'list']);
      assert.match(text.out, /^ID .*\none /);
      assert.ok(!(text.out + JSON.stringify(account)).includes('sk-one'));
      const { mode } = await stat(join(home, 'state', 'accounts.json'));
      assert.equal(mode & 0o777, 0o600);
      assert.equal((await stat(join(home, 'state'))).mode & 0o777, 0o700);
    });
    it('add stores an account that the upstream refuses, and says so', async () => {
      simulator.removeKey('sk-one');
      const added = await addOne();
      assert.equal(added.code, 0);
      assert.match(added.err, /Incorrect API key/);
      assert.equal((await list())[0].state, 'ready', 'a verdict is no health state');
      assert.equal((await run(['accounts', 'test', 'one'])).code, 1);
    });
    it('add --no-probe asks nobody', async () => {
      const added = await addOne('--no-probe');
      assert.deepEqual([added.code, added.err, simulator.requests.length], [0, '', 0]);
      const tested = await run(['accounts', 'test', 'one']);
      assert.equal(tested.code, 0);
      assert.match(tested.out, /^Connected/);
    });
    it('bad arguments exit 2 and store nothing', async () => {
      const add = (id: string, plan: string, input: string, ...more: readonly string[]) =>
        run(['accounts', 'add', '--id', id, '--plan', plan, ...more], { input });
      const bad = [
        await add('one', 'nonsense', 'sk-x'),
        await add('Bad Id', 'coding-cn', 'sk-x'),
        await add('one', 'custom', 'sk-x'),
        await add('one', 'custom', 'sk-x', '--base-url', 'http://evil.com/v1'),
        await add('one', 'coding-cn', 'sk-x', '--base-url', simulator.baseUrl),
        await add('one', 'coding-cn', ''),
        await add('one', 'coding-cn', 'sk-ant-foreign'),
        await run(['accounts', 'remove', 'nobody']),
        await run(['accounts', 'test', 'nobody']),
      ];
      assert.deepEqual(
        bad.map(({ code }) => code),
        bad.map(() => 2),
      );
      for (const { err } of bad) assert.match(err, /^\S.*\n$/s);
      assert.deepEqual(await list(), []);
    });
    it('move, disable, enable, clear, remove', async () => {
      await addOne('--no-probe');
      await run(['accounts', 'add', '--id', 'two', '--plan', 'custom', '--base-url', simulator.baseUrl, '--no-probe'], {
        input: 'sk-two',
      });
      const ids = async () => (await list()).map(({ id, state }: { id: string; state: string }) => `${id} ${state}`);
      assert.deepEqual(await ids(), ['one ready', 'two ready']);
      assert.equal((await run(['accounts', 'move', 'two', '1'])).out, 'moved two\n');
      assert.equal((await run(['accounts', 'disable', 'one'])).out, 'disabled one\n');
      assert.deepEqual(await ids(), ['two ready', 'one disabled']);
      assert.equal((await run(['accounts', 'enable', 'one'])).code, 0);
      assert.equal((await run(['accounts', 'clear', 'one'])).out, 'cleared one\n');
      assert.equal((await run(['accounts', 'remove', 'two'])).out, 'removed two\n');
      assert.deepEqual(await ids(), ['one ready']);
    });
    it('login signs in by the device flow', async () => {
      simulator.oauth.intervalSeconds = 1;
      const { child, output } = launch(['accounts', 'login', '--id', 'mine']);
      while (!/confirm the code \S+\./.test(output.out)) await once(child.stdout, 'data');
      assert.match(output.out, /[█▀▄]/, 'a QR code');
      simulator.oauth.approve();
      const [code] = await once(child, 'close');
      assert.equal(code, 0, output.err);
      assert.match(output.out, /signed in as mine\n$/);
      assert.equal((await list())[0].id, 'mine');
    });
    it('login that is refused exits 1', async () => {
      simulator.oauth.intervalSeconds = 1;
      const { child, output } = launch(['accounts', 'login']);
      while (!output.out.includes('confirm the code')) await once(child.stdout, 'data');
      simulator.oauth.deny();
      const [code] = await once(child, 'close');
      assert.equal(code, 1);
      assert.match(output.err, /refused/);
      assert.deepEqual(await list(), []);
    });
  });

  it('key prints the key, the same one each time', async () => {
    const first = await run(['key']);
    assert.match(first.out, /^qp-[\w-]{43}\n$/);
    assert.equal((await run(['key'])).out, first.out);
    assert.equal((await run(['key'], { env: { API_KEY: 'mine,other' } })).out, 'mine\n');
  });

  describe('serve', () => {
    it('says where, streams, counts, and ends on SIGTERM', async () => {
      await addOne('--no-probe');
      const { child, output, chat } = await serve();
      assert.ok(!output.out.includes('Bearer k'), 'the key is for terminals');
      assert.match(output.out, /\naccounts: one\ntry: curl -N /);
      assert.equal(textOfEvents(await chat({ stream: true })), 'Echo: hello');
      assert.equal((await chat()).status, 200);
      child.kill('SIGTERM');
      const [code] = await once(child, 'exit');
      assert.equal(code, 0, output.err);
      const counts = JSON.parse((await run(['accounts', 'counts', '--json'])).out);
      assert.deepEqual([counts[0].id, counts[0].requestsToday], ['one', 2]);
      assert.ok(!(await readFile(join(home, 'state', 'accounts.json'), 'utf8')).includes('"k"'));
    });
    it('SIGTERM lets an open stream finish', async () => {
      await addOne('--no-probe');
      const { child, chat } = await serve();
      simulator.script({ answer: { text: ['a', 'b', 'c'], chunkDelayMs: 60 } });
      const answer = chat({ stream: true });
      await simulator.until(() => simulator.openStreams === 1);
      child.kill('SIGTERM');
      assert.equal(textOfEvents(await answer), 'abc');
      const [code] = await once(child, 'exit');
      assert.equal(code, 0);
    });
    it('follows accounts that another process adds and removes', async () => {
      const { chat } = await serve();
      assert.match(textOfEvents(await chat({ stream: true })), /demo account/, 'never had an account');
      const added = await addOne('--no-probe');
      assert.equal(added.code, 0);
      while (simulator.answered('sk-one') === 0) await chat();
      await run(['accounts', 'remove', 'one']);
      let answer = await chat();
      while (answer.status === 200) answer = await chat();
      assert.deepEqual([answer.status, answer.error.code], [503, 'no_account'], 'and the demo does not come back');
    });
    it('no demo once there was an account, nor where others can reach it', async () => {
      await addOne('--no-probe');
      await run(['accounts', 'remove', 'one']);
      const had = await serve();
      assert.match(had.output.out, /no account yet/);
      assert.equal((await had.chat()).error.code, 'no_account');
      const open = await serve({ HOST: '0.0.0.0', QWEN_PROXY_HOME: join(home, 'fresh') });
      assert.equal((await open.chat()).error.code, 'no_account');
    });
    it('a taken port: who has it, exit 1', async () => {
      const stranger = createServer();
      stranger.listen(0, '127.0.0.1');
      await once(stranger, 'listening');
      const { port } = stranger.address() as AddressInfo;
      const { code, err } = await run(['serve'], { env: { PORT: String(port) } });
      stranger.close();
      assert.equal(code, 1);
      assert.match(err, new RegExp(`Port ${port} is used by `));
      assert.match(err, /PORT=0/);
    });
  });
});
