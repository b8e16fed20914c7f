import * as vscode from 'vscode';
import type { AccountSummary } from '../core/control.ts';
import type { App } from './app.ts';
import { ask } from './ask.ts';
import type { SignIn } from './sign-in.ts';
import { removeAccount, testAccount } from './verdict.ts';

/** Something to do with one account. */
export interface AccountAction {
  readonly icon: string;
  readonly label: string;
  readonly run: () => Promise<unknown>;
}

/** What can be done with the account at `index` of the user's order. */
export function accountActions(
  { app, signIn }: { readonly app: App; readonly signIn: SignIn },
  account: AccountSummary,
  index: number,
): readonly AccountAction[] {
  const { id, enabled, state, kind } = account;
  const { host } = app;
  const isWaiting = state === 'cooling' || state === 'exhausted' || state === 'unauthorized';
  return [
    { icon: 'beaker', label: vscode.l10n.t('Test'), run: () => testAccount(app, account) },
    ...(kind === 'oauth-device' && state === 'unauthorized'
      ? [{ icon: 'sign-in', label: vscode.l10n.t('Sign in again'), run: () => signIn(account) }]
      : []),
    ...(isWaiting
      ? [{ icon: 'refresh', label: vscode.l10n.t('Clear and use again'), run: () => host.clearAccount(id) }]
      : []),
    enabled
      ? { icon: 'debug-pause', label: vscode.l10n.t('Disable'), run: () => host.setAccountEnabled(id, false) }
      : { icon: 'play', label: vscode.l10n.t('Enable'), run: () => host.setAccountEnabled(id, true) },
    ...(index > 0
      ? [{ icon: 'arrow-up', label: vscode.l10n.t('Move up'), run: () => host.moveAccount(id, index - 1) }]
      : []),
    { icon: 'organization', label: vscode.l10n.t('Group…'), run: () => askGroup(app, account) },
    { icon: 'dashboard', label: vscode.l10n.t('Limit…'), run: () => askLimit(app, account) },
    ...(account.windows.some((window) => window.name === 'month')
      ? [{ icon: 'calendar', label: vscode.l10n.t('Billing day…'), run: () => askBillingDay(app, account) }]
      : []),
    { icon: 'trash', label: vscode.l10n.t('Remove'), run: () => removeAccount(app, account) },
  ];
}

async function askGroup(app: App, { id, label, group }: AccountSummary): Promise<void> {
  const name = await ask({
    title: label,
    prompt: vscode.l10n.t('Accounts of one main account share its limits: give them the same name, or none.'),
    validate: () => undefined,
    ...(group !== undefined && { value: group }),
  });
  if (name !== undefined) await (name === '' ? app.host.setAccountGroup(id) : app.host.setAccountGroup(id, name));
}

async function askLimit(app: App, { id, label }: AccountSummary): Promise<void> {
  const text = await ask({
    title: label,
    prompt: vscode.l10n.t('Model calls a day that this account may make, or nothing for the limits of its plan.'),
    validate: (entered) =>
      /^([1-9]\d*)?$/.test(entered) ? undefined : vscode.l10n.t('Enter a whole number, or nothing.'),
  });
  if (text === undefined) return;
  await (text === ''
    ? app.host.setAccountLimit(id)
    : app.host.setAccountLimit(id, { window: 'day', requests: Number(text) }));
}

async function askBillingDay(app: App, { id, label, billingDay }: AccountSummary): Promise<void> {
  const text = await ask({
    title: label,
    prompt: vscode.l10n.t(
      'Day of the month on which the plan is billed, or nothing for the day the account was added.',
    ),
    validate: (entered) =>
      /^([1-9]|[12]\d|3[01])?$/.test(entered) ? undefined : vscode.l10n.t('Enter a day from 1 to 31, or nothing.'),
    ...(billingDay !== undefined && { value: String(billingDay) }),
  });
  if (text === undefined) return;
  await (text === '' ? app.host.setAccountBillingDay(id) : app.host.setAccountBillingDay(id, Number(text)));
}
