import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Simulator } from '../../simulator/simulator.ts';
import { startSimulator } from '../../simulator/simulator.ts';
import { repositoryDir } from '../host/paths.ts';
import { waitFor } from '../host/wait.ts';
import type { VsCodeWindow } from '../host/window.ts';
import { type Editor, loginWithKey, pictureOf, startEditor } from './editor.ts';

describe('language models of the installed extension', () => {
  let simulator: Simulator;
  let editor: Editor;
  let window: VsCodeWindow;

  before(async () => {
    simulator = await startSimulator({});
    simulator.addKey('sk-good');
    editor = await startEditor({}, undefined, {
      extensions: [join(repositoryDir, 'test', 'vscode', 'chat-extension')],
    });
    window = await editor.open({ theme: 'dark' });
    await window.statusBarItem(/no account/);
    await loginWithKey(window, { baseUrl: simulator.baseUrl, key: 'sk-good', label: 'Good' });
    await window.statusBarItem(/1 of 1 accounts ready/);
  });
  afterEach(function () {
    return pictureOf(window, this.currentTest);
  });
  after(async () => {
    await window?.close();
    await editor?.stop();
    await simulator?.close();
  });

  /** Runs a command of the other extension and returns what it wrote. */
  const resultOf = async (title: string, name: string, driven = window) => {
    const file = join(editor.server.homeDir, `${name}.json`);
    await rm(file, { force: true });
    await driven.runCommand(`Chat User: ${title}`);
    return JSON.parse(await waitFor(file, () => readFile(file, 'utf8').catch(() => undefined)));
  };

  it('are every model of the accounts, with their context sizes and token counts', async () => {
    const { models, counts } = await resultOf('List Models', 'listModels');
    assert.deepEqual(
      models.find(({ id }: { id: string }) => id === 'qwen3-coder-plus'),
      { id: 'qwen3-coder-plus', vendor: 'qwen-proxy', maxInputTokens: 983_040 },
    );
    assert.ok(counts[0] > 0 && counts[1] > 20 * counts[0], JSON.stringify(counts));
  });

  it('see images, call a tool that they have to call, and answer its result', async () => {
    const { name, input, text, error } = await resultOf('Call a Tool', 'callTool');
    assert.equal(error, undefined);
    assert.deepEqual([name, Object.keys(input)], ['get_weather', ['city']]);
    assert.notEqual(text, '');
    const [first, second] = simulator.chatRequests.slice(-2).map(({ rawBody }) => rawBody);
    assert.match(first ?? '', /"image_url".*data:image\/png;base64,/);
    assert.match(second ?? '', /"role":"tool".*Sunny, 21 degrees/);
  });

  it('stop when the caller cancels', async () => {
    simulator.fail({ fault: { kind: 'stall', afterChunks: 3 } });
    const { ended } = await resultOf('Cancel an Answer', 'cancel');
    assert.match(ended, /Cancel/);
    await waitFor('the upstream request to be aborted', () => simulator.chatRequests.at(-1)?.answered === 'aborted');
  });

  it('serve a window that follows as well', async () => {
    const follower = await editor.open({ context: window.context });
    try {
      await follower.statusBarItem(/1 of 1 accounts ready/);
      const { name } = await resultOf('Call a Tool', 'callTool', follower);
      assert.equal(name, 'get_weather');
    } finally {
      await follower.close();
    }
  });
});
