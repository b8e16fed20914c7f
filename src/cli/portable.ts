import { open, readFile, writeFile } from 'node:fs/promises';
import type { ImportConflict } from '../core/control.ts';
import { replacePrivately } from '../core/private-file.ts';
import { withProxy } from './host.ts';
import { readPassphrase } from './passphrase.ts';
import { asUsage, processTerminal } from './terminal.ts';
import { t } from './translate.ts';
import { UsageError } from './usage-error.ts';

/** `accounts export`: all accounts, encrypted, to stdout or into a new file. */
export async function exportAccounts({
  out,
  force = false,
}: {
  readonly out?: string;
  readonly force?: boolean;
}): Promise<number> {
  // Before the passphrase: nobody shall type it in vain.
  if (out !== undefined && !force) await refuseExisting(out);
  const passphrase = await readPassphrase(processTerminal, { isNew: true });
  return withProxy(async (proxy) => {
    const { text, count, leftOut } = await asUsage(() => proxy.exportAccounts({ passphrase }));
    if (out === undefined) processTerminal.out(text);
    else await writeNew(out, text, force);
    processTerminal.say(`${count === 1 ? t('exported 1 account') : t('exported {0} accounts', count)}\n`);
    if (leftOut.length > 0)
      processTerminal.say(
        `${t('Left out, because their tokens belong to another program: {0}', leftOut.join(', '))}\n`,
      );
    return 0;
  });
}

/** `accounts import FILE`. */
export async function importAccounts(
  file: string,
  { onConflict }: { readonly onConflict: ImportConflict },
): Promise<number> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new UsageError(t('{0} cannot be read.', file));
  });
  const passphrase = await readPassphrase(processTerminal, { isNew: false });
  return withProxy(async (proxy) => {
    const counts = await asUsage(() => proxy.importAccounts({ text, passphrase, onConflict }));
    processTerminal.out(
      `${t('added {0}, replaced {1}, skipped {2}', counts.added, counts.replaced, counts.skipped)}\n`,
    );
    return 0;
  });
}

const exists = (path: string) => new UsageError(t('{0} exists already. Choose another name, or say --force.', path));

async function refuseExisting(path: string): Promise<void> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return;
  await file.close();
  throw exists(path);
}

/** 0600 from its first byte on; with `force` the old file is replaced in one step. */
async function writeNew(path: string, text: string, force: boolean): Promise<void> {
  const written = force ? replacePrivately(path, text) : writeFile(path, text, { flag: 'wx', mode: 0o600 });
  await written.catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST'
      ? exists(path)
      : new UsageError(t('{0} cannot be written ({1}).', path, error.code ?? ''));
  });
}
