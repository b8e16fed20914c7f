import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Simulator } from '../../simulator/simulator.ts';
import { startSimulator } from '../../simulator/simulator.ts';
import { waitFor } from '../host/wait.ts';
import type { VsCodeWindow } from '../host/window.ts';
import { copyWith, type Editor, loginWithKey, pictureOf, startEditor } from './editor.ts';

const isServing = async (port: number): Promise<boolean> => {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health`)).ok;
  } catch {
    return false;
  }
};

describe('serving in the installed extension', () => {
  let simulator: Simulator;
  let editor: Editor;
  let window: VsCodeWindow;
  let folder: string;
  /** Begin and end of the time in which the extension host was blocked, epoch milliseconds. */
  let spinFile: string;

  before(async () => {
    simulator = await startSimulator({});
    for (const key of ['sk-first', 'sk-second']) simulator.addKey(key);
    folder = await mkdtemp(join(tmpdir(), 'qwen-proxy-spin-'));
    spinFile = join(folder, 'spins');
    const extensions = [join(import.meta.dirname, '..', 'fixtures', 'spinning-extension')];
    editor = await startEditor({}, undefined, { extensions, env: { SPINNING_FILE: spinFile } });
    window = await editor.open({ theme: 'hc-dark' });
    await window.statusBarItem(/no account/);
    await loginWithKey(window, { baseUrl: simulator.baseUrl, key: 'sk-first', label: 'First' });
    await window.statusBarItem(/1 of 1 accounts ready/);
    await loginWithKey(window, { baseUrl: simulator.baseUrl, key: 'sk-second', label: 'Second' });
    await window.statusBarItem(/2 of 2 accounts ready/);
  });
  afterEach(function () {
    return pictureOf(window, this.currentTest);
  });
  after(async () => {
    await window?.close();
    await editor?.stop();
    await simulator?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const chat = (key: string) =>
    fetch(`http://127.0.0.1:${editor.port}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'qwen3-coder-plus', stream: true, messages: [{ role: 'user', content: 'hello' }] }),
    });

  it('rotates unseen when the first account has no quota, and shows it', async () => {
    const key = await copyWith(window, 'Qwen: Copy API Key');
    simulator.fail({ key: 'sk-first', fault: { kind: 'error', id: 31 } });
    const response = await chat(key);
    const text = await response.text();
    assert.equal(response.status, 200);
    assert.match(text, /data: \[DONE\]/);
    assert.doesNotMatch(text, /quota/i);
    const item = await window.statusBarItem(/1 of 2 accounts ready/);
    await item.waitForText(/1\/2/);
    await window.screenshot('status-bar-hc-dark');
  });

  it('streams on while another extension blocks the thread of the extension host', async () => {
    const key = await copyWith(window, 'Qwen: Copy API Key');
    // Endless for any machine; the test leaves when it has seen enough.
    simulator.script({ answer: { text: Array(50_000).fill('word '), chunkDelayMs: 20 } });
    const response = await chat(key);
    const reader = response.body?.getReader() ?? assert.fail('no body');
    const arrivalsMs: number[] = [];
    const reading = (async () => {
      while (!(await reader.read()).done) arrivalsMs.push(Date.now());
    })().catch(() => {});
    await window.runCommand('Spinning: Block the Extension Host');
    const spins = await waitFor('the extension host to be free again', async () =>
      readFile(spinFile, 'utf8').catch(() => undefined),
    );
    await reader.cancel();
    await reading;
    const [beginMs = 0, endMs = 0] = spins.trim().split(' ').map(Number);
    assert.ok(endMs - beginMs >= 5_000);
    const meanwhile = arrivalsMs.filter((atMs) => atMs > beginMs && atMs < endMs).length;
    // Were the stream to go through that thread, nothing would come in these five seconds.
    assert.ok(meanwhile >= 10, `${meanwhile} reads while the thread was blocked`);
  });

  it('stops, starts and restarts on the same port', async () => {
    const key = await copyWith(window, 'Qwen: Copy API Key');
    await window.runCommand('Qwen: Stop Proxy');
    await window.statusBarItem(/stopped/);
    assert.equal(await isServing(editor.port), false);
    await window.runCommand('Qwen: Start Proxy');
    await window.statusBarItem(/of 2 accounts ready/);
    assert.equal(await isServing(editor.port), true);
    // Only a server that went ends this one.
    simulator.fail({ fault: { kind: 'stall', afterChunks: 3 } });
    const stalled = await chat(key);
    assert.equal(stalled.status, 200);
    await window.runCommand('Qwen: Restart Proxy');
    assert.doesNotMatch(await stalled.text().catch(() => ''), /\[DONE\]/);
    await waitFor('the proxy to serve again', () => isServing(editor.port));
    await window.statusBarItem(/of 2 accounts ready/);
  });

  it('names who holds its port, and takes a free one on a click only', async () => {
    await window.runCommand('Qwen: Stop Proxy');
    await window.statusBarItem(/stopped/);
    const stranger = createServer((_request, response) => response.end('hello')).listen(editor.port, '127.0.0.1');
    await new Promise((resolve) => stranger.once('listening', resolve));
    try {
      await window.runCommand('Qwen: Start Proxy');
      const message = await window.notification(new RegExp(`port ${editor.port} is taken by .*pid ${process.pid}`));
      await window.screenshot('port-taken-hc-dark');
      await message.click('Use a Free Port');
      const moved = await window.notification(/now serves on http:\/\/127\.0\.0\.1:\d+\/v1/);
      const port = Number(/127\.0\.0\.1:(\d+)/.exec(moved.text)?.[1]);
      assert.notEqual(port, editor.port);
      assert.equal(await isServing(port), true);
    } finally {
      stranger.close();
    }
  });
});
