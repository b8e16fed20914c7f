import { open, readFile, writeFile } from 'node:fs/promises';
import type { ImportConflict } from '../core/control.ts';
import { replacePrivately } from '../core/private-file.ts';
import { UsageError } from './environment.ts';
import { withProxy } from './host.ts';
import { readPassphrase } from './passphrase.ts';
import { asUsage, processTerminal } from './terminal.ts';

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
    processTerminal.say(`exported ${count} ${count === 1 ? 'account' : 'accounts'}\n`);
    if (leftOut.length > 0)
      processTerminal.say(`Left out, because their tokens belong to another program: ${leftOut.join(', ')}\n`);
    return 0;
  });
}

/** `accounts import FILE`. */
export async function importAccounts(
  file: string,
  { onConflict }: { readonly onConflict: ImportConflict },
): Promise<number> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new UsageError(`${file} cannot be read.`);
  });
  const passphrase = await readPassphrase(processTerminal, { isNew: false });
  return withProxy(async (proxy) => {
    const counts = await asUsage(() => proxy.importAccounts({ text, passphrase, onConflict }));
    processTerminal.out(`added ${counts.added}, replaced ${counts.replaced}, skipped ${counts.skipped}\n`);
    return 0;
  });
}

const exists = (path: string) => new UsageError(`${path} exists already. Choose another name, or say --force.`);

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
    throw error.code === 'EEXIST' ? exists(path) : new UsageError(`${path} cannot be written (${error.code}).`);
  });
}
