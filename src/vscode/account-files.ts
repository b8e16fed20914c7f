import { chmod, writeFile } from 'node:fs/promises';
import * as vscode from 'vscode';
import type { ImportConflict } from '../core/control.ts';
import { shortestPassphrase } from '../core/shortest-passphrase.ts';
import type { App } from './app.ts';
import { ask } from './ask.ts';

/** All accounts into an encrypted file. */
export async function exportAccounts(app: App): Promise<void> {
  const title = vscode.l10n.t('Export accounts');
  const passphrase = await ask({
    title,
    prompt: vscode.l10n.t('A passphrase for the file. Without it nobody can read the file, not even you.'),
    password: true,
    validate: (text) =>
      text.length < shortestPassphrase ? vscode.l10n.t('At least {0} characters', shortestPassphrase) : undefined,
  });
  if (passphrase === undefined) return;
  const again = await ask({
    title,
    prompt: vscode.l10n.t('The passphrase once more'),
    password: true,
    validate: (text) => (text === passphrase ? undefined : vscode.l10n.t('The two passphrases differ.')),
  });
  if (again === undefined) return;
  const { text, count, leftOut } = await app.host.exportAccounts({ passphrase });
  const target = await vscode.window.showSaveDialog({
    title,
    saveLabel: vscode.l10n.t('Export'),
    filters: fileFilters(),
  });
  if (target === undefined) return;
  await writePrivately(target, text);
  const done = vscode.l10n.t('Accounts exported: {0}.', count);
  const rest = vscode.l10n.t('Left out, because their tokens belong to another program: {0}', leftOut.join(', '));
  void vscode.window.showInformationMessage(leftOut.length === 0 ? done : `${done} ${rest}`);
}

/** The keys of the headless server that holds the port. */
export async function importHeadlessAccounts(app: App): Promise<void> {
  const { added, skipped } = await app.host.importHeadlessAccounts();
  const done = vscode.l10n.t(
    'Accounts added: {0}, skipped: {1}. Sign-ins stay with the program they belong to.',
    added,
    skipped,
  );
  void vscode.window.showInformationMessage(done);
}

/** The accounts of an exported file. */
export async function importAccounts(app: App): Promise<void> {
  const title = vscode.l10n.t('Import accounts');
  const [file] = (await vscode.window.showOpenDialog({ title, filters: fileFilters() })) ?? [];
  if (file === undefined) return;
  const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(file));
  const passphrase = await ask({
    title,
    prompt: vscode.l10n.t('The passphrase of the file'),
    password: true,
    validate: (entered) =>
      entered === '' ? vscode.l10n.t('Enter the passphrase, or press Escape to leave.') : undefined,
  });
  if (passphrase === undefined) return;
  const onConflict = await askConflict(title);
  if (onConflict === undefined) return;
  const { added, replaced, skipped } = await app.host.importAccounts({ text, passphrase, onConflict });
  const done = vscode.l10n.t('Accounts added: {0}, replaced: {1}, skipped: {2}.', added, replaced, skipped);
  void vscode.window.showInformationMessage(done);
}

async function askConflict(title: string): Promise<ImportConflict | undefined> {
  const items: readonly (vscode.QuickPickItem & { readonly onConflict: ImportConflict })[] = [
    { label: vscode.l10n.t('Keep the account that is here'), onConflict: 'skip' },
    { label: vscode.l10n.t('Replace it by the one of the file'), onConflict: 'replace' },
    { label: vscode.l10n.t('Keep both'), onConflict: 'rename' },
  ];
  const placeHolder = vscode.l10n.t('If an account of the same name is here already');
  return (await vscode.window.showQuickPick(items, { title, placeHolder, ignoreFocusOut: true }))?.onConflict;
}

/** The editor's own file system knows no modes. */
async function writePrivately(target: vscode.Uri, text: string): Promise<void> {
  if (target.scheme !== 'file') return vscode.workspace.fs.writeFile(target, new TextEncoder().encode(text));
  await writeFile(target.fsPath, text, { mode: 0o600 });
  await chmod(target.fsPath, 0o600);
}

const fileFilters = () => ({ [vscode.l10n.t('Exported accounts')]: ['json'] });
