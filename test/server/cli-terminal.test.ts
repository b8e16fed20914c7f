import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { openPseudoTerminal, type PseudoTerminal } from '../support/pseudo-terminal.ts';
import { type Bundles, buildBundles } from '../support/server-bundle.ts';

const escapeCharacter = '\u001b';

describe('cli: on a terminal', () => {
  let bundles: Bundles;
  let simulator: Simulator;
  let home: string;
  const terminals: PseudoTerminal[] = [];

  before(async () => {
    [bundles, simulator] = await Promise.all([buildBundles(), startSimulator()]);
  });
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'qwen-proxy-home-'));
    simulator.reset();
    simulator.addKey('sk-one');
  });
  afterEach(async () => {
    for (const { child } of terminals.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    await rm(home, { recursive: true, force: true });
  });
  after(async () => {
    await simulator.close();
    await bundles.remove();
  });

  const open = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const terminal = openPseudoTerminal([process.execPath, bundles.cli, ...args], {
      cwd: home,
      env: {
        PATH: process.env.PATH,
        HOME: home,
        LC_ALL: 'C.UTF-8',
        QWEN_PROXY_HOME: join(home, 'state'),
        QWEN_BASE_URL: simulator.origin,
        ...env,
      },
    });
    terminals.push(terminal);
    return terminal;
  };
  const addOne = ['accounts', 'add', '--id', 'one', '--plan', 'custom', '--no-probe', '--base-url'];

  it('asks for the key and does not show it', async () => {
    const terminal = open([...addOne, simulator.baseUrl]);
    await terminal.shows(/API key \(it is not shown\): $/);
    terminal.type('sk-one\r');
    assert.equal(await terminal.ended, 0, terminal.screen.text);
    assert.match(terminal.screen.text, /added one/);
    assert.ok(!terminal.screen.text.includes('sk-one'));
    assert.ok((await readFile(join(home, 'state', 'accounts.json'), 'utf8')).includes('sk-one'));
  });
  it('Ctrl+C at the question ends it and stores nothing', async () => {
    const terminal = open([...addOne, simulator.baseUrl], { QWEN_PROXY_LANG: 'zh' });
    await terminal.shows(/API 密钥（不显示）： $/);
    terminal.type('\u0003');
    assert.equal(await terminal.ended, 2, terminal.screen.text);
    assert.match(terminal.screen.text, /没有输入任何内容。/);
  });
  it('login: QR code, address and code, until it is confirmed', async () => {
    simulator.oauth.intervalSeconds = 1;
    const terminal = open(['accounts', 'login', 'mine']);
    await terminal.shows(/[█▀▄]{10}/);
    await terminal.shows(/Open http\S+/);
    await terminal.shows(/confirm the code \S+\./);
    simulator.oauth.approve();
    assert.equal(await terminal.ended, 0, terminal.screen.text);
    assert.match(terminal.screen.text, /signed in as mine/);
  });
  it('colours, unless NO_COLOR is set', async () => {
    for (const [env, hasColours] of [
      [{}, true],
      [{ NO_COLOR: '1' }, false],
    ] as const)
      for (const args of [['--help'], ['doctor', '--offline']]) {
        const terminal = open(args, { PORT: '0', ...env });
        assert.equal(await terminal.ended, 0, terminal.screen.text);
        assert.equal(terminal.screen.text.includes(escapeCharacter), hasColours, args.join(' '));
      }
  });
  it('serve shows the key, and Ctrl+C ends it with 0', async () => {
    const terminal = open(['serve'], { PORT: '0' });
    await terminal.shows(/listening on http:\/\/127\.0\.0\.1:\d+/);
    await terminal.shows(/Bearer qp-[\w-]{43}"/);
    terminal.type('\u0003');
    assert.equal(await terminal.ended, 0, terminal.screen.text);
  });
});
