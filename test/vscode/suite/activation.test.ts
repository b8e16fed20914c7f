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
    // This thread is blocked until another process has its answer: only a server outside of it can give one.
    const script = `fetch('http://127.0.0.1:${port}/health', { signal: AbortSignal.timeout(15_000) }).then(async (answer) => console.log((await answer.json()).status))`;
    const { execFileSync } = await import('node:child_process');
    assert.equal(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim(), 'ok');
  });

  it('has the settings that its package declares', () => {
    assert.equal(vscode.workspace.getConfiguration('qwenProxy').get('host'), '127.0.0.1');
  });
});
