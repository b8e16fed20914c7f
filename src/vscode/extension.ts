import * as vscode from 'vscode';
import { systemClock } from '../core/clock.ts';
import { type App, offer, showFailure } from './app.ts';
import { registerChatModels } from './chat-models.ts';
import { createClientLoader, registerClientFeatures } from './client-features.ts';
import { createContextKeys } from './context-keys.ts';
import { startProxy, tellProblem } from './lifecycle.ts';
import { createLogger } from './logger.ts';
import { registerCommands } from './register-commands.ts';
import { createServerHost, type ServerHost } from './server-host.ts';
import {
  createSettingsReporter,
  networkSettingIds,
  readAutoStart,
  readGatewaySetting,
  readProxySettings,
} from './settings.ts';
import { gatewaySettingKey, settingsSection } from './settings-table.ts';
import { createStatusBar } from './status-bar.ts';
import { createSecretStore, hasLostSecrets } from './storage.ts';
import type { Views } from './views/main.ts';
import { toWorkerEnvironment } from './worker-environment.ts';

let running: ServerHost | undefined;

/** Wires everything; the server is loaded only after the editor has its answer. */
export function activate(context: vscode.ExtensionContext): void {
  try {
    wire(context);
  } catch (error) {
    void vscode.window.showErrorMessage(vscode.l10n.t('Qwen Proxy could not be activated: {0}', String(error)));
    throw error;
  }
}

/** Ends the server. The editor's own API is out of reach here: its channels may already be closed. */
export async function deactivate(): Promise<void> {
  await running?.dispose();
  running = undefined;
}

function wire(context: vscode.ExtensionContext): void {
  const startedMs = performance.now();
  const log = vscode.window.createOutputChannel('Qwen Proxy', { log: true });
  const secrets = createSecretStore(context.secrets);
  const { settings, refused } = readProxySettings();
  const host = createServerHost({
    settings,
    secrets,
    logger: createLogger(log),
    clock: systemClock,
    version: String(context.extension.packageJSON.version),
    stateDirectory: context.globalStorageUri.fsPath,
    serverPath: context.asAbsolutePath('dist/server.js'),
    environment: () => toWorkerEnvironment(process.env),
    gateway: readGatewaySetting,
    connectGateway: async (...call) => (await import('./team-gateway/main.ts')).connectGateway(...call),
    createInProcess: async (options) => {
      const { createHostedProxy } = await import('../gateway/main.ts');
      return createHostedProxy({ ...options, mode: 'editor', environment: toWorkerEnvironment(process.env) });
    },
  });
  running = host;
  let views: Promise<Views> | undefined;
  const app: App = {
    host,
    log,
    secrets,
    extensionUri: context.extensionUri,
    stateDirectory: context.globalStorageUri.fsPath,
    views() {
      views ??= import('./views/main.ts').then(({ createViews }) => createViews(app));
      return views;
    },
  };
  const reportSettings = createSettingsReporter(log);
  context.subscriptions.push(
    log,
    secrets,
    createStatusBar(host),
    createContextKeys(host),
    registerCommands(app),
    registerClientFeatures(app, createClientLoader(app), context),
    registerChatModels(app),
    secrets.onDidChange(() => void host.secretsChanged().catch((error) => log.error(String(error)))),
    vscode.workspace.onDidChangeConfiguration((event) => void followSettings(app, event, reportSettings)),
  );
  // The promise is 20 ms of the thread that all extensions share; bench/activate.ts reads this line.
  log.info(`Activated in ${(performance.now() - startedMs).toFixed(1)} ms`);
  setImmediate(() => {
    reportSettings(refused);
    void showViews(context, app);
    void begin(app);
    void checkStorage(context, log);
  });
}

async function showViews(context: vscode.ExtensionContext, app: App): Promise<void> {
  try {
    context.subscriptions.push(await app.views());
  } catch (error) {
    await showFailure(app, error);
  }
}

async function begin(app: App): Promise<void> {
  try {
    // What keeps a window from its gateway is in the status bar; nothing pops up when an editor opens.
    if (readGatewaySetting() !== undefined) await app.host.start();
    else await (readAutoStart() ? startProxy(app) : app.host.open());
  } catch (error) {
    await showFailure(app, error);
  }
}

async function checkStorage(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): Promise<void> {
  try {
    if (await hasLostSecrets(context.secrets, context.globalState)) await tellLostSecrets();
  } catch (error) {
    log.warn(String(error));
  }
}

async function followSettings(
  app: App,
  event: vscode.ConfigurationChangeEvent,
  reportSettings: ReturnType<typeof createSettingsReporter>,
): Promise<void> {
  const ids = [settingsSection, ...networkSettingIds];
  if (!ids.some((id) => event.affectsConfiguration(id))) return;
  const { settings, refused } = readProxySettings();
  reportSettings(refused);
  try {
    const snapshot = await app.host.updateSettings(settings);
    if (!event.affectsConfiguration(`${settingsSection}.${gatewaySettingKey}`)) return await tellProblem(app, snapshot);
    const isServing = readGatewaySetting() !== undefined || readAutoStart();
    await tellProblem(app, await app.host.restart({ isServing }));
  } catch (error) {
    await showFailure(app, error);
  }
}

async function tellLostSecrets(): Promise<void> {
  const text = vscode.l10n.t(
    'This editor did not keep the credentials of the last session: it has no keyring, or the browser was changed. Accounts have to be added again.',
  );
  const page = vscode.Uri.parse(
    'https://code.visualstudio.com/docs/configure/settings-sync#_troubleshooting-keychain-issues',
  );
  await offer(vscode.window.showWarningMessage, text, [
    { label: vscode.l10n.t('How to Fix It'), run: () => vscode.env.openExternal(page) },
  ]);
}
