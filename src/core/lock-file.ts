import { open, readFile, rm, stat } from 'node:fs/promises';

/** Makes a lock file that names its owner. Answers `false` where there is one already. */
export async function createLockFile(path: string, owner: string): Promise<boolean> {
  try {
    const lock = await open(path, 'wx', 0o600);
    try {
      await lock.writeFile(owner);
    } finally {
      await lock.close();
    }
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the lock file of this owner. Who was taken for dead has lost the lock: another one's stays. */
export async function releaseLockFile(path: string, owner: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => '')) === owner) await rm(path, { force: true });
}

/** Was the file last touched longer ago than that? Not where there is none. */
export async function isOlderThan(path: string, ageMs: number, nowMs: number): Promise<boolean> {
  return stat(path).then(
    ({ mtimeMs }) => nowMs - mtimeMs > ageMs,
    () => false,
  );
}
