import * as vscode from 'vscode';
import type { AccountSummary, ProbeVerdict } from '../core/control.ts';
import { type App, type MessageAction, offer, showLogAction } from './app.ts';

/** Says what the upstream answered. Connected is only what was answered with a yes. */
export async function showVerdict(
  app: App,
  { account, verdict, ways }: { account: AccountSummary; verdict: ProbeVerdict; ways: readonly MessageAction[] },
): Promise<void> {
  if (verdict.ok) {
    const { durationMs } = verdict;
    const text = vscode.l10n.t('{0} is connected: the upstream answered in {1} ms.', account.label, durationMs);
    await offer(vscode.window.showInformationMessage, text, []);
    return;
  }
  app.log.warn(`Probe of ${account.id} failed (${verdict.code ?? 'no code'}): ${verdict.message}`);
  const reason = verdict.fix === undefined ? verdict.message : `${verdict.message} ${verdict.fix}`;
  const text = vscode.l10n.t('{0} is not connected: {1}', account.label, reason);
  await offer(vscode.window.showWarningMessage, text, [...ways, showLogAction(app)]);
}

/** One real request to the upstream, and what came of it. */
export async function testAccount(app: App, account: AccountSummary): Promise<void> {
  const title = vscode.l10n.t('Testing {0}…', account.label);
  const location = vscode.ProgressLocation.Notification;
  const verdict = await vscode.window.withProgress({ location, title }, () => app.host.testAccount(account.id));
  const again = { label: vscode.l10n.t('Test Again'), run: () => testAccount(app, account) };
  await showVerdict(app, { account, verdict, ways: [again] });
}

/** Removes an account after the user named it. Answers whether it was removed. */
export async function removeAccount(app: App, account: AccountSummary): Promise<boolean> {
  const remove = vscode.l10n.t('Remove');
  const message = vscode.l10n.t('Remove the account {0}?', account.label);
  const detail = vscode.l10n.t('Its credential is deleted from this editor. The account itself is not touched.');
  const chosen = await vscode.window.showWarningMessage(message, { modal: true, detail }, remove);
  if (chosen !== remove) return false;
  await app.host.removeAccount(account.id);
  return true;
}
