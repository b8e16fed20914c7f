import * as vscode from 'vscode';
import type { AccountSummary } from '../core/control.ts';
import type { App } from './app.ts';
import { removeAccount, testAccount } from './verdict.ts';

/** Something to do with one account. */
export interface AccountAction {
  readonly icon: string;
  readonly label: string;
  readonly run: () => Promise<unknown>;
}

/** What can be done with the account at `index` of the user's order. */
export function accountActions(app: App, account: AccountSummary, index: number): readonly AccountAction[] {
  const { id, enabled, state } = account;
  const { host } = app;
  const isWaiting = state === 'cooling' || state === 'exhausted' || state === 'unauthorized';
  return [
    { icon: 'beaker', label: vscode.l10n.t('Test'), run: () => testAccount(app, account) },
    ...(isWaiting
      ? [{ icon: 'refresh', label: vscode.l10n.t('Clear and use again'), run: () => host.clearAccount(id) }]
      : []),
    enabled
      ? { icon: 'debug-pause', label: vscode.l10n.t('Disable'), run: () => host.setAccountEnabled(id, false) }
      : { icon: 'play', label: vscode.l10n.t('Enable'), run: () => host.setAccountEnabled(id, true) },
    ...(index > 0
      ? [{ icon: 'arrow-up', label: vscode.l10n.t('Move up'), run: () => host.moveAccount(id, index - 1) }]
      : []),
    { icon: 'trash', label: vscode.l10n.t('Remove'), run: () => removeAccount(app, account) },
  ];
}
