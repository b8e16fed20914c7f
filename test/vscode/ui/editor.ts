import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort } from '../../support/free-port.ts';
import { repositoryDir } from '../host/paths.ts';
import { installVsix } from '../host/run-in-host.ts';
import { type Settings, startVsCodeServer, type VsCodeServer, type VsCodeServerOptions } from '../host/server.ts';
import { waitFor } from '../host/wait.ts';
import { openWindow, type VsCodeWindow, type WindowOptions } from '../host/window.ts';

const { name, version }: { name: string; version: string } = JSON.parse(
  readFileSync(join(repositoryDir, 'package.json'), 'utf8'),
);

/** The package that `npm run package` made. */
export const vsixPath = join(repositoryDir, `${name}-${version}.vsix`);

/** A VS Code with the packaged extension installed, serving on a port that was free. */
export interface Editor {
  readonly server: VsCodeServer;
  readonly port: number;
  open(options?: WindowOptions): Promise<VsCodeWindow>;
  stop(): Promise<void>;
}

export async function startEditor(
  settings: Settings = {},
  locale?: string,
  more: Pick<VsCodeServerOptions, 'extensions' | 'env'> = {},
): Promise<Editor> {
  const port = await findFreePort();
  const server = await startVsCodeServer({
    ...more,
    machineSettings: { 'qwenProxy.port': port, ...settings },
    ...(locale !== undefined && { locale }),
  });
  try {
    await installVsix(server, vsixPath);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { server, port, open: (options) => openWindow(server, options), stop: () => server.stop() };
}

/** Runs a command that copies something, and returns what it copied. The toast may be missing: VS Code limits their rate. */
export async function copyWith(window: VsCodeWindow, command: string): Promise<string> {
  const { page } = window;
  await page.evaluate(() => navigator.clipboard.writeText(''));
  await window.runCommand(command);
  return waitFor(`the clipboard to be filled by "${command}"`, async () => {
    const text = await page.evaluate(() => navigator.clipboard.readText());
    return text === '' ? undefined : text;
  });
}

/** Adds an account of the plan "Custom endpoint" through the login command, as a user does. */
export async function loginWithKey(
  window: VsCodeWindow,
  { baseUrl, key, label }: { baseUrl: string; key: string; label: string },
  command = 'Qwen: Login',
): Promise<void> {
  await window.runCommand(command);
  await window.quickPick.choose('Custom endpoint');
  await window.inputBox.type(baseUrl);
  await window.inputBox.accept();
  await window.inputBox.type(key);
  await window.inputBox.accept();
  await window.inputBox.type(label);
  await window.inputBox.accept();
}

/** Leaves a picture of what the user saw when a test failed, among the artefacts. */
export function pictureOf(
  window: VsCodeWindow | undefined,
  test: Mocha.Test | undefined,
): Promise<unknown> | undefined {
  if (test?.state !== 'failed' || window === undefined) return undefined;
  return window.screenshot(`failed-${test.title.replace(/[^\w]+/g, '-').slice(0, 60)}`);
}
