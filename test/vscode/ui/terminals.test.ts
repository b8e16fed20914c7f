import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Simulator } from '../../simulator/simulator.ts';
import { startSimulator } from '../../simulator/simulator.ts';
import { waitFor } from '../host/wait.ts';
import type { VsCodeWindow } from '../host/window.ts';
import { copyWith, type Editor, loginWithKey, pictureOf, startEditor } from './editor.ts';

describe('terminals of the installed extension', () => {
  let simulator: Simulator;
  let editor: Editor;
  let window: VsCodeWindow;
  let key: string;

  before(async () => {
    simulator = await startSimulator({});
    simulator.addKey('sk-good');
    editor = await startEditor();
    window = await editor.open({ theme: 'hc-light' });
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
  });

  /** Opens a terminal with `open` and tells which variables its shell has. */
  const variablesOf = async (open: () => Promise<void>) => {
    const file = join(editor.server.homeDir, 'variables');
    await rm(file, { force: true });
    await open();
    const active = window.page.locator('.terminal-wrapper.active');
    await waitFor('a terminal', async () => (await active.locator('.xterm').count()) === 1);
    const input = active.locator('textarea.xterm-helper-textarea');
    // A shell that has not drawn its prompt yet takes no line.
    const text = await waitFor('the shell to answer', async () => {
      await input.focus();
      await window.page.keyboard.type(`env > ${file}.new && mv ${file}.new ${file}\n`);
      return readFile(file, 'utf8').catch(() => undefined);
    });
    await window.screenshot('terminal-hc-light');
    await window.runCommand('Terminal: Kill All Terminals');
    await waitFor('the terminal to close', async () => (await window.page.locator('.terminal-wrapper').count()) === 0);
    const lines = text.split('\n').filter((line) => /^(ANTHROPIC|OPENAI)_/.test(line));
    return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
  };
  const newTerminal = () => window.runCommand('Terminal: Create New Terminal');
  const origin = () => `http://127.0.0.1:${editor.port}`;

  it('have no variable of ours unless the user says so', async () => {
    assert.deepEqual(await variablesOf(newTerminal), {});
  });

  it('have both vendors’ variables in the profile "Qwen shell"', async () => {
    const variables = await variablesOf(async () => {
      // The editor does not show a terminal of an extension's profile by itself: choose it in the list of terminals.
      await newTerminal();
      await window.runCommand('Create New Terminal (With Profile)');
      await window.quickPick.choose('Qwen shell');
      await window.page.locator('.terminal-tabs-entry', { hasText: 'Qwen' }).click();
    });
    assert.deepEqual(variables, {
      ANTHROPIC_BASE_URL: `${origin()}/anthropic`,
      ANTHROPIC_AUTH_TOKEN: key,
      OPENAI_BASE_URL: `${origin()}/v1`,
      OPENAI_API_BASE: `${origin()}/v1`,
      OPENAI_API_KEY: key,
    });
  });

  it('have them after the setting, with a warning where Claude Code would not look at them', async () => {
    const folder = join(editor.server.homeDir, '.claude');
    await mkdir(folder);
    await writeFile(join(folder, 'settings.json'), '{ "env": { "ANTHROPIC_BASE_URL": "https://api.example.com" } }');
    await editor.server.updateMachineSettings({ 'qwenProxy.terminal.environment': 'anthropic' });
    const message = await window.notification(/its own settings say https:\/\/api\.example\.com/);
    assert.deepEqual(await message.buttons(), ['Configure Claude Code']);
    await window.screenshot('terminal-override-hc-light');
    await message.dismiss();
    assert.deepEqual(await variablesOf(newTerminal), {
      ANTHROPIC_BASE_URL: `${origin()}/anthropic`,
      ANTHROPIC_AUTH_TOKEN: key,
    });
  });

  it('have none again while the proxy is stopped', async () => {
    await window.runCommand('Qwen: Stop Proxy');
    await window.statusBarItem(/stopped/);
    assert.deepEqual(await variablesOf(newTerminal), {});
  });
});
