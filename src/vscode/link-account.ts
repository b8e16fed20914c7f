import * as vscode from 'vscode';
import type { App } from './app.ts';
import { removeAccount, showVerdict } from './verdict.ts';

/** Adds an account whose tokens stay in qwen-code's file, and says what the upstream answered. */
export async function linkAccount(app: App, file: string): Promise<void> {
  const title = vscode.l10n.t('Adding the account and asking the upstream…');
  const location = vscode.ProgressLocation.Notification;
  const { account, verdict } = await vscode.window.withProgress({ location, title }, () =>
    app.host.linkAccount({ file }),
  );
  if (verdict === undefined) return;
  const remove = { label: vscode.l10n.t('Remove Account'), run: () => removeAccount(app, account) };
  await showVerdict(app, { account, verdict, ways: [remove] });
}
