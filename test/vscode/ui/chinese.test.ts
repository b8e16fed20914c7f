import assert from 'node:assert/strict';
import { openContainer, treeViewOf } from '../host/tree-view.ts';
import { waitFor } from '../host/wait.ts';
import type { VsCodeWindow } from '../host/window.ts';
import { type Editor, pictureOf, startEditor } from './editor.ts';

/** A word of Latin letters, but for names and units that are the same in Chinese. */
const english = /\b(?!Qwen|Proxy|API|curl|http|token|Token|localhost|Demo|demo)[A-Za-z]{3,}\b/;

describe('the installed extension in Chinese', () => {
  let editor: Editor;
  let window: VsCodeWindow;

  before(async () => {
    editor = await startEditor({}, 'zh-cn');
    window = await editor.open({ theme: 'dark' });
    await window.statusBarItem(/Qwen Proxy/);
  });
  afterEach(function () {
    return pictureOf(window, this.currentTest);
  });
  after(async () => {
    await window?.close();
    await editor?.stop();
  });

  it('welcomes in Chinese, and shows the account that the demo is', async () => {
    await openContainer(window.page, 'Qwen');
    const welcome = window.page.locator('.sidebar .welcome-view-content');
    const button = welcome.locator('.monaco-button', { hasText: '试用演示' });
    await waitFor('the welcome view', () => button.isVisible());
    await button.click();
    const tree = treeViewOf(window.page);
    await tree.expand(/可用|就绪/);
    await tree.row(/今天 0 次请求/);
    await window.screenshot('accounts-view-zh-cn');
  });

  it('has a dashboard without an English word', async () => {
    await window.runCommand('Qwen: 显示仪表板');
    const page = await window.webviewFrame(async (frame) => (await frame.locator('.account').count()) > 0);
    const texts = await page.locator('h2, th, button, label, summary, .note, .state').allTextContents();
    assert.ok(texts.length > 15);
    assert.deepEqual(
      texts.filter((text) => english.test(text.replace(/http\S+/, ''))),
      [],
    );
    await window.screenshot('dashboard-zh-cn');
  });
});
