import assert from 'node:assert/strict';
import * as vscode from 'vscode';

const extensionId = 'qwen-proxy.qwen-openai-proxy';

async function eventually(what: string, check: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline; ) {
    if (await check().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Waited for ${what} in vain.`);
}

describe('activation', () => {
  it('activates by itself and registers every contributed command', async () => {
    const extension = vscode.extensions.getExtension(extensionId);
    assert.ok(extension);
    await eventually('activation', async () => extension.isActive);
    const registered = new Set(await vscode.commands.getCommands(true));
    const contributed: { command: string }[] = extension.packageJSON.contributes.commands;
    assert.deepEqual(
      contributed.map(({ command }) => command).filter((command) => !registered.has(command)),
      [],
    );
  });

  it('serves on the port of the settings, from a thread of its own', async () => {
    const port = process.env.QWEN_PROXY_TEST_PORT;
    await eventually('the server', async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok);
    const health = await (await fetch(`http://127.0.0.1:${port}/health`)).json();
    assert.equal(health.name, 'qwen-proxy');
    // A blocked extension host does not keep the server from answering: ask from another process while this thread sleeps.
    const { execFile } = await import('node:child_process');
    const asked = new Promise<string>((resolve, reject) => {
      const script = `setTimeout(() => fetch('http://127.0.0.1:${port}/health').then(async (r) => { console.log(Date.now(), (await r.json()).status); }), 300)`;
      execFile(process.execPath, ['-e', script], (error, stdout) => (error ? reject(error) : resolve(stdout)));
    });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000);
    const unblockedAt = Date.now();
    const [answeredAt, status] = (await asked).trim().split(' ');
    assert.equal(status, 'ok');
    assert.ok(Number(answeredAt) < unblockedAt, 'the answer came only when the extension host was free again');
  });

  it('leaves the globals of the extension host alone', async () => {
    const listeners = ['SIGTERM', 'SIGINT', 'uncaughtException', 'exit'].map((name) =>
      process.listeners(name as NodeJS.Signals),
    );
    const ours = listeners.flat().filter((listener) => /qwen|listhen/i.test(String(listener)));
    assert.deepEqual(ours, []);
    assert.equal(await vscode.workspace.getConfiguration('qwenProxy').get('host'), '127.0.0.1');
  });
});
