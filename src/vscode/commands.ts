import * as vscode from 'vscode';
import type { AccountSummary } from '../core/control.ts';
import { exportAccounts, importAccounts } from './account-files.ts';
import { pickAccount, showAccounts, showActions } from './accounts.ts';
import { add } from './add-account.ts';
import type { App } from './app.ts';
import { createClientLoader } from './client-features.ts';
import type { CommandId } from './command-ids.ts';
import { exportUsage } from './export-usage.ts';
import { copyApiKey, copyEndpoint, restartProxy, rotateApiKey, startProxy, useFreePort } from './lifecycle.ts';
import { login } from './login.ts';
import type { SignIn } from './sign-in.ts';
import { removeAccount, testAccount } from './verdict.ts';
import type { Dashboard } from './views/dashboard-panel.ts';
import { showDiagnostics } from './views/diagnostics.ts';

/** Everything the user can ask for; the ids are those of the manifest. */
export function commandTable(
  app: App,
  signIn: SignIn,
  dashboard: Dashboard,
): Readonly<Record<CommandId, (argument: unknown) => unknown>> {
  /** The account of the row that a button stands on, else the one the user picks. */
  const withAccount =
    (question: string, run: (account: AccountSummary, index: number) => unknown) => async (argument: unknown) => {
      const { accounts } = app.host.lastSnapshot;
      const clicked = accounts.find(({ id }) => id === accountIdOf(argument));
      const account = clicked ?? (await pickAccount(app, question));
      if (account === undefined) return;
      const index = host.lastSnapshot.accounts.findIndex(({ id }) => id === account.id);
      await run(account, index);
    };
  const { host } = app;
  const addAccount = () => login(app, signIn);
  const loadClients = createClientLoader(app);
  return {
    'qwenProxy.login': addAccount,
    'qwenProxy.addAccount': addAccount,
    'qwenProxy.removeAccount': withAccount(vscode.l10n.t('Which account shall be removed?'), (account) =>
      removeAccount(app, account),
    ),
    'qwenProxy.testAccount': withAccount(vscode.l10n.t('Which account shall be tested?'), (account) =>
      testAccount(app, account),
    ),
    'qwenProxy.signIn': (argument) => signIn(host.lastSnapshot.accounts.find(({ id }) => id === accountIdOf(argument))),
    'qwenProxy.tryDemo': () => add(app, { plan: 'demo', probe: true }, []),
    'qwenProxy.enableAccount': withAccount(vscode.l10n.t('Which account shall be enabled?'), ({ id }) =>
      host.setAccountEnabled(id, true),
    ),
    'qwenProxy.disableAccount': withAccount(vscode.l10n.t('Which account shall be disabled?'), ({ id }) =>
      host.setAccountEnabled(id, false),
    ),
    'qwenProxy.clearAccount': withAccount(vscode.l10n.t('Which account shall be used again?'), ({ id }) =>
      host.clearAccount(id),
    ),
    'qwenProxy.moveAccountUp': withAccount(vscode.l10n.t('Which account shall move up?'), ({ id }, index) =>
      host.moveAccount(id, Math.max(0, index - 1)),
    ),
    'qwenProxy.accountActions': withAccount(vscode.l10n.t('Which account?'), (account, index) =>
      showActions({ app, signIn }, account, index),
    ),
    // The list is for administration; the dashboard shows the same accounts.
    'qwenProxy.showAccounts': () =>
      host.lastSnapshot.gateway === undefined ? showAccounts(app, addAccount, signIn) : dashboard.reveal(),
    'qwenProxy.showDashboard': () => dashboard.reveal(),
    'qwenProxy.exportAccounts': () => exportAccounts(app),
    'qwenProxy.importAccounts': () => importAccounts(app),
    'qwenProxy.exportUsage': () => exportUsage(app),
    'qwenProxy.start': () => startProxy(app),
    'qwenProxy.stop': () => app.host.stop(),
    'qwenProxy.restart': () => restartProxy(app),
    'qwenProxy.freePort': () => useFreePort(app),
    'qwenProxy.copyEndpoint': () => copyEndpoint(app),
    'qwenProxy.copyApiKey': () => copyApiKey(app),
    'qwenProxy.rotateApiKey': () => rotateApiKey(app, async () => (await loadClients()).offerRewrites()),
    'qwenProxy.configureClient': async () => (await loadClients()).configure(),
    'qwenProxy.undoClient': async () => (await loadClients()).undo(),
    'qwenProxy.keepRunning': async () => (await loadClients()).keepRunning(),
    'qwenProxy.connectGateway': async () => (await import('./team-gateway/main.ts')).connectToGateway(app),
    'qwenProxy.disconnectGateway': async () => (await import('./team-gateway/main.ts')).disconnectFromGateway(app),
    'qwenProxy.showDiagnostics': () => showDiagnostics(app),
    'qwenProxy.showLog': () => app.log.show(true),
  };
}

/** A row of the accounts view names its account. */
function accountIdOf(argument: unknown): unknown {
  return typeof argument === 'object' && argument !== null && 'accountId' in argument ? argument.accountId : undefined;
}
