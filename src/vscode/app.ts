import * as vscode from 'vscode';
import type { SecretStore } from '../core/contracts.ts';
import { messageOf } from '../core/message-of.ts';
import type { ServerHost } from './server-host.ts';
import type { Views } from './views/main.ts';

/** What commands work with. */
export interface App {
  readonly host: ServerHost;
  readonly log: vscode.LogOutputChannel;
  readonly secrets: SecretStore;
  readonly extensionUri: vscode.Uri;
  /** Folder of ledger, health and what was written into clients' files. */
  readonly stateDirectory: string;
  /** Loaded on first use: it is most of what this extension shows. */
  readonly views: () => Promise<Views>;
}

/** A button of a message. */
export interface MessageAction {
  readonly label: string;
  readonly run: () => unknown;
}

type ShowMessage = (message: string, ...labels: string[]) => Thenable<string | undefined>;

/** Shows a message and does what its button says. */
export async function offer(show: ShowMessage, message: string, actions: readonly MessageAction[]): Promise<void> {
  const chosen = await show(message, ...actions.map(({ label }) => label));
  await actions.find(({ label }) => label === chosen)?.run();
}

/** The button that every failure has. */
export function showLogAction(app: App): MessageAction {
  return { label: vscode.l10n.t('Show Log'), run: () => app.log.show(true) };
}

/** Tells a failure with its one sentence; the log has the rest. */
export async function showFailure(app: App, error: unknown): Promise<void> {
  app.log.error(error instanceof Error ? error : String(error));
  const message = messageOf(error);
  await offer(vscode.window.showErrorMessage, message, [showLogAction(app)]);
}
