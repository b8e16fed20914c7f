import * as vscode from 'vscode';
import type { AccountSummary } from '../core/control.ts';
import { type AccountAction, accountActions } from './account-actions.ts';
import { accountIcon, describeRequests, describeState } from './account-text.ts';
import { type App, showFailure } from './app.ts';
import type { SignIn } from './sign-in.ts';

interface AccountButton extends vscode.QuickInputButton {
  readonly action: AccountAction;
}

type Actor = Parameters<typeof accountActions>[0];

interface AccountItem extends vscode.QuickPickItem {
  readonly account?: AccountSummary;
  readonly index?: number;
}

/** The list of accounts, live, with buttons for the mouse and a menu on Enter for the keyboard. */
export function showAccounts(app: App, addAccount: () => Promise<void>, signIn: SignIn): void {
  const actor = { app, signIn };
  const list = vscode.window.createQuickPick<AccountItem>();
  list.title = vscode.l10n.t('Qwen accounts, in the order of their use');
  list.placeholder = vscode.l10n.t('Choose an account, or add one');
  list.matchOnDescription = true;
  list.matchOnDetail = true;
  list.keepScrollPosition = true;

  const render = () => {
    const active = list.activeItems[0]?.account?.id;
    const items = toItems(actor);
    list.items = items;
    const same = items.filter(({ account }) => account !== undefined && account.id === active);
    if (same.length > 0) list.activeItems = same;
  };
  const perform = async (action: AccountAction) => {
    list.busy = true;
    try {
      await action.run();
    } catch (error) {
      void showFailure(app, error);
    } finally {
      list.busy = false;
    }
  };

  const subscriptions = [
    app.host.onDidChangeSnapshot(render),
    list.onDidTriggerItemButton(({ button }) => {
      if (isAccountButton(button)) void perform(button.action);
    }),
    list.onDidAccept(() => {
      const [chosen] = list.selectedItems;
      list.hide();
      if (chosen?.account === undefined) void addAccount();
      else void showActions(actor, chosen.account, chosen.index ?? 0);
    }),
    list.onDidHide(() => {
      for (const subscription of subscriptions) subscription.dispose();
      list.dispose();
    }),
  ];
  render();
  list.show();
}

/** Asks for one account; says so where there is none. */
export async function pickAccount(app: App, placeHolder: string): Promise<AccountSummary | undefined> {
  const { accounts } = await app.host.snapshot();
  if (accounts.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('There is no account yet. Run "Qwen: Login" to add one.'));
    return undefined;
  }
  const items = accounts.map((account, index) => toItem(account, index));
  return (await vscode.window.showQuickPick(items, { placeHolder, matchOnDescription: true }))?.account;
}

/** The same actions as the buttons of the list, which a keyboard does not reach. */
export async function showActions(actor: Actor, account: AccountSummary, index: number): Promise<void> {
  const items = accountActions(actor, account, index).map((action) => ({
    label: `$(${action.icon}) ${action.label}`,
    action,
  }));
  const chosen = await vscode.window.showQuickPick(items, { title: account.label });
  try {
    await chosen?.action.run();
  } catch (error) {
    await showFailure(actor.app, error);
  }
}

function toItems(actor: Actor): AccountItem[] {
  const add: AccountItem = { label: vscode.l10n.t('$(add) Add account…'), alwaysShow: true };
  const accounts = actor.app.host.lastSnapshot.accounts.map((account, index) => {
    const buttons: AccountButton[] = accountActions(actor, account, index).map((action) => ({
      iconPath: new vscode.ThemeIcon(action.icon),
      tooltip: action.label,
      action,
    }));
    return { ...toItem(account, index), buttons };
  });
  return [add, ...accounts];
}

function toItem(account: AccountSummary, index: number): AccountItem & { readonly account: AccountSummary } {
  const state = describeState(account, vscode.l10n, vscode.env.language);
  const facts = [state, describeRequests(account.requestsToday, vscode.l10n), ...(account.fix ? [account.fix] : [])];
  return {
    label: `$(${accountIcon(account)}) ${account.label}`,
    description: account.group === undefined ? account.planLabel : `${account.planLabel} · ${account.group}`,
    detail: facts.join(' · '),
    account,
    index,
  };
}

function isAccountButton(button: vscode.QuickInputButton): button is AccountButton {
  return 'action' in button;
}
