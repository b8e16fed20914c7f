import { unwatchFile, watchFile } from 'node:fs';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import type { SecretStore } from '../core/contracts.ts';
import { createEmitter } from '../core/emitter.ts';
import { parseJson } from '../core/json.ts';
import { makePrivateDirectory, writePrivateFile } from '../gateway/main.ts';

const document = v.object({ version: v.literal(1), secrets: v.record(v.string(), v.string()) });

/** A lock older than this was left by a process that died. */
const staleLockMs = 10_000;
const lockPatienceMs = 15_000;
/** A running server sees the writes of other processes within this time. */
const watchIntervalMs = 400;

/**
 * The headless home of all credentials: one 0600 file, replaced atomically. Writers of other processes are kept out by
 * `accounts.lock`; under the lock the file is read again, so nobody overwrites what another one wrote.
 */
export function createFileSecrets(directory: string): SecretStore & { close(): void } {
  const path = join(directory, 'accounts.json');
  const changed = createEmitter<void>();
  let isWatching = false;
  let turn: Promise<void> = Promise.resolve();

  const readAll = async (): Promise<Record<string, string>> => {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return {};
    const result = v.safeParse(document, parseJson(text));
    // A file that cannot be read is never overwritten: it may hold every account of the user.
    if (!result.success)
      throw new Error(`${path} is not a readable accounts file. Move it away, or restore it from a backup.`);
    return result.output.secrets;
  };

  const edit = (change: (secrets: Record<string, string>) => void): Promise<void> => {
    const result = turn.then(() =>
      withLock(join(directory, 'accounts.lock'), async () => {
        const secrets = await readAll();
        change(secrets);
        await writePrivateFile(path, `${JSON.stringify({ version: 1, secrets }, null, 2)}\n`);
      }),
    );
    turn = result.catch(() => {});
    return result;
  };

  return {
    keys: async () => Object.keys(await readAll()),
    get: async (key) => (await readAll())[key],
    set: (key, value) =>
      edit((secrets) => {
        secrets[key] = value;
      }),
    delete: (key) =>
      edit((secrets) => {
        delete secrets[key];
      }),
    onDidChange(listener) {
      if (!isWatching) {
        isWatching = true;
        // Polling, because the file is replaced: a watch on it would keep looking at the old one.
        watchFile(path, { interval: watchIntervalMs, persistent: false }, () => changed.fire());
      }
      return changed.event(listener);
    },
    close: () => unwatchFile(path),
  };
}

/** Runs `work` while holding a lock file that names this process; a stale one is taken over. */
async function withLock(path: string, work: () => Promise<void>): Promise<void> {
  await makePrivateDirectory(dirname(path));
  const deadlineMs = Date.now() + lockPatienceMs;
  while (true) {
    try {
      const lock = await open(path, 'wx', 0o600);
      await lock.writeFile(`${process.pid}\n`);
      await lock.close();
      break;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      const age = await stat(path).then(
        ({ mtimeMs }) => Date.now() - mtimeMs,
        () => 0,
      );
      if (age > staleLockMs) await rm(path, { force: true });
      else if (Date.now() > deadlineMs)
        throw new Error(`${path} is held by another process. Remove it if none is running.`);
      else await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  try {
    await work();
  } finally {
    await rm(path, { force: true });
  }
}
