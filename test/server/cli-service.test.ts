import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { send } from '../simulator/raw-client.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { findFreePort } from '../support/free-port.ts';
import { type CliOptions, launchCli } from '../support/launch-cli.ts';
import { type Bundles, buildBundles } from '../support/server-bundle.ts';
import { chatRequest, textOfEvents } from '../support/server-proxy.ts';

describe('cli: a service', () => {
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
    const add = ['accounts', 'add', '--id', 'one', '--plan', 'custom', '--base-url', simulator.baseUrl, '--no-probe'];
    assert.equal((await run(add, { input: 'sk-one' })).code, 0);
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

  const launch = (args: readonly string[], options: Omit<CliOptions, 'home'> = {}) => {
    const launched = launchCli(bundles.cli, args, { home, ...options });
    children.push(launched.child);
    return launched;
  };
  const run = (args: readonly string[], options: Omit<CliOptions, 'home'> = {}) =>
    launch(args, { input: '', ...options }).ended;
  const serve = async (env: Readonly<Record<string, string>> = {}, args: readonly string[] = []) => {
    const started = launch(['serve', ...args], { env: { PORT: '0', ...env } });
    const { output, child } = started;
    while (!output.out.includes('\ntry: ')) {
      if (child.exitCode !== null) throw new Error(output.err);
      await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    }
    const url = /^listening on (http:\/\/\S+)\n/.exec(output.out)?.[1] ?? assert.fail(output.out);
    const ask = (key: string, fields: Readonly<Record<string, unknown>> = {}, headers = {}) =>
      send(`${url}/v1/chat/completions`, {
        headers: { authorization: `Bearer ${key}`, ...headers },
        body: JSON.stringify(chatRequest(fields)),
      });
    let readUpTo = 0;
    /** Resolves when it has said so on stderr, after what was waited for before. */
    const says = async (pattern: RegExp) => {
      for (;;) {
        const match = pattern.exec(output.err.slice(readUpTo));
        if (match) {
          readUpTo += match.index + match[0].length;
          return;
        }
        if (child.exitCode !== null) throw new Error(output.err);
        await Promise.race([once(child.stderr, 'data'), once(child, 'exit')]);
      }
    };
    return { ...started, url, ask, says };
  };
  const config = (text: string, name = 'config.yaml') => writeFile(join(home, name), text);

  describe('configuration', () => {
    it('comes from a file; the environment wins over .env, and that over the file', async () => {
      await config('defaultModel: from-file\nport: 1\nstream: true\napiKey: [in-file]\n');
      await writeFile(join(home, '.env'), 'DEFAULT_MODEL=from-dot-env\nQWEN_PROXY_CONFIG=config.yaml\n');
      const { output, ask } = await serve();
      assert.match(output.out, /"model":"from-dot-env"/);
      assert.ok((await ask('in-file')).events.length > 0, 'stream: true');
    });
    it('serve --check names every mistake and where it stands', async () => {
      await config('port: eighty\nprot: 1\nlane: fast\n');
      await writeFile(join(home, '.env'), '\nSTREAM=maybe\n');
      const { code, out, err } = await run(['serve', '--check', '--config', 'config.yaml'], {
        env: { HOST: 'a b', LOG_FORMAT: 'xml' },
      });
      assert.deepEqual([code, out], [2, '']);
      for (const pattern of [
        /^prot is no setting \(config\.yaml:2\)/m,
        /^PORT must .* \(config\.yaml:1\)$/m,
        /^LANE must .* \(config\.yaml:3\)$/m,
        /^STREAM must .* \(\.env:2\)$/m,
        /^HOST must [^()]*$/m,
        /^LOG_FORMAT must be text or json$/m,
      ])
        assert.match(err, pattern);
      assert.equal(err.trim().split('\n').length, 6);
    });
    it('serve --check knows the settings of a team, and shows no value', async () => {
      await config(
        'port: 9123\nredisUrl: http://canary@host\nteamSingleUserPlans: yes\nqwenProxyStateKeyFile: missing\n',
      );
      const wrong = await run(['serve', '--check', '--config', 'config.yaml']);
      assert.deepEqual([wrong.code, wrong.out], [2, '']);
      for (const pattern of [
        /^REDIS_URL must be redis:.* \(config\.yaml:2\)$/m,
        /^TEAM_SINGLE_USER_PLANS must .* \(config\.yaml:3\)$/m,
        /^QWEN_PROXY_STATE_KEY_FILE cannot be read: missing \(config\.yaml:4\)$/m,
      ])
        assert.match(wrong.err, pattern);
      assert.equal(wrong.err.trim().split('\n').length, 3);
      assert.ok(!wrong.err.includes('canary'));

      await writeFile(join(home, 'state-key'), `${Buffer.alloc(32).toString('base64')}\n`);
      await config('port: 9123\nredisUrl: redis://:canary@127.0.0.1:1/0\nqwenProxyStateKeyFile: state-key\n');
      const right = await run(['serve', '--check', '--config', 'config.yaml']);
      assert.deepEqual([right.code, right.err], [0, '']);
      // A server that is started so asks for that team.
      const lonely = await run(['serve', '--config', 'config.yaml']);
      assert.equal(lonely.code, 1);
      assert.match(lonely.err, /Redis cannot be reached \(ECONNREFUSED\)/);
      assert.ok(!lonely.err.includes('canary'));
    });
    it('serve --check says yes, and reads the client keys', async () => {
      await config('{ "port": 9123 }', 'config.json');
      const good = await run(['--config', 'config.json', 'serve', '--check']);
      assert.deepEqual([good.code, good.out], [0, 'The configuration is right: it serves on 127.0.0.1:9123.\n']);
      await writeFile(join(home, 'state', 'keys.json'), '{}');
      assert.equal((await run(['serve', '--check'])).code, 2);
      assert.equal((await run(['serve', '--check', '--config', 'missing.yaml'])).code, 2);
    });
    it('is read again on SIGHUP and on a change, without dropping a stream', async () => {
      await config('apiKey: first\n');
      const { ask, child, says } = await serve({ QWEN_PROXY_CONFIG: 'config.yaml' });
      simulator.script({ answer: { text: ['a', 'b', 'c'], chunkDelayMs: 700 } });
      const open = ask('first', { stream: true });
      await simulator.until(() => simulator.openStreams === 1);
      await config('apiKey: second\nport: 1\n');
      await says(/configuration was read again/);
      assert.equal((await ask('first')).status, 401);
      assert.equal((await ask('second')).status, 200);
      assert.equal(textOfEvents(await open), 'abc');
      await config('apiKey: "not possible"\n');
      await says(/configuration is not taken.*API_KEY.*config\.yaml:1/);
      assert.equal((await ask('second')).status, 200, 'it goes on with what was right');
      await config('apiKey: third\n');
      await says(/configuration was read again/);
      child.kill('SIGHUP');
      await says(/configuration was read again/);
      assert.equal((await ask('third')).status, 200);
    });
  });

  const semiSpaces = async ({ pid }: ChildProcess) =>
    (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').filter((argument) => argument.includes('semi'));

  it('runs with a small young space, as the same process', async () => {
    const { child } = await serve({ API_KEY: 'k' });
    assert.deepEqual(await semiSpaces(child), ['--max-semi-space-size=8']);
  });
  it('leaves the size of the young space to whoever chose one', async () => {
    const { child } = await serve({ API_KEY: 'k', NODE_OPTIONS: '--max-semi-space-size=32' });
    assert.deepEqual(await semiSpaces(child), []);
  });

  it('LOG_FORMAT=json: one object a line, with the ids of request and trace', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const { ask, child, output } = await serve({ API_KEY: 'k', LOG_FORMAT: 'json' });
    const answer = await ask('k', {}, { traceparent: `00-${trace}-00f067aa0ba902b7-01` });
    child.kill('SIGTERM');
    await once(child, 'close');
    const lines = output.err
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const { time, level } of lines) assert.ok(!Number.isNaN(Date.parse(time)) && level);
    const line = lines.find(({ message }) => message === 'Request.');
    assert.deepEqual(
      [line.request, line.trace, line.status, line.account],
      [answer.headers['x-request-id'], trace, 200, 'one'],
    );
    assert.ok(!output.err.includes('hello'));
  });

  describe('keys', () => {
    it('add, list and revoke, while a server runs', async () => {
      const { ask } = await serve({ API_KEY: 'k' });
      const added = await run(['keys', 'add', 'team', '--requests-per-minute', '1000', '--models', 'qwen3-*']);
      assert.equal(added.code, 0, added.err);
      const key = added.out.trim();
      assert.match(key, /^qp-[\w-]{43}$/);
      while ((await ask(key)).status !== 200);
      assert.equal((await ask(key, { model: 'qwen-max' })).status, 403);
      const [team] = JSON.parse((await run(['keys', 'list', '--json'])).out);
      assert.deepEqual(
        [team.name, team.limits, team.requestsToday],
        ['team', { requestsPerMinute: 1000, models: ['qwen3-*'] }, 1],
      );
      assert.match((await run(['keys', 'list'])).out, /^NAME .*\nteam .*1000 requests\/min, qwen3-\*/);
      const file = join(home, 'state', 'keys.json');
      assert.ok(!(await readFile(file, 'utf8')).includes(key));
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      const usage = JSON.parse((await run(['usage', '--by', 'key', '--json'])).out);
      assert.deepEqual(
        usage.map(({ key: name, requests, failed }: Record<string, unknown>) => [name, requests, failed]),
        [['team', 1, 0]],
      );
      assert.deepEqual((await run(['keys', 'revoke', 'team'])).out, 'revoked team\n');
      while ((await ask(key)).status !== 401);
    });
    it('what cannot be is told', async () => {
      for (const args of [['add', 'Not Good'], ['revoke', 'nobody'], ['add', 'a', '--concurrent', '0'], ['add']])
        assert.equal((await run(['keys', ...args])).code, 2, args.join(' '));
      assert.equal((await run(['keys', 'add', 'a'])).code, 0);
      const again = await run(['keys', 'add', 'a']);
      assert.deepEqual([again.code, again.out], [2, '']);
      await writeFile(join(home, 'state', 'keys.json'), 'torn');
      assert.match((await run(['keys', 'add', 'b'])).err, /not a readable keys file/);
      assert.equal(await readFile(join(home, 'state', 'keys.json'), 'utf8'), 'torn');
    });
    it('key rotate: a running server takes the new one and refuses the old one', async () => {
      const { ask } = await serve();
      const old = (await run(['key'])).out.trim();
      assert.equal((await run(['key', 'show'])).out.trim(), old);
      assert.equal((await ask(old)).status, 200);
      const rotated = (await run(['key', 'rotate'])).out.trim();
      assert.notEqual(rotated, old);
      while ((await ask(rotated)).status !== 200);
      assert.equal((await ask(old)).status, 401);
      assert.equal((await run(['key', 'rotate'], { env: { API_KEY: 'fixed' } })).code, 2);
    });
  });

  it('usage: a table, JSON and CSV', async () => {
    const { ask } = await serve({ API_KEY: 'k' });
    await ask('k');
    await ask('k');
    const day = new Date().toISOString().slice(0, 10);
    const table = await run(['usage']);
    assert.match(table.out, /^DAY +ACCOUNT +MODEL +REQUESTS +FAILED +INPUT TOKENS/);
    assert.match(table.out, new RegExp(`^${day} +one +qwen3-coder-plus +2 +0 `, 'm'));
    const [row] = JSON.parse((await run(['usage', '--by', 'account', '--json'])).out);
    assert.deepEqual([row.account, row.requests, row.day], ['one', 2, undefined]);
    assert.equal((await run(['usage', '--csv'])).out.trim().split('\r\n').length, 3);
    assert.equal((await run(['usage', '--by', 'weather'])).code, 2);
    assert.match(
      (await run(['usage', '--days', '1', '--by', 'model'], { env: { QWEN_PROXY_LANG: 'zh' } })).out,
      /^模型 +请求/,
    );
  });

  it('accounts test --prompt-file prints an answer of that account', async () => {
    simulator.addKey('sk-two');
    const two = ['accounts', 'add', '--id', 'two', '--plan', 'custom', '--base-url', simulator.baseUrl, '--no-probe'];
    await run(two, { input: 'sk-two' });
    await writeFile(join(home, 'prompt.txt'), 'what is this?');
    const test = (id: string, file = 'prompt.txt') => run(['accounts', 'test', id, '--prompt-file', file]);
    const answered = await test('two');
    assert.deepEqual([answered.code, answered.out], [0, 'Echo: what is this?\n'], answered.err);
    assert.deepEqual(
      simulator.chatRequests.map(({ key }) => key),
      ['sk-two'],
    );
    simulator.removeKey('sk-two');
    const refused = await test('two');
    assert.deepEqual([refused.code, refused.out], [1, '']);
    assert.match(refused.err, /Incorrect API key/);
    assert.equal((await test('nobody')).code, 2);
    assert.equal((await test('one', 'missing.txt')).code, 2);
  });

  describe('doctor', () => {
    const examine = async (env: Readonly<Record<string, string>> = {}, ...more: readonly string[]) => {
      const port = String(await findFreePort());
      return run(['doctor', ...more], { env: { PORT: port, ...env } });
    };
    it('finds nothing where all is well', async () => {
      const { code, out, err } = await examine();
      assert.equal(code, 0, out + err);
      assert.match(out, /^✓ port +127\.0\.0\.1:\d+ is free$/m);
      assert.match(out, /^✓ one +Connected/m);
      assert.ok(!out.includes('\u001b'), 'no colours off a terminal');
    });
    it('a refused key, open files, a taken port: exit 1', async () => {
      simulator.removeKey('sk-one');
      await chmod(join(home, 'state', 'accounts.json'), 0o644);
      const stranger = createServer((_request, response) => void response.end('hello'));
      stranger.listen(0, '127.0.0.1');
      await once(stranger, 'listening');
      const address = stranger.address();
      const port = typeof address === 'object' ? String(address?.port) : '';
      const { code, out } = await examine({ PORT: port }, '--json');
      stranger.close();
      assert.equal(code, 1);
      const states: readonly { name: string; state: string; message: string }[] = JSON.parse(out);
      const failed = states.filter(({ state }) => state === 'fail').map(({ name }) => name);
      assert.deepEqual(failed, ['folder', 'port', 'one']);
      assert.ok(!out.includes('sk-one'));
    });
    it('asks nobody where it is told so, and knows its own server', async () => {
      const { url } = await serve({ API_KEY: 'k' });
      const before = simulator.requests.length;
      const { code, out } = await examine({ PORT: new URL(url).port }, '--offline');
      assert.equal(code, 0, out);
      assert.match(out, /Qwen Proxy \d+\.\d+\.\d+ serves/);
      assert.equal(simulator.requests.length, before);
    });
    it('a wrong configuration: exit 2 and every mistake', async () => {
      const { code, out } = await examine({ LANE: 'x', STREAM: 'x' });
      assert.equal(code, 2);
      assert.equal(out.match(/^✗ configuration/gm)?.length, 2);
    });
  });

  it('helps with every command, in both languages, and says what the exit codes mean', async () => {
    for (const args of [['serve'], ['accounts', 'test'], ['usage'], ['key', 'rotate'], ['keys', 'add'], ['doctor']]) {
      const { code, out } = await run([...args, '--help']);
      assert.equal(code, 0);
      assert.match(out, new RegExp(`^Usage: qwen-openai-proxy ${args.join(' ')}`));
      assert.match(out, /Exit codes: 0 done, 1 it failed, 2 the call/);
    }
    assert.match((await run(['--help'])).out, /Exit codes: 0 done, 1 it failed, 2 the call/);
    const chinese = await run(['--help'], { env: { LANG: 'zh_CN.UTF-8' } });
    assert.match(chinese.out, /^用法： qwen-openai-proxy[\s\S]*退出码/);
    assert.match((await run(['nonsense'], { env: { LC_ALL: 'zh_CN' } })).err, /没有命令 nonsense/);
  });
});
