/** The bundle that is loaded after `activate` has given the editor its answer: commands, dialogs, views. */
import * as vscode from 'vscode';
import { type App, offer } from '../app.ts';
import type { CommandId } from '../command-ids.ts';
import { commandTable } from '../commands.ts';
import { administeredCommands, administeredText } from '../gateway-commands.ts';
import { createSignIn } from '../sign-in.ts';
import { createAccountsTree } from './accounts-tree.ts';
import { createDashboard } from './dashboard-panel.ts';

/** Everything that is shown, but for the status bar. */
export interface Views extends vscode.Disposable {
  /** @param argument What the editor gives along: the row that a button stands on. */
  run(id: CommandId, argument: unknown): Promise<void>;
}

export function createViews(app: App): Views {
  const signIn = createSignIn(app);
  const dashboard = createDashboard(app);
  const table = commandTable(app, signIn.signIn, dashboard);
  const disposables = vscode.Disposable.from(signIn, dashboard, createAccountsTree(app));
  return {
    async run(id, argument) {
      if (app.host.lastSnapshot.gateway !== undefined && administeredCommands.includes(id))
        return offer(vscode.window.showWarningMessage, administeredText(vscode.l10n), [
          {
            label: vscode.l10n.t('Disconnect'),
            run: () => vscode.commands.executeCommand('qwenProxy.disconnectGateway'),
          },
        ]);
      await table[id](argument);
    },
    dispose: () => disposables.dispose(),
  };
}
