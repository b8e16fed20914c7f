import * as vscode from 'vscode';
import type { AccountSummary } from '../../core/control.ts';
import { type App, showFailure } from '../app.ts';
import { type AccountNode, accountRow, factRows, type Row, type RowTexts } from './account-node.ts';

const viewId = 'qwenProxy.accounts';
/** The editor's own scheme: `application/vnd.code.tree.` and the id of the view in lower case. */
const mimeType = `application/vnd.code.tree.${viewId.toLowerCase()}`;

/** The accounts in their order, with what is known of each; live, and with a badge when one needs the user. */
export function createAccountsTree(app: App): vscode.Disposable {
  const { host } = app;
  const changed = new vscode.EventEmitter<undefined>();
  const texts: RowTexts = { l10n: vscode.l10n, locale: vscode.env.language };
  const accounts = () => host.lastSnapshot.accounts;
  const find = (id: string) => accounts().find((account) => account.id === id);

  const view = vscode.window.createTreeView<AccountNode>(viewId, {
    showCollapseAll: true,
    treeDataProvider: {
      onDidChangeTreeData: changed.event,
      getTreeItem: (node) => toItem(node),
      getChildren: (node) => childrenOf(node),
      getParent: () => undefined,
    },
    dragAndDropController: {
      dragMimeTypes: [mimeType],
      dropMimeTypes: [mimeType],
      handleDrag(nodes, data) {
        const [node] = nodes;
        if (node?.type === 'account') data.set(mimeType, new vscode.DataTransferItem(node.accountId));
      },
      async handleDrop(target, data) {
        const dragged: unknown = data.get(mimeType)?.value;
        if (typeof dragged !== 'string') return;
        // Dropped on nothing, it goes to the end.
        const index = accounts().findIndex(({ id }) => target?.type !== 'fact' && id === target?.accountId);
        try {
          await host.moveAccount(dragged, index === -1 ? accounts().length - 1 : index);
        } catch (error) {
          await showFailure(app, error);
        }
      },
    },
  });

  function toItem(node: AccountNode): vscode.TreeItem {
    const { Collapsed, None } = vscode.TreeItemCollapsibleState;
    if (node.type === 'fact') return itemOf(node.row, None);
    if (node.type === 'models') {
      const row = { id: `${node.accountId}/models`, label: vscode.l10n.t('Models'), icon: 'symbol-misc' };
      return itemOf(row, Collapsed);
    }
    const index = accounts().findIndex(({ id }) => id === node.accountId);
    const account = accounts()[index];
    // The account went while the editor asked for its row; the next refresh takes the row away.
    if (account === undefined) return itemOf({ id: node.accountId, label: node.accountId, icon: 'trash' }, None);
    return itemOf(accountRow(account, index, texts), Collapsed);
  }

  async function childrenOf(node: AccountNode | undefined): Promise<AccountNode[]> {
    if (node === undefined) return accounts().map(({ id }) => ({ type: 'account', accountId: id }));
    const account = node.type === 'fact' ? undefined : find(node.accountId);
    if (account === undefined) return [];
    if (node.type === 'account') {
      const facts = factRows(account, texts).map((row): AccountNode => ({ type: 'fact', row }));
      return [...facts, { type: 'models', accountId: account.id }];
    }
    return (await modelRows(account)).map((row): AccountNode => ({ type: 'fact', row }));
  }

  async function modelRows({ id, obstacles }: AccountSummary): Promise<readonly Row[]> {
    const models = await host.accountModels(id);
    const known = new Set([...models, ...obstacles.map(({ model }) => model)]);
    return [...known].map((model) => {
      const obstacle = obstacles.find((each) => each.model === model);
      const row = { id: `${id}/models/${model}`, label: model };
      return obstacle === undefined
        ? { ...row, icon: 'symbol-field' }
        : { ...row, icon: 'warning', color: 'list.warningForeground', description: obstacle.reason };
    });
  }

  const render = () => {
    const waiting = accounts().filter(({ state }) => state === 'unauthorized');
    const tooltip = vscode.l10n.t('Accounts that need you: {0}', waiting.map(({ label }) => label).join(', '));
    view.badge = waiting.length === 0 ? undefined : { value: waiting.length, tooltip };
    changed.fire(undefined);
  };
  render();
  return vscode.Disposable.from(view, changed, host.onDidChangeSnapshot(render));
}

function itemOf(row: Row, state: vscode.TreeItemCollapsibleState): vscode.TreeItem {
  const item = new vscode.TreeItem(row.label, state);
  item.id = row.id;
  item.iconPath = new vscode.ThemeIcon(
    row.icon,
    row.color === undefined ? undefined : new vscode.ThemeColor(row.color),
  );
  item.tooltip = row.tooltip ?? [row.label, row.description].filter((text) => text !== undefined).join(': ');
  if (row.description !== undefined) item.description = row.description;
  if (row.contextValue !== undefined) item.contextValue = row.contextValue;
  if (row.spoken !== undefined) item.accessibilityInformation = { label: row.spoken };
  return item;
}
