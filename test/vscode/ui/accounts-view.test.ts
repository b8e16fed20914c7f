import assert from 'node:assert/strict';
import { type Simulator, startSimulator } from '../../simulator/simulator.ts';
import { openContainer, type TreeView, treeViewOf } from '../host/tree-view.ts';
import { visibleText, waitFor } from '../host/wait.ts';
import type { VsCodeWindow } from '../host/window.ts';
import { copyWith, type Editor, loginWithKey, pictureOf, startEditor } from './editor.ts';

describe('the accounts view in the installed extension', () => {
  let simulator: Simulator;
  let editor: Editor;
  let window: VsCodeWindow;
  let tree: TreeView;

  before(async () => {
    simulator = await startSimulator({});
    simulator.addKey('sk-work');
    editor = await startEditor();
    window = await editor.open({ theme: 'dark' });
    await window.statusBarItem(/no account/);
    tree = treeViewOf(window.page);
  });
  afterEach(function () {
    return pictureOf(window, this.currentTest);
  });
  after(async () => {
    await window?.close();
    await editor?.stop();
    await simulator?.close();
  });

  const ask = async () => {
    const key = await copyWith(window, 'Qwen: Copy API Key');
    return fetch(`http://127.0.0.1:${editor.port}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'qwen3-coder-plus', messages: [{ role: 'user', content: 'hello' }] }),
    });
  };
  const order = async () => {
    const rows = await tree.rows();
    return rows.flatMap((name) => /^(Work|Demo)/.exec(name)?.[0] ?? []);
  };

  it('offers the three ways to begin, nothing modal, and the demo at a click', async () => {
    await openContainer(window.page, 'Qwen');
    const welcome = window.page.locator('.sidebar .welcome-view-content');
    await waitFor('the welcome view', () => welcome.isVisible());
    const buttons = welcome.locator('.monaco-button');
    assert.deepEqual(await buttons.allInnerTexts(), ['Enter an API Key', 'Sign In with a Browser', 'Try the Demo']);
    assert.equal(await window.page.locator('.monaco-dialog-box').count(), 0);
    await window.screenshot('accounts-welcome-dark');
    await buttons.nth(2).click();
    await tree.row(/^Demo/);
  });

  it('shows an account that was added, with what is below it', async () => {
    await loginWithKey(window, { baseUrl: simulator.baseUrl, key: 'sk-work', label: 'Work' });
    await tree.row(/^Work, Custom endpoint, Ready/);
    await tree.expand(/^Work/);
    await tree.row(/0 requests today/);
    await tree.expand(/^Models/);
    await tree.row(/^qwen/);
    await window.screenshot('accounts-view-dark');
    await tree.collapse(/^Models/);
  });

  it('is reordered by dragging, and by a button', async () => {
    assert.deepEqual(await order(), ['Demo', 'Work']);
    await tree.drag(/^Work/, /^Demo/);
    await waitFor('Work to be first', async () => (await order())[0] === 'Work');
    await tree.press(/^Demo/, 'Move Account Up');
    await waitFor('Demo to be first', async () => (await order())[0] === 'Demo');
  });

  it('disables, enables and tests with inline buttons', async () => {
    await tree.press(/^Demo/, 'Disable Account');
    await tree.row(/^Demo.*Disabled/);
    await tree.press(/^Demo/, 'Enable Account');
    await tree.row(/^Demo.*Ready/);
    await tree.press(/^Work/, 'Test Account');
    await waitFor('the test to reach the upstream', () => simulator.requests.length > 0);
  });

  it('has a badge when an account needs the user, and clears what stands against it', async () => {
    await tree.press(/^Demo/, 'Disable Account');
    simulator.fail({ key: 'sk-work', fault: { kind: 'error', id: 3 } });
    assert.ok((await ask()).status >= 400);
    await tree.row(/^Work.*Sign in again/);
    const badge = window.page.locator('.activitybar .action-item', { hasText: '1' }).locator('.badge-content');
    await waitFor(
      'the badge',
      async () => (await badge.first().isVisible()) && (await visibleText(badge.first())) === '1',
    );
    await tree.row(/Last error: the credential was refused/);
    for (const theme of ['hc-dark', 'hc-light', 'light'] as const) {
      await window.reload(theme);
      await openContainer(window.page, 'Qwen');
      await tree.row(/^Work.*Sign in again/);
      await tree.expand(/^Work/);
      await tree.row(/No API-key/);
      await window.screenshot(`accounts-view-${theme}`);
    }
    await tree.press(/^Work/, 'Clear Cooldown');
    await tree.row(/^Work.*Ready/);
    assert.equal((await ask()).status, 200);
  });

  it('removes an account after it was named in a dialog', async () => {
    await tree.press(/^Work/, 'Remove Account');
    const question = await window.dialog(/Remove the account Work\?/);
    await question.click('Remove');
    await waitFor('Work to go', async () => (await order()).join() === 'Demo');
  });
});
