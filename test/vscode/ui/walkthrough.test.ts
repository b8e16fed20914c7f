import assert from 'node:assert/strict';
import { type Simulator, startSimulator } from '../../simulator/simulator.ts';
import { visibleText, waitFor } from '../host/wait.ts';
import type { VsCodeWindow } from '../host/window.ts';
import { copyWith, type Editor, loginWithKey, pictureOf, startEditor } from './editor.ts';

describe('the first minutes with the installed extension', () => {
  let simulator: Simulator;
  let editor: Editor;
  let window: VsCodeWindow;

  before(async () => {
    simulator = await startSimulator({});
    simulator.addKey('sk-canary-key');
    editor = await startEditor();
    window = await editor.open({ theme: 'light' });
    await window.statusBarItem(/no account/);
  });
  afterEach(function () {
    return pictureOf(window, this.currentTest);
  });
  after(async () => {
    await window?.close();
    await editor?.stop();
    await simulator?.close();
  });

  /** The steps of the walkthrough, each with whether it is done. */
  const steps = async () => {
    const all = window.page.locator('.getting-started-step');
    const titles = await all.locator('.step-title').allTextContents();
    const checks = all.locator(
      '.codicon-getting-started-step-checked.complete, .codicon-getting-started-step-unchecked.complete',
    );
    return { titles, done: await checks.count() };
  };

  it('opens nothing by itself', async () => {
    assert.equal(await window.page.locator('.monaco-dialog-box').count(), 0);
    assert.equal(await window.page.locator('.editor-group-container .tab').count(), 0);
  });

  it('has a walkthrough whose steps are done by doing them', async () => {
    await window.runCommand('Welcome: Open Walkthrough...');
    await window.quickPick.choose('Use Qwen from every client');
    await waitFor('three steps', async () => (await steps()).titles.length === 3);
    assert.deepEqual((await steps()).titles, [
      'Add an account, or try the demo',
      'Point a client at it',
      'Watch the first request',
    ]);
    assert.equal((await steps()).done, 0);
    await window.screenshot('walkthrough-light');
    await window.page.locator('.getting-started-step').getByRole('button', { name: 'Try the Demo' }).click();
    await waitFor('the first step to be done', async () => (await steps()).done === 1);
    const key = await copyWith(window, 'Qwen: Copy API Key');
    await waitFor('the second step to be done', async () => (await steps()).done === 2);
    const answer = await fetch(`http://127.0.0.1:${editor.port}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'qwen3-coder-plus', messages: [{ role: 'user', content: 'hello' }] }),
    });
    assert.equal(answer.status, 200);
    await waitFor('the last step to be done', async () => (await steps()).done === 3);
    await window.screenshot('walkthrough-done-light');
  });

  it('opens a report that holds no secret', async () => {
    await loginWithKey(window, { baseUrl: simulator.baseUrl, key: 'sk-canary-key', label: 'me@canary.example' });
    await window.statusBarItem(/2 of 2 accounts ready/);
    await window.runCommand('View: Close All Editors');
    await window.runCommand('Qwen: Show Diagnostics');
    const lines = window.page.locator('.monaco-editor .view-lines').first();
    const text = await waitFor('the report', async () => {
      const shown = (await visibleText(lines)).replaceAll('\u00a0', ' ');
      return /Last errors/.test(shown) && shown;
    });
    assert.match(text, /State: serving, port/);
    assert.match(text, /#2 \| api-key \| custom \| ready/);
    assert.ok(!text.includes('canary'));
    await window.screenshot('diagnostics-light');
  });
});
