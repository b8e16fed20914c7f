/** Proves each helper of this folder on a trivial extension. Run: `node test/vscode/host/selftest.ts`. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Frame } from 'playwright-core';
import { buildHostTests } from '../../../scripts/build-host-tests.mjs';
import { launchContext } from './browser.ts';
import { repositoryDir } from './paths.ts';
import { installVsix, runExtensionTests } from './run-in-host.ts';
import { startVsCodeServer, type VsCodeServer } from './server.ts';
import { visibleText } from './wait.ts';
import { openWindow, type VsCodeWindow } from './window.ts';

const fixtures = join(repositoryDir, 'test', 'vscode', 'fixtures');
const extension = join(fixtures, 'hello-extension');
const outDir = join(repositoryDir, '.vscode-test', 'out', 'selftest');

/** What the page of the fixture tells about its extension host. */
interface Facts {
  readonly pid: number;
  readonly language: string;
  readonly perMachine: string;
  readonly perInstall: string;
  readonly perWindow: string;
  readonly home: string;
  readonly greeting: string;
}

async function showFacts(window: VsCodeWindow): Promise<{ frame: Frame; facts: Facts }> {
  await window.statusBarItem(/Greeter/);
  await window.runCommand('Hello: Show Page');
  const frame = await window.webviewFrame(async (candidate) => (await candidate.locator('pre').count()) > 0);
  const facts: Facts = JSON.parse(await visibleText(frame.locator('pre')));
  return { frame, facts };
}

test('windows of a server with the extension installed', async (context) => {
  let server: VsCodeServer;
  let window: VsCodeWindow;
  const values = (value: string) => ({
    'hello.perMachine': value,
    'hello.perInstall': value,
    'hello.perWindow': value,
  });
  before(async () => {
    server = await startVsCodeServer({
      extensions: [extension],
      userSettings: values('user'),
      machineSettings: { 'hello.perMachine': 'machine' },
      env: { HELLO_GREETING: 'hi' },
    });
    window = await openWindow(server, { theme: 'light' });
  });
  after(async () => {
    await window?.close();
    await server?.stop();
  });

  await context.test('status bar item: text, name, tooltip', async () => {
    const item = await window.statusBarItem(/Greeter/);
    assert.equal(await item.text(), 'hello 0');
    assert.equal(await item.ariaLabel(), 'Greeter, nobody greeted');
    assert.equal(await item.tooltip(), 'Greeted nobody yet');
  });

  await context.test('command, quick pick, input box, notifications', async () => {
    await window.runCommand('Hello: Greet');
    assert.deepEqual(await window.quickPick.labels(), ['friend', 'stranger']);
    await window.quickPick.choose('stranger');
    assert.match(await window.inputBox.message(), /^Name of the stranger/);
    assert.equal(await window.inputBox.isPassword(), true);
    await window.inputBox.accept();
    assert.equal(await window.inputBox.message(), 'A name, please');
    await window.inputBox.type('Ann');
    await window.inputBox.accept();
    const greeting = await window.notification(/Hello/);
    assert.equal(greeting.text, 'Hello, Ann!');
    assert.deepEqual(await greeting.buttons(), ['Thanks', 'Again']);
    await greeting.click('Thanks');
    const answer = await window.notification(/You said/);
    assert.equal(answer.text, 'You said Thanks');
    await answer.dismiss();
    const item = await window.statusBarItem(/Greeter/);
    await item.waitForText(/hello 1/);
    await item.click();
    await window.quickPick.cancel();
  });

  await context.test('modal dialog', async () => {
    await window.runCommand('Hello: Forget');
    const question = await window.dialog(/Forget everyone/);
    assert.deepEqual((await question.buttons()).toSorted(), ['Cancel', 'Forget']);
    await question.click('Forget');
    await (await window.statusBarItem(/Greeter/)).waitForText(/hello 0/);
  });

  await context.test('webview, settings by scope, environment', async () => {
    const { frame, facts } = await showFacts(window);
    assert.equal(facts.perMachine, 'machine');
    assert.equal(facts.perInstall, 'user');
    assert.equal(facts.perWindow, 'user');
    assert.equal(facts.greeting, 'hi');
    assert.equal(facts.home, server.homeDir);
    await frame.locator('button').click();
    assert.equal(await visibleText(frame.locator('button')), 'pressed');
  });

  await context.test('themes and screenshots', async () => {
    for (const theme of ['dark', 'hc-dark', 'hc-light'] as const) {
      await window.setTheme(theme);
      assert.ok(statSync(await window.screenshot(`selftest-${theme}`)).size > 10_000);
    }
  });

  await context.test('two pages in one context are two windows', async () => {
    const second = await openWindow(server, { context: window.context });
    const [one, two] = [await showFacts(window), await showFacts(second)];
    assert.notEqual(one.facts.pid, two.facts.pid);
    process.kill(one.facts.pid, 0);
    process.kill(two.facts.pid, 0);
    await second.close();
  });

  await context.test('a helper that waits in vain says for what', async () => {
    await assert.rejects(
      window.notification(/never shown/, 300),
      /Waited 300 ms for a notification with \/never shown\//,
    );
  });
});

