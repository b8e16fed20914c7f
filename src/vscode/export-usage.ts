import * as vscode from 'vscode';
import type { App } from './app.ts';

/** The usage ledger into a CSV file. */
export async function exportUsage(app: App): Promise<void> {
  const title = vscode.l10n.t('Export usage');
  const target = await vscode.window.showSaveDialog({
    title,
    saveLabel: vscode.l10n.t('Export'),
    filters: { CSV: ['csv'] },
  });
  if (target === undefined) return;
  await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(await app.host.exportUsage()));
  void vscode.window.showInformationMessage(vscode.l10n.t('Usage exported to {0}.', target.fsPath));
}
