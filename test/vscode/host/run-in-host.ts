import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { BrowserContext } from 'playwright-core';
import { ensureVsCodeServer } from '../../../scripts/vscode-host.mjs';
import type { VsCodeServer } from './server.ts';
import { within } from './wait.ts';
import { openWindow, remoteUri } from './window.ts';

export interface ExtensionTestOptions {
  /** A server started with `testDriver: true`. */
  readonly server: VsCodeServer;
  /** Folder of the extension under test. */
  readonly extensionDevelopmentPath: string;
  /** A CommonJS module that exports `run(): Promise<void>`. */
  readonly extensionTestsPath: string;
  /** Folder to open in the window. */
  readonly folder?: string;
  readonly context?: BrowserContext;
  readonly timeoutMs?: number;
  readonly onTestOutput?: (line: string) => void;
}

export interface ExtensionTestResult {
  /** 0 when `run()` resolved. */
  readonly exitCode: number;
  readonly output: string;
}

/** Opens a window, lets its extension host execute the tests and returns what they said. */
export async function runExtensionTests(options: ExtensionTestOptions): Promise<ExtensionTestResult> {
  const { server, extensionDevelopmentPath, extensionTestsPath, timeoutMs = 5 * 60_000, ...windowOptions } = options;
  const window = await openWindow(server, {
    ...windowOptions,
    payload: [
      ['extensionDevelopmentPath', remoteUri(server, extensionDevelopmentPath)],
      ['extensionTestsPath', remoteUri(server, extensionTestsPath)],
    ],
  });
  try {
    const exitCode = await within('the tests in the extension host to end', window.tests.exit, timeoutMs);
    // Tests that could not even be loaded printed nothing: then the workbench knows why.
    return { exitCode, output: window.tests.output() || window.tests.workbenchLog() };
  } finally {
    await window.close();
  }
}

/** Installs a packaged extension; windows that are opened afterwards have it. */
export async function installVsix(server: VsCodeServer, path: string): Promise<void> {
  const { node, main } = await ensureVsCodeServer();
  const folders = ['--extensions-dir', server.extensionsDir, '--server-data-dir', server.dataDir];
  const flags = ['--install-extension', path, '--force', '--accept-server-license-terms', ...folders];
  await promisify(execFile)(node, [main, ...flags], { timeout: 60_000 });
}
