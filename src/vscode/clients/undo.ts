import { readFile } from 'node:fs/promises';
import * as vscode from 'vscode';
import { undoWrite } from '../../clients/configure.ts';
import { clientById } from '../../clients/table.ts';
import { isUnchanged } from '../../clients/write-file.ts';
import { type LoggedWrite, lastWrites, readWriteLog } from '../../clients/write-log.ts';
import type { App } from '../app.ts';
import { withDiff } from './show-diff.ts';
import { clientHome, shortPath } from './surroundings.ts';

/** Puts a client's file back as it was; what was changed in it since is shown before it is lost. */
export async function undoClient(app: App): Promise<void> {
  const home = clientHome(app);
  const writes = lastWrites(await readWriteLog(home.stateDirectory)).toReversed();
  if (writes.length === 0) {
    await vscode.window.showInformationMessage(vscode.l10n.t('No client’s file was written.'));
    return;
  }
  const items = writes.map((write) => ({
    label: clientById(write.client)?.name ?? write.client,
    description: shortPath(write.path),
    write,
  }));
  const title = vscode.l10n.t('Which file shall be as it was before?');
  const write = (await vscode.window.showQuickPick(items, { title, matchOnDescription: true }))?.write;
  if (write === undefined) return;
  if (!(await isUnchanged(write)) && !(await confirm(app, write))) return;
  await undoWrite(home, write);
  app.log.info(`Undone: ${write.path}`);
  const done =
    write.backup === undefined
      ? vscode.l10n.t('{0} was removed: there was none before.', shortPath(write.path))
      : vscode.l10n.t('{0} is as it was before.', shortPath(write.path));
  await vscode.window.showInformationMessage(done);
}

async function confirm(app: App, { path, backup }: LoggedWrite): Promise<boolean> {
  const [before, after] = await Promise.all([path, backup].map((each) => (each ? textOf(each) : '')));
  const title = vscode.l10n.t('{0}, now and before Qwen Proxy', shortPath(path));
  const secret = await app.host.localKey().catch(() => '');
  const restore = vscode.l10n.t('$(discard) Restore it all the same');
  const placeHolder = vscode.l10n.t('The file was changed since. Escape leaves it as it is.');
  const view = { title, path, before: before ?? '', after: after ?? '', secret };
  const ask = () =>
    vscode.window.showQuickPick([restore], { title: shortPath(path), placeHolder, ignoreFocusOut: true });
  return (await withDiff(view, ask)) === restore;
}

const textOf = (path: string) => readFile(path, 'utf8').catch(() => '');