test('display language: the extension is translated', async () => {
  const server = await startVsCodeServer({ extensions: [extension], locale: 'zh-cn' });
  const context = await launchContext('zh-CN');
  try {
    const window = await openWindow(server, { context });
    await window.statusBarItem(/Greeter/);
    await window.runCommand('Hello: 打招呼');
    await window.quickPick.choose('friend');
    await window.inputBox.type('小明');
    await window.inputBox.accept();
    assert.equal((await window.notification(/小明/)).text, '你好，小明！');
    await window.screenshot('selftest-zh-cn');
    assert.equal((await showFacts(window)).facts.language, 'zh-cn');
  } finally {
    await context.browser()?.close();
    await server.stop();
  }
});

test('tests inside the extension host: exit code and output', async () => {
  const extensionTestsPath = await buildHostTests(join(fixtures, 'hello-suite'), join(outDir, 'suite'));
  for (const [fail, exitCode, expected] of [
    ['0', 0, /2 passing/],
    ['1', 1, /1 passing[\s\S]*failed because HELLO_FAIL is 1/],
  ] as const) {
    const server = await startVsCodeServer({ testDriver: true, env: { HELLO_FAIL: fail } });
    try {
      const run = { server, extensionDevelopmentPath: extension, extensionTestsPath, onTestOutput: () => {} };
      const result = await runExtensionTests(run);
      assert.equal(result.exitCode, exitCode);
      assert.match(result.output, expected);
      const missing = await runExtensionTests({ ...run, extensionTestsPath: join(outDir, 'missing.cjs') });
      assert.notEqual(missing.exitCode, 0);
      assert.match(missing.output, /missing\.cjs/);
    } finally {
      await server.stop();
    }
  }
});

test('a packaged extension; nothing is left after the end', async () => {
  await mkdir(outDir, { recursive: true });
  const vsix = join(outDir, 'hello.vsix');
  const vsce = join(repositoryDir, 'node_modules', '@vscode', 'vsce', 'vsce');
  const flags = ['package', '--no-dependencies', '--allow-missing-repository', '--skip-license', '--out', vsix];
  execFileSync(process.execPath, [vsce, ...flags], { cwd: extension, stdio: 'pipe' });
  const server = await startVsCodeServer();
  try {
    await installVsix(server, vsix);
    const window = await openWindow(server);
    const { facts } = await showFacts(window);
    await window.close();
    await server.stop();
    assert.throws(() => process.kill(facts.pid, 0), /ESRCH/);
    assert.equal(existsSync(server.dataDir), false);
  } finally {
    await server.stop();
  }
});
