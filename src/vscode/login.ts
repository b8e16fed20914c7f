import * as vscode from 'vscode';
import type { PlanSummary } from '../core/control.ts';
import { add, addWithKey } from './add-account.ts';
import type { App } from './app.ts';
import { findPlan } from './find-plan.ts';
import { linkAccount } from './link-account.ts';
import type { SignIn } from './sign-in.ts';
import { freeTierNote } from './sign-in-view.ts';

/** The plan without a key; the name is the server's. */
const demoPlan = 'demo';

interface LoginItem extends vscode.QuickPickItem {
  readonly run?: () => Promise<void>;
}

/** Which plan, then its key or its device flow. */
export async function login(app: App, signIn: SignIn): Promise<void> {
  const options = {
    title: vscode.l10n.t('Qwen: Login'),
    placeHolder: vscode.l10n.t('Which account do you have?'),
    matchOnDescription: true,
    matchOnDetail: true,
    ignoreFocusOut: true,
  };
  const items = Promise.all([app.host.plans(), app.host.linkableFiles().catch(() => [])]).then(([plans, files]) =>
    toItems(app, signIn, { plans, files }),
  );
  await (await vscode.window.showQuickPick(items, options))?.run?.();
}

function toItems(
  app: App,
  signIn: SignIn,
  { plans, files }: { readonly plans: readonly PlanSummary[]; readonly files: readonly string[] },
): LoginItem[] {
  const separator = (label: string): LoginItem => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const toItem = (plan: PlanSummary): LoginItem => ({
    label: plan.label,
    description: plan.keyHint,
    detail: plan.detail,
    run: () => addWithKey(app, plan),
  });
  const demo = plans.filter(({ name }) => name === demoPlan);
  const unauthorized = app.host.lastSnapshot.accounts.filter(
    ({ kind, state }) => kind === 'oauth-device' && state === 'unauthorized',
  );
  return [
    {
      label: vscode.l10n.t('I have a key but do not know its plan'),
      detail: vscode.l10n.t('You choose the hosts it is sent to; the calls are free of charge.'),
      run: () => findPlan(app),
    },
    separator(vscode.l10n.t('API key')),
    ...plans.filter(({ name }) => name !== demoPlan).map(toItem),
    separator(vscode.l10n.t('Qwen account')),
    ...unauthorized.map((account) => ({
      label: vscode.l10n.t('Sign in again: {0}', account.label),
      run: () => signIn(account),
    })),
    ...files.map((file) => ({
      label: vscode.l10n.t('Use the sign-in of qwen-code'),
      detail: file,
      run: () => linkAccount(app, file),
    })),
    { label: vscode.l10n.t('Sign in with a browser'), detail: freeTierNote(vscode.l10n), run: () => signIn() },
    separator(vscode.l10n.t('Without an account')),
    ...demo.map(({ label, detail, name }) => ({ label, detail, run: () => add(app, { plan: name, probe: true }, []) })),
  ];
}
