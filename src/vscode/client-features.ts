import { access } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { writeLogName } from '../clients/write-log-name.ts';
import type { App } from './app.ts';
import type { ClientFeatures } from './clients/main.ts';

/** Loads what configures other programs once somebody needs it. */
export function createClientLoader(app: App): () => Promise<ClientFeatures> {
  let loaded: Promise<ClientFeatures> | undefined;
  return () => {
    loaded ??= import('./clients/main.ts').then(({ createClientFeatures }) => createClientFeatures(app));
    return loaded;
  };
}

/** The parts that wait: the terminal profile, the terminals' variables if switched on, and clients that need a new port. */
export function registerClientFeatures(
  app: App,
  load: () => Promise<ClientFeatures>,
  context: vscode.ExtensionContext,
): vscode.Disposable {
  let terminals: ReturnType<ClientFeatures['createTerminalVariables']> | undefined;
  let servedUrl: string | undefined;
  const safely = (work: () => Promise<unknown>) => void work().catch((error) => app.log.warn(String(error)));

  const followTerminals = async () => {
    const choice = vscode.workspace.getConfiguration('qwenProxy').get('terminal.environment');
    if (terminals === undefined && (choice ?? 'off') === 'off') return;
    const features = await load();
    terminals ??= features.createTerminalVariables(context.environmentVariableCollection);
    await terminals.update();
  };
  const followClients = async () => {
    const { state, url, gateway } = app.host.lastSnapshot;
    // One window asks, and once for each address; every window follows a gateway, so it is the one in front.
    const isAsking = gateway === undefined ? state === 'serving' : url !== undefined && vscode.window.state.focused;
    if (!isAsking || url === servedUrl) return;
    servedUrl = url;
    const isThere = await access(join(app.stateDirectory, writeLogName)).then(
      () => true,
      () => false,
    );
    if (isThere) await (await load()).offerRewrites();
  };
  setImmediate(() => safely(followTerminals));
  return vscode.Disposable.from(
    vscode.window.registerTerminalProfileProvider('qwenProxy.shell', {
      provideTerminalProfile: async () => (await load()).createQwenShell(),
    }),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('qwenProxy.terminal')) safely(followTerminals);
    }),
    app.host.onDidChangeSnapshot(() => safely(followClients)),
    { dispose: () => terminals?.dispose() },
  );
}
