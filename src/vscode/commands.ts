import * as vscode from 'vscode';
import { pickAccount, showAccounts } from './accounts.ts';
import { type App, showFailure } from './app.ts';
import type { ClientFeatures } from './clients/main.ts';
import { type CommandId, commandIds } from './command-ids.ts';
import { exportUsage } from './export-usage.ts';
import { copyApiKey, copyEndpoint, restartProxy, startProxy, useFreePort } from './lifecycle.ts';
import type { SignIn } from './sign-in.ts';
import { removeAccount, testAccount } from './verdict.ts';

/** Everything the user can ask for; the ids are those of the manifest. */
function commandTable(
  app: App,
  signIn: SignIn,
  loadClients: () => Promise<ClientFeatures>,
): Readonly<Record<CommandId, () => unknown>> {
  const addAccount = async () => (await import('./login.ts')).login(app, signIn);
  return {
    'qwenProxy.login': addAccount,
    'qwenProxy.addAccount': addAccount,
    'qwenProxy.removeAccount': async () => {
      const account = await pickAccount(app, vscode.l10n.t('Which account shall be removed?'));
      if (account !== undefined) await removeAccount(app, account);
    },
    'qwenProxy.testAccount': async () => {
      const account = await pickAccount(app, vscode.l10n.t('Which account shall be tested?'));
      if (account !== undefined) await testAccount(app, account);
    },
    'qwenProxy.showAccounts': () => showAccounts(app, addAccount, signIn),
    'qwenProxy.exportAccounts': async () => (await import('./account-files.ts')).exportAccounts(app),
    'qwenProxy.importAccounts': async () => (await import('./account-files.ts')).importAccounts(app),
    'qwenProxy.exportUsage': () => exportUsage(app),
    'qwenProxy.start': () => startProxy(app),
    'qwenProxy.stop': () => app.host.stop(),
    'qwenProxy.restart': () => restartProxy(app),
    'qwenProxy.freePort': () => useFreePort(app),
    'qwenProxy.copyEndpoint': () => copyEndpoint(app),
    'qwenProxy.copyApiKey': () => copyApiKey(app),
    'qwenProxy.configureClient': async () => (await loadClients()).configure(),
    'qwenProxy.undoClient': async () => (await loadClients()).undo(),
    'qwenProxy.keepRunning': async () => (await loadClients()).keepRunning(),
    'qwenProxy.showLog': () => app.log.show(true),
  };
}

/** Registers the table; a command that fails says so instead of leaving it to the editor's own message. */
export function registerCommands(
  app: App,
  signIn: SignIn,
  loadClients: () => Promise<ClientFeatures>,
): vscode.Disposable {
  const table = commandTable(app, signIn, loadClients);
  const registrations = commandIds.map((id) =>
    vscode.commands.registerCommand(id, async () => {
      try {
        await table[id]();
      } catch (error) {
        await showFailure(app, error);
      }
    }),
  );
  return vscode.Disposable.from(...registrations);
}
