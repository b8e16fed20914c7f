/** The bundle that is loaded after `activate` has given the editor its answer: commands, dialogs, views. */
import * as vscode from 'vscode';
import type { App } from '../app.ts';
import type { CommandId } from '../command-ids.ts';
import { commandTable } from '../commands.ts';
import { createSignIn } from '../sign-in.ts';
import { createAccountsTree } from './accounts-tree.ts';

/** Everything that is shown, but for the status bar. */
export interface Views extends vscode.Disposable {
  /** @param argument What the editor gives along: the row that a button stands on. */
  run(id: CommandId, argument: unknown): Promise<void>;
}

export function createViews(app: App): Views {
  const signIn = createSignIn(app);
  const table = commandTable(app, signIn.signIn);
  const disposables = vscode.Disposable.from(signIn, createAccountsTree(app));
  return {
    async run(id, argument) {
      await table[id](argument);
    },
    dispose: () => disposables.dispose(),
  };
}
