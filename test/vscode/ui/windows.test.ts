import assert from 'node:assert/strict';
import { oauthPaths } from '../../simulator/oauth.ts';
import { type Simulator, startSimulator } from '../../simulator/simulator.ts';
import { waitFor } from '../host/wait.ts';
import type { VsCodeWindow } from '../host/window.ts';
import { copyWith, type Editor, loginWithKey, pictureOf, startEditor } from './editor.ts';

describe('two windows of the installed extension', () => {
  let simulator: Simulator;
  let editor: Editor;
  let first: VsCodeWindow;
  let second: VsCodeWindow;
  let key: string;

  before(async () => {
    simulator = await startSimulator({});
    simulator.addKey('sk-late');
    editor = await startEditor({
      'qwenProxy.oauth.deviceCodeEndpoint': `${simulator.origin}${oauthPaths.device}`,
      'qwenProxy.oauth.tokenEndpoint': `${simulator.origin}${oauthPaths.token}`,
    });
    first = await editor.open({ theme: 'dark' });
    await first.statusBarItem(/no account/);
  });
  afterEach(async function () {
    await pictureOf(first, this.currentTest);
    await pictureOf(second, this.currentTest);
  });
  after(async () => {
    await second?.close();
    await first?.close();
    await editor?.stop();
    await simulator?.close();
  });

  const health = async (): Promise<{ pid: number }> => (await fetch(`http://127.0.0.1:${editor.port}/health`)).json();
  /** A model name that every account translates into one of its own. */
  const ask = (fields: object = {}) =>
    fetch(`http://127.0.0.1:${editor.port}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }], ...fields }),
    });

  it('the second follows the first and shows its accounts', async () => {
    await first.runCommand('Qwen: Login');
    await first.quickPick.choose('Sign in with a browser');
    const page = await first.webviewFrame(async (frame) => (await frame.locator('.user-code').count()) > 0);
    simulator.oauth.approve((await page.locator('.user-code').textContent()) ?? '');
    await first.statusBarItem(/1 of 1 accounts ready/);
    key = await copyWith(first, 'Qwen: Copy API Key');

    second = await editor.open({ context: first.context });
    const item = await second.statusBarItem(/1 of 1 accounts ready/);
    assert.match(await item.tooltip(), /served by another window/);
    assert.equal(await copyWith(second, 'Qwen: Copy API Key'), key);
    // Tokens that are dead before their time: the requests that meet it renew them, once.
    simulator.oauth.revokeAccessTokens();
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask()));
    assert.deepEqual(
      answers.map((answer) => answer.status),
      [200, 200, 200, 200, 200],
    );
    assert.equal(simulator.oauth.refreshCount, 1);
  });

  it('shows in the second what is added in the first after the second opened', async () => {
    await first.page.bringToFront();
    await loginWithKey(first, { baseUrl: simulator.baseUrl, key: 'sk-late', label: 'Late' });
    await first.statusBarItem(/2 of 2 accounts ready/);
    await second.page.bringToFront();
    await second.statusBarItem(/2 of 2 accounts ready/);
    await second.screenshot('follower-dark');
  });

  it('goes on through the second when the first is killed in the middle of a request', async () => {
    simulator.fail({ fault: { kind: 'stall', afterChunks: 3 } });
    const owner = (await health()).pid;
    const cut = await ask({ stream: true });
    const reader = cut.body?.getReader();
    await reader?.read();
    process.kill(owner, 'SIGKILL');
    // The client is told, never left with a clean end.
    await assert.rejects(async () => {
      while (!(await reader?.read())?.done);
    });
    await waitFor('another window to serve', async () => (await health().catch(() => undefined))?.pid !== undefined, {
      timeoutMs: 2_000,
    });
    assert.notEqual((await health()).pid, owner);
    for (let request = 0; request < 5; request++) {
      const response = await ask();
      assert.equal(response.status, 200, await response.text());
    }
    await second.statusBarItem(/2 of 2 accounts ready/);
    const item = await second.statusBarItem(/Qwen Proxy/);
    assert.doesNotMatch(await item.tooltip(), /served by another window/);
    await second.screenshot('takeover-dark');
  });

  it('brings the killed window back as a follower, with every account', async () => {
    await first.page.bringToFront();
    const item = await first.statusBarItem(/2 of 2 accounts ready/);
    await waitFor('the first window to follow', async () => /served by another window/.test(await item.tooltip()));
    assert.equal(simulator.oauth.refreshCount, 1);
  });
});
