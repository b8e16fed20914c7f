import * as vscode from 'vscode';
import type { AccountSummary, ProbeVerdict } from '../core/control.ts';
import { withFix } from '../core/with-fix.ts';
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
  const reason = withFix(verdict);
  if (verdict.code === 'client_rejected') {
    const ready = vscode.l10n.t('{0} is kept for accepted coding tools: {1}', account.label, reason);
    return offer(vscode.window.showInformationMessage, ready, [...ways, showLogAction(app)]);
  }
  const billed = { label: vscode.l10n.t('Ask for One Token'), run: () => testBilled(app, account) };
  const tests = verdict.needsBilledTest ? [billed] : [];
  const text = vscode.l10n.t('{0} is not connected: {1}', account.label, reason);
  await offer(vscode.window.showWarningMessage, text, [...tests, ...ways, showLogAction(app)]);
}

/** One real request to the upstream, and what came of it. */
export async function testAccount(
  app: App,
  account: AccountSummary,
  options: { readonly billed?: boolean } = {},
): Promise<void> {
  const title = vscode.l10n.t('Testing {0}…', account.label);
  const location = vscode.ProgressLocation.Notification;
  const verdict = await vscode.window.withProgress({ location, title }, () =>
    app.host.testAccount(account.id, options),
  );
  const again = { label: vscode.l10n.t('Test Again'), run: () => testAccount(app, account) };
  await showVerdict(app, { account, verdict, ways: [again] });
}

/** The request that may cost something has a yes of its own. */
async function testBilled(app: App, account: AccountSummary): Promise<void> {
  const yes = vscode.l10n.t('Ask for One Token');
  const message = vscode.l10n.t('Ask {0} for one token of an answer?', account.label);
  const detail = vscode.l10n.t('No free call can tell whether this key works. The answer may be billed as one token.');
  const chosen = await vscode.window.showWarningMessage(message, { modal: true, detail }, yes);
  if (chosen === yes) await testAccount(app, account, { billed: true });
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
