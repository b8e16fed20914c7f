import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Simulator, startSimulator } from '../../simulator/simulator.ts';
import { findFreePort } from '../../support/free-port.ts';
import { type LaunchedCli, launchCli } from '../../support/launch-cli.ts';
import { accessibilityProblems } from '../host/axe.ts';
import { repositoryDir } from '../host/paths.ts';
import { openContainer, treeViewOf } from '../host/tree-view.ts';
import { waitFor } from '../host/wait.ts';
import type { VsCodeWindow } from '../host/window.ts';
import { copyWith, type Editor, pictureOf, startEditor } from './editor.ts';

const clientKey = 'qp-client-canary';
const adminKey = 'qp-admin-canary';
const cli = join(repositoryDir, 'dist', 'cli.js');

describe('a window that is a client of a team gateway', () => {
  let simulator: Simulator;
  let home: string;
  let gateway: LaunchedCli;
  let port: number;
  let url: string;
  let editor: Editor;
  let window: VsCodeWindow;

  const startGateway = async () => {
    const env = { PORT: String(port), API_KEY: clientKey, ADMIN_KEY: adminKey };
    gateway = launchCli(cli, ['serve'], { home, env });
    await waitFor('the gateway to listen', () => /listening on/.test(gateway.output.out));
  };
  const killGateway = async () => {
    const exited = once(gateway.child, 'exit');
    gateway.child.kill('SIGKILL');
    await exited;
  };
  const isServing = async () =>
    fetch(`http://127.0.0.1:${editor.port}/health`).then(
      ({ ok }) => ok,
      () => false,
    );

  before(async () => {
    simulator = await startSimulator({});
    home = await mkdtemp(join(tmpdir(), 'qwen-proxy-gateway-'));
    for (const id of ['one', 'two']) {
      simulator.addKey(`sk-${id}-canary`);
      const add = ['accounts', 'add', '--id', id, '--plan', 'custom', '--base-url', simulator.baseUrl, '--no-probe'];
      const { code, err } = await launchCli(cli, add, { home, input: `sk-${id}-canary\n` }).ended;
      assert.equal(code, 0, err);
    }
    port = await findFreePort();
    url = `http://127.0.0.1:${port}`;
    await startGateway();
    editor = await startEditor({ 'qwenProxy.gateway.url': url }, undefined, {
      extensions: [join(repositoryDir, 'test', 'vscode', 'chat-extension')],
    });
    window = await editor.open({ theme: 'dark' });
  });
  afterEach(function () {
    return pictureOf(window, this.currentTest);
  });
  after(async () => {
    await window?.close();
    await editor?.stop();
    gateway?.child.kill('SIGKILL');
    await simulator?.close();
    await rm(home, { recursive: true, force: true });
  });

  /** Runs a command of the other extension and returns what it wrote. */
  const resultOf = async (title: string, name: string) => {
    const file = join(editor.server.homeDir, `${name}.json`);
    await rm(file, { force: true });
    await window.runCommand(`Chat User: ${title}`);
    return JSON.parse(await waitFor(file, () => readFile(file, 'utf8').catch(() => undefined)));
  };
  const dashboard = () => window.webviewFrame(async (frame) => (await frame.locator('h1').count()) > 0);

  it('says that it needs a key, asks for it at a click, and says what a wrong one is', async () => {
    const item = await window.statusBarItem(/the team gateway needs a key/);
    assert.match(await item.text(), /Qwen: Enter Key/);
    await item.click();
    assert.equal(await window.inputBox.isPassword(), true);
    await window.inputBox.type('qp-nonsense');
    await window.inputBox.accept();
    await window.inputBox.type('');
    await window.inputBox.accept();
    const message = await window.notification(/does not know this key/);
    await message.click('Try Again');
    await window.inputBox.type(clientKey);
    await window.inputBox.accept();
    await window.inputBox.type(adminKey);
    await window.inputBox.accept();
    await window.statusBarItem(/2 of 2 accounts ready/);
  });

  it('shows the gateway in the status bar, and starts no server of its own', async () => {
    const item = await window.statusBarItem(/2 of 2 accounts ready/);
    assert.match(await item.text(), /Qwen 2\/2/);
    const tooltip = await item.tooltip();
    assert.match(tooltip, /client of the team gateway \(version [\d.]+\), as administrator/);
    assert.ok(tooltip.includes(`${url}/v1`));
    await window.screenshot('gateway-status-bar-dark');
    assert.equal(await isServing(), false);
  });

  it('offers the gateway’s models, and answers through it', async () => {
    const { models } = await resultOf('List Models', 'listModels');
    assert.ok(models.some(({ id }: { id: string }) => id === 'qwen3-coder-plus'));
    const { name, text, error } = await resultOf('Call a Tool', 'callTool');
    assert.equal(error, undefined);
    assert.equal(name, 'get_weather');
    assert.notEqual(text, '');
    assert.ok(simulator.chatRequests.length >= 2);
  });

  it('gives clients the gateway’s address and the client key, never the admin key', async () => {
    assert.equal(await copyWith(window, 'Qwen: Copy Endpoint'), `${url}/v1`);
    assert.equal(await copyWith(window, 'Qwen: Copy API Key'), clientKey);
  });

  it('shows the gateway’s accounts, requests and usage in the dashboard, without administration', async () => {
    await window.runCommand('Notifications: Clear All Notifications');
    await window.runCommand('Qwen: Show Dashboard');
    const page = await dashboard();
    await waitFor('two accounts', async () => (await page.locator('.account').count()) === 2);
    const before = await page.locator('tr[data-request]').count();
    assert.ok(before >= 2, 'the requests of the chat');
    await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${clientKey}`, 'content-type': 'application/json', 'user-agent': 'Other/1.0' },
      body: JSON.stringify({ model: 'qwen3-max', messages: [{ role: 'user', content: 'canary-of-a-prompt' }] }),
    });
    const row = page.locator('tr[data-request]').first();
    await waitFor('a request of another client', async () => /Other\/1\.0/.test((await row.textContent()) ?? ''));
    await waitFor('its end', async () => /200/.test((await row.locator('.status').textContent()) ?? ''));
    await waitFor('the chart', async () =>
      /Requests over time: [3-9]/.test((await page.locator('.chart').getAttribute('aria-label')) ?? ''),
    );
    assert.deepEqual(await page.locator('header button').allTextContents(), [
      'Copy Endpoint',
      'Copy API Key',
      'Disconnect',
      'Show Log',
    ]);
    assert.equal(await page.getByRole('button', { name: /Inspect|Keep request bodies/ }).count(), 0);
    const html = await page.locator('body').innerHTML();
    for (const secret of [clientKey, adminKey, 'sk-one', 'sk-two', 'canary-of-a-prompt'])
      assert.ok(!html.includes(secret), secret);
    assert.deepEqual(await accessibilityProblems(page), []);
    await window.screenshot('gateway-dashboard-dark');
  });

  it('hides administration in the palette and in the accounts view, and refuses it', async () => {
    for (const title of ['Login', 'Add Account', 'Remove Account', 'Stop Proxy', 'Make a New API Key…']) {
      const full = `Qwen: ${title}`;
      await window.page.keyboard.press('F1');
      await window.page.locator('.quick-input-widget .quick-input-filter input').first().fill(`>${full}`);
      await waitFor('the palette to be filtered', async () => {
        const labels = await window.quickPick.labels();
        return !labels.includes(full) && labels.length < 40;
      });
      await window.quickPick.cancel();
    }
    await openContainer(window.page, 'Qwen');
    const tree = treeViewOf(window.page);
    const row = await tree.row(/^one, Custom endpoint, Ready/);
    await row.hover();
    assert.equal(await row.locator('.actions a').count(), 0);
    await window.screenshot('gateway-accounts-dark');
    await window.runCommand('Chat User: Administer');
    await window.notification(/administered where it runs/);
  });

  it('says that the gateway is gone, and follows it again when it is back', async () => {
    await killGateway();
    const item = await window.statusBarItem(/team gateway cannot be reached/);
    assert.match(await item.tooltip(), /ECONNREFUSED/);
    await window.screenshot('gateway-gone-dark');
    await startGateway();
    await window.statusBarItem(/2 of 2 accounts ready/);
    const { models } = await resultOf('List Models', 'listModels');
    assert.ok(models.length > 0);
  });

  it('serves by itself once it is disconnected, and follows again without a reload, with a new key', async () => {
    await window.runCommand('Qwen: Disconnect from the Team Gateway');
    await window.statusBarItem(/no account/);
    assert.equal(await isServing(), true);
    const settings = await readFile(join(editor.server.dataDir, 'data', 'Machine', 'settings.json'), 'utf8');
    assert.ok(!settings.includes('gateway.url'));
    await editor.server.updateMachineSettings({ 'qwenProxy.gateway.url': url });
    await window.statusBarItem(/the team gateway needs a key/);
    await waitFor('the local server to be gone', async () => !(await isServing()));
    await editor.server.updateMachineSettings({ 'qwenProxy.gateway.url': 'http://qwen.example.com' });
    await window.statusBarItem(/the address of the team gateway cannot be used/);
    await window.runCommand('Qwen: Connect to a Team Gateway…');
    await window.inputBox.type('http://qwen.example.com');
    await window.inputBox.accept();
    assert.match(await window.inputBox.message(), /in clear/);
    await window.inputBox.type(`${url}/v1`);
    await window.inputBox.accept();
    await window.inputBox.type(clientKey);
    await window.inputBox.accept();
    await window.inputBox.type('');
    await window.inputBox.accept();
    const item = await window.statusBarItem(/2 of 2 accounts ready/);
    assert.doesNotMatch(await item.tooltip(), /administrator/);
    await window.runCommand('Qwen: Show Dashboard');
    const page = await dashboard();
    await waitFor('the readiness', async () =>
      /2 of 2 accounts of the gateway are ready/.test((await page.locator('main').textContent()) ?? ''),
    );
    assert.equal(await page.locator('.account').count(), 0);
    // The page was open all the time: what the administrator saw is gone from it.
    await waitFor('requests without accounts', async () => {
      const rows = await page.locator('tr[data-request]').allTextContents();
      return rows.every((text) => !/→ one/.test(text));
    });
    await window.screenshot('gateway-client-dashboard-dark');
    assert.equal(await isServing(), false);
  });

  it('configures other programs for the gateway, with the client key', async () => {
    await window.runCommand('Qwen: Configure a Client…');
    await window.quickPick.choose('Claude Code');
    await window.quickPick.choose('qwen3-coder-plus');
    await window.quickPick.choose('Write this and test it');
    const message = await window.notification(/Claude Code is configured\. qwen3-coder-plus answered in \d+ ms\.$/);
    assert.deepEqual(await message.buttons(), []);
    await message.dismiss();
    const text = await readFile(join(editor.server.homeDir, '.claude', 'settings.json'), 'utf8');
    for (const part of [`${url}/anthropic`, clientKey]) assert.ok(text.includes(part), part);
    assert.ok(!text.includes(adminKey));
    await window.runCommand('Qwen: Undo Client Configuration…');
    await window.quickPick.choose('Claude Code');
    await waitFor('the file to go', () =>
      readFile(join(editor.server.homeDir, '.claude', 'settings.json'), 'utf8').then(
        () => false,
        () => true,
      ),
    );
  });

  it('is every window of the editor, and afterwards one of them serves and the others follow', async () => {
    const second = await editor.open({ context: window.context });
    try {
      await second.statusBarItem(/2 of 2 accounts ready/);
      await window.page.bringToFront();
      await window.runCommand('Qwen: Disconnect from the Team Gateway');
      const items = await Promise.all([window, second].map((each) => each.statusBarItem(/no account/)));
      await waitFor('one of them to serve', isServing);
      await waitFor('the other one to follow it', async () => {
        const states: string[] = [];
        for (const [index, each] of [window, second].entries()) {
          await each.page.bringToFront();
          states.push((await items[index]?.tooltip()) ?? '');
        }
        return states.filter((state) => /served by another window/.test(state)).length === 1;
      });
    } finally {
      await second.close();
    }
  });

  it('reaches a gateway elsewhere the way the editor’s network settings say', async () => {
    const asked: (string | undefined)[] = [];
    const proxy = createServer().listen(0, '127.0.0.1');
    proxy.on('connect', (request, socket) => {
      asked.push(request.url);
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    await once(proxy, 'listening');
    try {
      const { port: proxyPort } = proxy.address() as AddressInfo;
      await editor.server.updateMachineSettings({ 'qwenProxy.gateway.url': 'https://qwen.gateway.test' });
      await editor.server.updateUserSettings({ 'http.proxy': `http://127.0.0.1:${proxyPort}` });
      await window.reload('dark');
      const item = await window.statusBarItem(/the team gateway needs a key/);
      await item.click();
      await window.inputBox.type(clientKey);
      await window.inputBox.accept();
      await window.inputBox.type('');
      await window.inputBox.accept();
      await window.notification(/qwen\.gateway\.test cannot be reached/);
      assert.deepEqual([...new Set(asked)], ['qwen.gateway.test:443']);
    } finally {
      proxy.close();
    }
  });
});
