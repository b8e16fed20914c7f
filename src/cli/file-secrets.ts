import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { SecretStore } from '../core/contracts.ts';
import { createEmitter } from '../core/emitter.ts';
import { parseJson } from '../core/json.ts';
import { fileStamp } from '../core/private-file.ts';
import { accountsFileName, accountsFileSchema, writePrivateFile } from '../gateway/main.ts';
import { withFileLock } from './file-lock.ts';

/** A running server sees the writes of other processes within this time. */
const watchIntervalMs = 400;

/**
 * The headless home of all credentials: one 0600 file, replaced atomically. Writers of other processes are kept out by
 * `accounts.lock`; under the lock the file is read again, so nobody overwrites what another one wrote.
 */
export function createFileSecrets(directory: string): SecretStore & { close(): void } {
  const path = join(directory, accountsFileName);
  const changed = createEmitter<void>();
  let watch: NodeJS.Timeout | undefined;
  /** The file as it was when the list was last read. */
  let seen: string | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  const stampOf = async () => (await fileStamp(path)) ?? 'absent';
  const readAll = async (): Promise<Record<string, string>> => {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return {};
    const result = v.safeParse(accountsFileSchema, parseJson(text));
    // A file that cannot be read is never overwritten: it may hold every account of the user.
    if (!result.success)
      throw new Error(`${path} is not a readable accounts file. Move it away, or restore it from a backup.`);
    return result.output.secrets;
  };

  /** Writes what `change` has done; nothing where it answers `false`. */
  const edit = (change: (secrets: Record<string, string>) => boolean): Promise<boolean> => {
    const result = turn.then(() =>
      withFileLock(join(directory, 'accounts.lock'), async () => {
        const secrets = await readAll();
        const isChanged = change(secrets);
        if (isChanged) await writePrivateFile(path, `${JSON.stringify({ version: 1, secrets }, null, 2)}\n`);
        return isChanged;
      }),
    );
    turn = result.catch(() => {});
    return result;
  };
  const put = (secrets: Record<string, string>, key: string, value: string | undefined): true => {
    if (value === undefined) delete secrets[key];
    else secrets[key] = value;
    return true;
  };

  return {
    async keys() {
      seen = await stampOf();
      return Object.keys(await readAll());
    },
    async get(key) {
      const secrets = await readAll();
      return Object.hasOwn(secrets, key) ? secrets[key] : undefined;
    },
    set: async (key, value) => void (await edit((secrets) => put(secrets, key, value))),
    delete: async (key) => void (await edit((secrets) => put(secrets, key, undefined))),
    swap: (key, expected, next) =>
      edit(
        (secrets) => (Object.hasOwn(secrets, key) ? secrets[key] : undefined) === expected && put(secrets, key, next),
      ),
    onDidChange(listener) {
      // Polling, because the file is replaced: a watch on it would keep looking at the old one. What counts is the file
      // as it was listed, so that a write just before the watch began is announced as well.
      watch ??= setInterval(async () => {
        const now = await stampOf();
        if (now === seen) return;
        seen = now;
        changed.fire();
      }, watchIntervalMs).unref();
      return changed.event(listener);
    },
    close: () => clearInterval(watch),
  };
}
