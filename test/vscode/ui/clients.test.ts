import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Simulator } from '../../simulator/simulator.ts';
import { startSimulator } from '../../simulator/simulator.ts';
import { writeFakePrograms } from '../../support/fake-programs.ts';
import { findFreePort } from '../../support/free-port.ts';
import { waitFor } from '../host/wait.ts';
import type { VsCodeWindow } from '../host/window.ts';
import { copyWith, type Editor, loginWithKey, pictureOf, startEditor } from './editor.ts';

const original = `{
  // my own settings
  "theme": "system", // kept
  "provider": {
    "anthropic": { "options": {} } // work
  }
}
`;

describe('configuring clients in the installed extension', () => {
  let simulator: Simulator;
  let editor: Editor;
  let window: VsCodeWindow;
  let key: string;
  let opencodeFile: string;
  let binFolder: string;

  before(async () => {
    simulator = await startSimulator({});
    simulator.addKey('sk-good');
    binFolder = await mkdtemp(join(tmpdir(), 'qwen-proxy-bin-'));
    editor = await startEditor();
    // The server takes the PATH of extension hosts from a login shell.
    await put(join(editor.server.homeDir, '.profile'), `export PATH="${await writeFakePrograms(binFolder)}"\n`);
    opencodeFile = join(editor.server.homeDir, '.config', 'opencode', 'opencode.json');
    await put(opencodeFile, original);
    window = await editor.open({ theme: 'light' });
    await window.statusBarItem(/no account/);
    await loginWithKey(window, { baseUrl: simulator.baseUrl, key: 'sk-good', label: 'Good' });
    await window.statusBarItem(/1 of 1 accounts ready/);
    key = await copyWith(window, 'Qwen: Copy API Key');
  });
  afterEach(function () {
    return pictureOf(window, this.currentTest);
  });
  after(async () => {
    await window?.close();
    await editor?.stop();
    await simulator?.close();
    await rm(binFolder, { recursive: true, force: true });
  });

  async function put(path: string, text: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  /** Opens the command and chooses client and model. */
  const choose = async (client: string, model = 'qwen3-coder-plus') => {
    await window.runCommand('Qwen: Configure a Client…');
    await window.quickPick.choose(client);
    await window.quickPick.choose(model);
  };
  const fileToHold = (part: string) =>
    waitFor(`${part} in ${opencodeFile}`, async () => (await readFile(opencodeFile, 'utf8')).includes(part));
  // biome-ignore lint/performance/useDomNodeTextContent: textContent would include what is hidden and join lines
  const textOfDiff = () => window.page.locator('.monaco-diff-editor').innerText();

  it('shows what it found, and the changes before anything is written', async () => {
    await window.runCommand('Qwen: Configure a Client…');
    const labels = await window.quickPick.labels();
    assert.deepEqual(labels.slice(0, 2), ['Cline', 'opencode']);
    await window.screenshot('clients-pick-light');
    await window.quickPick.choose('opencode');
    const models = await window.quickPick.labels();
    assert.equal(models[0], 'qwen3-coder-plus', 'the default model comes first');
    await window.quickPick.choose('qwen3-coder-plus');
    await waitFor('the diff', async () => /qwen-proxy/.test(await textOfDiff()));
    await window.screenshot('clients-diff-light');
    assert.ok(!(await textOfDiff()).includes(key), 'the key is not shown');
    assert.equal(await readFile(opencodeFile, 'utf8'), original);
    await window.quickPick.cancel();
    await waitFor('the diff to close', () => window.page.locator('.monaco-diff-editor').isHidden());
    assert.equal(await readFile(opencodeFile, 'utf8'), original);
  });

  it('writes on a click, tests over the same address, key and model, and says how long it works', async () => {
    await choose('opencode');
    await window.quickPick.choose('Write this and test it');
    const message = await window.notification(/opencode is configured\. qwen3-coder-plus answered in \d+ ms/);
    assert.match(message.text, /while a window of this editor is open/);
    assert.deepEqual(await message.buttons(), ['Keep Running Outside VS Code']);
    await window.screenshot('clients-written-light');
    await message.dismiss();
    const text = await readFile(opencodeFile, 'utf8');
    for (const part of ['// my own settings', '// work', key, `http://127.0.0.1:${editor.port}/v1`])
      assert.ok(text.includes(part), part);
    assert.equal((await stat(opencodeFile)).mode & 0o777, 0o600);
    assert.deepEqual(simulator.chatRequests.at(-1)?.status, 200);
  });

  it('restores the bytes on undo', async () => {
    await window.runCommand('Qwen: Undo Client Configuration…');
    await window.quickPick.choose('opencode');
    await waitFor('the file as it was', async () => (await readFile(opencodeFile, 'utf8')) === original);
    assert.deepEqual(await readdir(dirname(opencodeFile)), ['opencode.json']);
  });

  it('leaves a file alone that it cannot read, and copies the settings on a click', async () => {
    const file = join(editor.server.homeDir, '.codex', 'config.toml');
    await put(file, 'model = [broken');
    await choose('Codex');
    const message = await window.notification(/config\.toml cannot be read as it is/);
    assert.deepEqual(await message.buttons(), ['Copy Settings']);
    await window.screenshot('clients-unreadable-light');
    await message.click('Copy Settings');
    await (await window.notification(/are in the clipboard/)).dismiss();
    assert.match(await window.page.evaluate(() => navigator.clipboard.readText()), /\[model_providers\.qwen-proxy\]/);
    assert.equal(await readFile(file, 'utf8'), 'model = [broken');
    assert.deepEqual(await readdir(dirname(file)), ['config.toml']);
  });

  it('lets Cline write its own file', async () => {
    await choose('Cline');
    await window.quickPick.choose('Run "cline auth" and test it');
    await (await window.notification(/Cline is configured\. qwen3-coder-plus answered/)).dismiss();
    const calls = await readFile(join(editor.server.homeDir, 'cline.log'), 'utf8');
    const base = `http://127.0.0.1:${editor.port}/v1`;
    assert.equal(
      calls,
      `auth --provider openai-compatible --apikey ${key} --modelid qwen3-coder-plus --baseurl ${base}\n`,
    );
  });

  for (const [client, path] of [
    ['Claude Code', '.claude/settings.json'],
    ['Codex', '.codex/config.toml'],
  ] as const)
    it(`tests ${client} in the API that it speaks`, async () => {
      await rm(join(editor.server.homeDir, path), { force: true });
      await choose(client);
      await window.quickPick.choose('Write this and test it');
      await (await window.notification(new RegExp(`${client} is configured\\. qwen3-coder-plus answered`))).dismiss();
      await window.runCommand('Qwen: Undo Client Configuration…');
      await window.quickPick.choose(client);
      await waitFor(
        'the file to go',
        async () => (await readdir(dirname(join(editor.server.homeDir, path)))).length === 0,
      );
    });

  it('says that the chat has the models already', async () => {
    await window.runCommand('Qwen: Configure a Client…');
    await window.quickPick.choose('Copilot Chat');
    await (await window.notification(/model picker of the chat already/)).dismiss();
  });

  it('offers to bring a client along to a new port', async () => {
    await choose('opencode');
    await window.quickPick.choose('Write this and test it');
    await (await window.notification(/opencode is configured/)).dismiss();
    const port = await findFreePort();
    await editor.server.updateMachineSettings({ 'qwenProxy.port': port });
    const message = await window.notification(/still use the old one: opencode/);
    assert.ok(
      (await readFile(opencodeFile, 'utf8')).includes(`:${editor.port}/v1`),
      'nothing is written without a click',
    );
    await window.screenshot('clients-new-port-light');
    await message.click('Rewrite Their Settings');
    await fileToHold(`http://127.0.0.1:${port}/v1`);
    await editor.server.updateMachineSettings({ 'qwenProxy.port': editor.port });
    await (await window.notification(/still use the old one: opencode/)).click('Rewrite Their Settings');
    await fileToHold(`http://127.0.0.1:${editor.port}/v1`);
  });

  it('offers to bring a client along to a new key', async () => {
    const old = key;
    await window.runCommand('Qwen: Make a New API Key…');
    await (await window.dialog(/Make a new API key for Qwen Proxy/)).click('Make a New Key');
    await (await window.notification(/still use the old one: opencode/)).click('Rewrite Their Settings');
    key = await copyWith(window, 'Qwen: Copy API Key');
    assert.notEqual(key, old);
    await fileToHold(key);
    const models = (sent: string) =>
      fetch(`http://127.0.0.1:${editor.port}/v1/models`, { headers: { authorization: `Bearer ${sent}` } });
    assert.deepEqual([(await models(old)).status, (await models(key)).status], [401, 200]);
  });

  it('keeps serving outside the editor after a yes, with the same key, and ends it again', async () => {
    const home = join(editor.server.homeDir, '.local', 'share', 'qwen-openai-proxy');
    await window.runCommand('Qwen: Keep Running Outside VS Code…');
    const consent = await window.dialog(/served while no window is open/);
    await window.screenshot('keep-running-consent-light');
    assert.deepEqual(await readdir(dirname(dirname(home))).catch(() => []), [], 'nothing is copied before the yes');
    await consent.click('Copy Accounts and Start');
    const message = await window.notification(/served at http:\/\/127\.0\.0\.1:\d+, with or without a window/, 40_000);
    const origin = /http:\/\/127\.0\.0\.1:\d+/.exec(message.text)?.[0] ?? '';
    assert.ok((await readFile(opencodeFile, 'utf8')).includes(`"${origin}/v1"`));
    for (const file of ['accounts.json', 'service/.env'])
      assert.equal((await stat(join(home, file))).mode & 0o777, 0o600);
    const left = (await readdir(join(home, 'service'))).filter((name) => /^(accounts-|.*\.tmp)/.test(name));
    assert.deepEqual(left, [], 'no exported account is left behind');

    await window.runCommand('Qwen: Stop Proxy');
    await window.statusBarItem(/stopped/);
    const response = await fetch(`${origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'qwen3-coder-plus', messages: [{ role: 'user', content: 'still there?' }] }),
    });
    assert.equal(response.status, 200);
    assert.match(await response.text(), /still there/);

    await window.runCommand('Qwen: Start Proxy');
    await window.statusBarItem(/1 of 1 accounts ready/);
    await window.runCommand('Qwen: Keep Running Outside VS Code…');
    await window.quickPick.choose('Stop it and remove it; its accounts stay in their folder');
    await (await window.notification(/still use the old one: opencode/)).click('Rewrite Their Settings');
    await fileToHold(`http://127.0.0.1:${editor.port}/v1`);
    await assert.rejects(fetch(`${origin}/health`));
    assert.deepEqual(await readdir(join(editor.server.homeDir, '.config', 'systemd', 'user')), []);
    const calls = await readFile(join(editor.server.homeDir, 'systemctl.log'), 'utf8');
    assert.deepEqual(calls.trim().split('\n'), [
      '--user daemon-reload',
      '--user enable qwen-openai-proxy.service',
      '--user restart qwen-openai-proxy.service',
      '--user disable --now qwen-openai-proxy.service',
    ]);
  });
});

describe('configuring clients in Chinese', () => {
  let simulator: Simulator;
  let editor: Editor;
  let window: VsCodeWindow;

  before(async () => {
    simulator = await startSimulator({});
    simulator.addKey('sk-good');
    editor = await startEditor({}, 'zh-cn');
    window = await editor.open({ theme: 'hc-dark' });
    await window.statusBarItem(/Qwen/);
    await loginWithKey(window, { baseUrl: simulator.baseUrl, key: 'sk-good', label: 'Good' }, 'Qwen: 登录');
    await window.statusBarItem(/1\/1/);
  });
  afterEach(function () {
    return pictureOf(window, this.currentTest);
  });
  after(async () => {
    await window?.close();
    await editor?.stop();
    await simulator?.close();
  });

  it('asks, shows and tells in Chinese', async () => {
    await window.runCommand('Qwen: 配置客户端…');
    await window.quickPick.labels();
    await window.screenshot('clients-pick-zh-cn-hc-dark');
    await window.quickPick.choose('Codex');
    await window.quickPick.choose('qwen3-coder-plus');
    const diff = window.page.locator('.monaco-diff-editor');
    await waitFor('the diff', async () => /qwen-proxy/.test((await diff.textContent()) ?? ''));
    await window.screenshot('clients-diff-zh-cn-hc-dark');
    await window.quickPick.choose('写入并测试');
    await window.notification(/Codex 已配置。 qwen3-coder-plus 在 \d+ 毫秒内作答/);
    await window.screenshot('clients-written-zh-cn-hc-dark');
  });
});
