import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Frame } from 'playwright-core';
import { type Simulator, startSimulator } from '../../simulator/simulator.ts';
import { waitFor } from '../host/wait.ts';
import type { VsCodeWindow } from '../host/window.ts';
import { copyWith, type Editor, loginWithKey, pictureOf, startEditor } from './editor.ts';

const canary = 'canary-of-a-prompt';

describe('the dashboard in the installed extension', () => {
  let simulator: Simulator;
  let editor: Editor;
  let window: VsCodeWindow;
  let page: Frame;
  let key: string;

  before(async () => {
    simulator = await startSimulator({});
    for (const name of ['sk-first-canary', 'sk-second-canary']) simulator.addKey(name);
    editor = await startEditor();
    window = await editor.open({ theme: 'dark' });
    await window.statusBarItem(/no account/);
    await loginWithKey(window, { baseUrl: simulator.baseUrl, key: 'sk-first-canary', label: 'First' });
    await window.statusBarItem(/1 of 1 accounts ready/);
    await loginWithKey(window, { baseUrl: simulator.baseUrl, key: 'sk-second-canary', label: 'Second' });
    await window.statusBarItem(/2 of 2 accounts ready/);
    key = await copyWith(window, 'Qwen: Copy API Key');
  });
  afterEach(function () {
    return pictureOf(window, this.currentTest);
  });
  after(async () => {
    await window?.close();
    await editor?.stop();
    await simulator?.close();
  });

  const dashboard = (of: VsCodeWindow) =>
    of.webviewFrame(async (frame) => (await frame.locator('.account').count()) > 0);
  const ask = (model = 'qwen3-coder-plus') =>
    fetch(`http://127.0.0.1:${editor.port}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'user-agent': 'Agent/1.0' },
      body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: canary }] }),
    }).then((answer) => answer.text());
  const rows = (of: Frame) => of.locator('tr[data-request]');

  it('shows a request as it comes, with its way and why it switched', async () => {
    await window.runCommand('Notifications: Clear All Notifications');
    await window.runCommand('Qwen: Show Dashboard');
    page = await dashboard(window);
    assert.deepEqual(await page.locator('.account h3').allTextContents(), ['First', 'Second']);
    simulator.fail({ key: 'sk-first-canary', fault: { kind: 'error', id: 31 } });
    await ask();
    const row = rows(page).first();
    await waitFor('the request to be over', async () => /200/.test((await row.locator('.status').textContent()) ?? ''));
    const text = (await row.textContent()) ?? '';
    assert.match(text, /Agent\/1\.0/);
    assert.match(text, /openai-chat → native → Second/);
    assert.match(text, /First: the quota is used up/);
    assert.match(text, /Second: answered/);
  });

  it('draws usage over time, and has the same numbers as a table', async () => {
    await ask('qwen3-max');
    const chart = page.locator('.chart');
    await waitFor('the chart', async () =>
      /Requests over time: 2/.test((await chart.getAttribute('aria-label')) ?? ''),
    );
    assert.equal(await chart.locator('canvas').count(), 1);
    await page.locator('summary').click();
    assert.deepEqual(await page.locator('details tbody td').allTextContents(), ['2']);
    await page.locator('select').nth(2).selectOption('model');
    await waitFor('two models', async () => (await page.locator('.legend li').count()) === 2);
    await page.locator('select').nth(0).selectOption('month');
    await page.locator('select').nth(1).selectOption('tokens');
    await waitFor('tokens', async () => /Tokens over time/.test((await chart.getAttribute('aria-label')) ?? ''));
    await page.locator('summary').click();
  });

  it('keeps redacted bodies when it is told to, and copies a repeat without a key', async () => {
    await rows(page).first().getByRole('button').click();
    await waitFor('the inspector', async () =>
      /Nothing was kept/.test((await page.locator('.inspector').textContent()) ?? ''),
    );
    await window.page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Keep request bodies' }).click();
    await waitFor('the switch to be on', () => page.locator('[aria-pressed="true"]').isVisible());
    const before = await rows(page).count();
    await ask();
    await waitFor('the request', async () => (await rows(page).count()) > before);
    await waitFor('its end', async () => /200/.test((await rows(page).first().locator('.status').textContent()) ?? ''));
    const inspect = rows(page).first().getByRole('button');
    await inspect.focus();
    await window.page.keyboard.press('Enter');
    await waitFor('both sides', async () => (await page.locator('.sides pre').count()) === 4);
    const sides = (await page.locator('.sides').textContent()) ?? '';
    assert.match(sides, /<18 characters>/);
    assert.match(sides, /\[DONE\]/);
    await window.page.evaluate(() => navigator.clipboard.writeText(''));
    await page.getByRole('button', { name: 'Copy as curl' }).click();
    const command = await waitFor('the clipboard', () =>
      window.page.evaluate(() => navigator.clipboard.readText()).then((text) => text || undefined),
    );
    assert.match(command, new RegExp(`^curl -sS 'http://127\\.0\\.0\\.1:${editor.port}/v1/chat/completions'`));
    const html = await page.locator('body').innerHTML();
    for (const secret of [canary, 'sk-first', 'sk-second', key]) {
      assert.ok(!html.includes(secret), secret);
      assert.ok(!command.includes(secret), secret);
    }
    await window.page.keyboard.press('Tab');
    await page.locator('#inspector').focus();
    await window.page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Inspect');
    await inspect.click();
    await waitFor('both sides again', async () => (await page.locator('.sides pre').count()) === 4);
  });

  it('has nothing that axe finds', async () => {
    assert.deepEqual(await problemsOf(page), []);
  });

  it('is the same in a window that follows', async () => {
    const second = await editor.open({ context: window.context });
    try {
      await second.statusBarItem(/accounts ready/);
      await second.runCommand('Qwen: Show Dashboard');
      const other = await dashboard(second);
      await waitFor('the requests', async () => (await rows(other).count()) === (await rows(page).count()));
      await ask();
      await waitFor('the new one', async () => (await rows(other).count()) === 4);
      assert.equal(await other.locator('[aria-pressed="true"]').count(), 1);
      await rows(other).first().getByRole('button').click();
      await waitFor('both sides', async () => (await other.locator('.sides pre').count()) === 4);
    } finally {
      await second.close();
    }
  });

  it('shows what is left of a limit of the user’s own, there and in the status bar', async () => {
    await window.page.bringToFront();
    await window.runCommand('Qwen: Account Actions…');
    await window.quickPick.choose('Second');
    await window.quickPick.choose('Limit…');
    await window.inputBox.type('20');
    await window.inputBox.accept();
    await waitFor('the meter', async () => (await page.locator('.meter').getAttribute('aria-valuenow')) === '80');
    assert.match((await page.locator('.window').textContent()) ?? '', /^Day: 80 % left, fresh /);
    const item = await window.statusBarItem(/1 of 2 accounts ready, 80 % left/);
    assert.match(await item.text(), /Qwen 1\/2 · 80 % left/);
    assert.match(await item.tooltip(), /▰▰▰▰▰▰▰▱ Day: 80 % left/);
    await window.screenshot('status-bar-tooltip-dark');
  });

  it('can be read in every theme', async () => {
    await window.page.bringToFront();
    await window.page.setViewportSize({ width: 1280, height: 1300 });
    for (const theme of ['dark', 'light', 'hc-dark', 'hc-light'] as const) {
      await window.reload(theme);
      await window.statusBarItem(/accounts ready/);
      await window.runCommand('View: Close All Editors');
      await window.runCommand('Qwen: Show Dashboard');
      const shown = await dashboard(window);
      await ask();
      await ask('qwen3-max');
      await waitFor('the chart', () => shown.locator('canvas').isVisible());
      await waitFor('two requests', async () => (await rows(shown).count()) >= 2);
      await shown.getByRole('button', { name: 'Keep request bodies' }).click();
      await waitFor('the switch to be on', () => shown.locator('[aria-pressed="true"]').isVisible());
      await ask('qwen3-coder-flash');
      await waitFor('its row', async () => (await rows(shown).count()) >= 3);
      await shown.locator('select').nth(2).selectOption('model');
      await waitFor('the models', async () => (await shown.locator('.legend li').count()) === 3);
      await window.screenshot(`dashboard-${theme}`);
      const swatches = await shown
        .locator('.swatch')
        .evaluateAll((all) => all.map((swatch) => getComputedStyle(swatch).backgroundColor));
      assert.equal(new Set(swatches.filter((color) => color.startsWith('rgb('))).size, 3, swatches.join(' '));
      await rows(shown).first().getByRole('button').click();
      await waitFor('both sides', async () => (await shown.locator('.sides pre').count()) >= 4);
      await window.screenshot(`inspector-${theme}`);
      assert.deepEqual(await problemsOf(shown), [], theme);
    }
  });
});

/** What axe finds wrong with the page as it is now: rule, and the elements that break it. */
async function problemsOf(page: Frame): Promise<unknown> {
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(source);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
    const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
  });
}
