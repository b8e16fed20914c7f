import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContext, Frame, Page } from 'playwright-core';
import { type Automation, exposeAutomation } from './automation.ts';
import { launchContext } from './browser.ts';
import { dialog, type Message, notification } from './notifications.ts';
import { artifactsDir } from './paths.ts';
import { type InputBox, inputBoxOf, type QuickPick, quickPickOf, runCommand } from './quick-input.ts';
import type { VsCodeServer } from './server.ts';
import { type StatusBarItem, statusBarItem } from './status-bar.ts';
import { waitFor } from './wait.ts';
import { type FramePredicate, webviewFrame } from './webview.ts';

/** The kinds of colour theme a user can choose. */
export type Theme = 'light' | 'dark' | 'hc-dark' | 'hc-light';

/** Pairs for the workbench, for example `['extensionTestsPath', 'vscode-remote://…']`. */
export type Payload = readonly (readonly [name: string, value: string])[];

export interface WindowOptions {
  readonly payload?: Payload;
  /** Folder to open; without it the window is empty. */
  readonly folder?: string;
  readonly theme?: Theme;
  /** Language of the browser; the display language of VS Code is the server's. */
  readonly locale?: string;
  /** Opens the window beside others of this context; otherwise it gets a browser of its own. */
  readonly context?: BrowserContext;
  /** Receives each line of test output; by default standard output does. */
  readonly onTestOutput?: (line: string) => void;
}

/** A VS Code window, driven as a user would. */
export interface VsCodeWindow {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly tests: Automation;
  readonly quickPick: QuickPick;
  readonly inputBox: InputBox;
  /** Runs a command by its full title through the command palette. */
  runCommand(title: string): Promise<void>;
  notification(text: RegExp, timeoutMs?: number): Promise<Message>;
  dialog(text: RegExp, timeoutMs?: number): Promise<Message>;
  statusBarItem(name: RegExp): Promise<StatusBarItem>;
  /** The inner frame of a webview; by default of the only one. */
  webviewFrame(predicate?: FramePredicate): Promise<Frame>;
  /** Writes `test-artifacts/<name>.png` and returns its path. */
  screenshot(name: string): Promise<string>;
  /** Chooses a theme as a user does; it is a setting, so it changes in every window of the server. */
  setTheme(theme: Theme): Promise<void>;
  /** Loads the window anew, in another theme. */
  reload(theme: Theme): Promise<void>;
  /** Closes the page, and the browser if it was started for it. */
  close(): Promise<void>;
}

/** Name in the settings, label in the picker, class on the workbench. */
const themes: Readonly<Record<Theme, { name: string; label: string; className: string }>> = {
  light: { name: 'Light 2026', label: 'Light 2026', className: 'vs' },
  dark: { name: 'Dark 2026', label: 'Dark 2026', className: 'vs-dark' },
  'hc-dark': { name: 'Default High Contrast', label: 'Dark High Contrast', className: 'hc-black' },
  'hc-light': { name: 'Default High Contrast Light', label: 'Light High Contrast', className: 'hc-light' },
};

/** Opens a window; resolves when the workbench and its status bar are there. */
export async function openWindow(server: VsCodeServer, options: WindowOptions = {}): Promise<VsCodeWindow> {
  if (options.payload && !server.testDriver) throw new Error('A payload needs a server started with testDriver: true');
  const context = options.context ?? (await launchContext(options.locale ?? server.locale));
  const page = await context.newPage();
  const close = async () => {
    await page.close();
    if (!options.context) await context.browser()?.close();
  };
  try {
    const tests = await exposeAutomation(page, options.onTestOutput ?? ((line) => process.stdout.write(`${line}\n`)));
    if (options.theme) await server.updateUserSettings({ 'workbench.colorTheme': themes[options.theme].name });
    await page.goto(windowUrl(server, options));
    const statusBar = page.locator('.monaco-workbench .part.statusbar');
    await waitFor('the workbench with its status bar', () => statusBar.locator('.statusbar-item').first().isVisible());
    if (options.theme) await waitForTheme(page, options.theme);
    const reload = async (theme: Theme) => {
      await server.updateUserSettings({ 'workbench.colorTheme': themes[theme].name });
      await page.reload();
      await waitForTheme(page, theme);
    };
    return { page, context, tests, ...helpersOf(page), reload, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function helpersOf(page: Page): Omit<VsCodeWindow, 'page' | 'context' | 'tests' | 'reload' | 'close'> {
  return {
    quickPick: quickPickOf(page),
    inputBox: inputBoxOf(page),
    runCommand: (title) => runCommand(page, title),
    notification: (text, timeoutMs) => notification(page, text, timeoutMs),
    dialog: (text, timeoutMs) => dialog(page, text, timeoutMs),
    statusBarItem: (name) => statusBarItem(page, name),
    webviewFrame: (predicate) => webviewFrame(page, predicate),
    async screenshot(name) {
      await mkdir(artifactsDir, { recursive: true });
      const path = join(artifactsDir, `${name}.png`);
      await page.screenshot({ path, animations: 'disabled' });
      return path;
    },
    async setTheme(theme) {
      await runCommand(page, 'Preferences: Color Theme');
      await quickPickOf(page).choose(themes[theme].label);
      await waitForTheme(page, theme);
    },
  };
}

async function waitForTheme(page: Page, theme: Theme): Promise<void> {
  const workbench = page.locator(`.monaco-workbench.${themes[theme].className}`);
  await waitFor(`the ${theme} theme`, () => workbench.isVisible());
}

/** The address under which a window finds an absolute path of the server's machine. */
export function remoteUri(server: VsCodeServer, path: string): string {
  return `vscode-remote://127.0.0.1:${server.port}${path}`;
}

function windowUrl(server: VsCodeServer, { folder, payload }: WindowOptions): string {
  const url = new URL(server.url);
  if (folder) url.searchParams.set('folder', folder);
  else url.searchParams.set('ew', 'true');
  if (payload) url.searchParams.set('payload', JSON.stringify(payload));
  return url.href;
}
