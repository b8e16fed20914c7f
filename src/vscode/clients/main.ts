import type * as vscode from 'vscode';
import type { App } from '../app.ts';
import { configureClient } from './configure.ts';
import { keepRunning } from './keep-running.ts';
import { offerRewrites } from './rewrite.ts';
import { createQwenShell, createTerminalVariables } from './terminals.ts';
import { undoClient } from './undo.ts';

export type ClientFeatures = ReturnType<typeof createClientFeatures>;

/** Everything about other programs that use the proxy; loaded when the first of it is wanted. */
export function createClientFeatures(app: App) {
  return {
    configure: () => configureClient(app),
    undo: () => undoClient(app),
    keepRunning: () => keepRunning(app),
    offerRewrites: () => offerRewrites(app),
    createQwenShell: () => createQwenShell(app),
    createTerminalVariables: (collection: vscode.EnvironmentVariableCollection) =>
      createTerminalVariables(app, collection),
  };
}
