import * as vscode from 'vscode';
import { type App, showFailure } from './app.ts';
import { commandIds } from './command-ids.ts';

/** Registers every command; one that fails says so instead of leaving it to the editor's own message. */
export function registerCommands(app: App): vscode.Disposable {
  const registrations = commandIds.map((id) =>
    vscode.commands.registerCommand(id, async (argument: unknown) => {
      try {
        await (await app.views()).run(id, argument);
      } catch (error) {
        await showFailure(app, error);
      }
    }),
  );
  return vscode.Disposable.from(...registrations);
}
