import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { ensureVsCodeServer } from '../../../scripts/vscode-host.mjs';
import { endProcessGroup, endWithUs } from './process-tree.ts';
import { waitFor } from './wait.ts';

/** Setting id → value, as in a settings.json. */
export type Settings = Readonly<Record<string, unknown>>;

export interface VsCodeServerOptions {
  /**
   * Honours `payload` in windows, which tests inside the extension host need. VS Code then shows no notification as a
   * toast, so tests that look at the workbench as a user does leave it out and name their extension in `extensions`.
   */
  readonly testDriver?: boolean;
  /** Folders of unpacked extensions to have installed. */
  readonly extensions?: readonly string[];
  /** Folder of installed extensions; by default an empty one that goes away with the server. */
  readonly extensionsDir?: string;
  /** Settings of the user; merged over defaults that silence first-run pages. */
  readonly userSettings?: Settings;
  /** Settings of scope `machine`: every window here is a remote one, and those ignore them in the user's file. */
  readonly machineSettings?: Settings;
  /** Display language, for example `zh-cn`: extensions get it as `env.language`, their texts are translated. */
  readonly locale?: string;
  /** Variables for the server and its extension hosts; `undefined` removes one. HOME is a temporary folder. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface VsCodeServer {
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  readonly homeDir: string;
  readonly extensionsDir: string;
  readonly testDriver: boolean;
  readonly locale: string | undefined;
  /** What the server printed so far. */
  log(): string;
  /** Merges into the user's settings file. Windows read it when they load; open ones do not notice. */
  updateUserSettings(settings: Settings): Promise<void>;
  /** Merges into the machine's settings file; open windows follow. */
  updateMachineSettings(settings: Settings): Promise<void>;
  /** Ends the server with all its extension hosts and removes its folders. */
  stop(): Promise<void>;
}

const quietUserSettings: Settings = {
  'workbench.startupEditor': 'none',
  'workbench.reduceMotion': 'on',
  'workbench.tips.enabled': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'extensions.ignoreRecommendations': true,
  'extensions.autoUpdate': 'off',
  'extensions.autoCheckUpdates': false,
  'update.showReleaseNotes': false,
  'remote.autoForwardPorts': false,
  'git.enabled': false,
};

// Without it the server would ask a public gallery for updates and recommendations.
const noGallery = JSON.stringify({ serviceUrl: '' });

/** Starts a VS Code server on a free loopback port; resolves when windows can be opened. */
export async function startVsCodeServer(options: VsCodeServerOptions = {}): Promise<VsCodeServer> {
  const files = await ensureVsCodeServer();
  const dataDir = await mkdtemp(join(tmpdir(), 'vscode-server-'));
  const extensionsDir = options.extensionsDir ?? join(dataDir, 'extensions');
  const homeDir = join(dataDir, 'home');
  const userSettingsFile = join(dataDir, 'data', 'User', 'settings.json');
  const machineSettingsFile = join(dataDir, 'data', 'Machine', 'settings.json');
  await mkdir(homeDir, { recursive: true });
  await mkdir(extensionsDir, { recursive: true });
  for (const folder of options.extensions ?? []) await symlink(folder, join(extensionsDir, basename(folder)), 'dir');
  await writeJson(userSettingsFile, { ...quietUserSettings, ...options.userSettings });
  await writeJson(machineSettingsFile, options.machineSettings ?? {});
  if (options.locale) await writeLanguagePack(dataDir, options.locale);

  const child = spawn(files.node, [files.main, ...serverFlags(dataDir, extensionsDir, options)], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: serverEnvironment(homeDir, options.env),
  });
  endWithUs(child, dataDir);
  let log = '';
  const append = (chunk: Buffer) => {
    log += chunk.toString();
  };
  child.stdout.on('data', append);
  child.stderr.on('data', append);
  child.on('error', (error) => append(Buffer.from(String(error))));

  const stop = async () => {
    await endProcessGroup(child);
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const port = await waitFor('the VS Code server to listen', () => {
      if (child.exitCode !== null) throw new Error('the server ended');
      return Number(/Extension host agent listening on (\d+)/.exec(log)?.[1]) || undefined;
    });
    return {
      url: `http://127.0.0.1:${port}/`,
      port,
      dataDir,
      homeDir,
      extensionsDir,
      testDriver: options.testDriver ?? false,
      locale: options.locale,
      log: () => log,
      updateUserSettings: (settings) => mergeJson(userSettingsFile, settings),
      updateMachineSettings: (settings) => mergeJson(machineSettingsFile, settings),
      stop,
    };
  } catch (error) {
    await stop();
    throw new Error(`The VS Code server did not start:\n${log}`, { cause: error });
  }
}

function serverFlags(dataDir: string, extensionsDir: string, options: VsCodeServerOptions): string[] {
  const flags = ['--host', '127.0.0.1', '--port', '0', '--server-data-dir', dataDir, '--extensions-dir', extensionsDir];
  flags.push('--without-connection-token', '--accept-server-license-terms');
  flags.push('--disable-telemetry', '--disable-workspace-trust', '--disable-getting-started-override');
  if (options.testDriver) flags.push('--enable-smoke-test-driver');
  if (options.locale) flags.push('--locale', options.locale);
  return flags;
}

/** The surrounding environment without what an editor, npm or a desktop would leak into the extension hosts. */
function serverEnvironment(homeDir: string, overrides: VsCodeServerOptions['env']): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(VSCODE_|ELECTRON_|XDG_|npm_|NODE_OPTIONS$|NODE_V8_COVERAGE$|FORCE_COLOR$)/.test(name),
  );
  return { ...Object.fromEntries(inherited), HOME: homeDir, EXTENSIONS_GALLERY: noGallery, ...overrides };
}

/**
 * Registers a language pack without messages: the workbench stays English, but it knows the language, and extensions
 * get their own translations. A real pack comes from the marketplace only.
 */
async function writeLanguagePack(dataDir: string, locale: string): Promise<void> {
  const translations = join(dataDir, 'data', 'language-pack', 'main.i18n.json');
  await writeJson(translations, { version: '1.0.0', contents: {} });
  const provider = { extensionIdentifier: { id: `test.language-pack-${locale}` }, version: '1.0.0' };
  const pack = { hash: 'test', extensions: [provider], translations: { vscode: translations }, label: locale };
  await writeJson(join(dataDir, 'data', 'languagepacks.json'), { [locale]: pack });
}

async function mergeJson(path: string, settings: Settings): Promise<void> {
  const current: Settings = JSON.parse(await readFile(path, 'utf8'));
  await writeJson(path, { ...current, ...settings });
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify(value, undefined, 2));
}
