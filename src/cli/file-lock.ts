import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createLockFile, isOlderThan, releaseLockFile } from '../core/lock-file.ts';
import { makePrivateDirectory } from '../core/private-file.ts';

/** A lock older than this was left by a process that died. */
const staleLockMs = 10_000;
const lockPatienceMs = 15_000;
const lockPauseMs = 20;

/** Runs `work` while holding a lock file that names this process; a stale one is taken over. */
export async function withFileLock(path: string, work: () => Promise<void>): Promise<void> {
  await makePrivateDirectory(dirname(path));
  const owner = `${process.pid} ${randomUUID()}\n`;
  const deadlineMs = Date.now() + lockPatienceMs;
  while (!(await createLockFile(path, owner))) {
    if (await isStale(path)) await removeStale(path);
    else if (Date.now() > deadlineMs)
      throw new Error(`${path} is held by another process. Remove it if none is running.`);
    await new Promise((resolve) => setTimeout(resolve, lockPauseMs));
  }
  try {
    await work();
  } finally {
    await releaseLockFile(path, owner);
  }
}

const isStale = (path: string) => isOlderThan(path, staleLockMs, Date.now());

/**
 * One at a time, and only what is stale even then: of several that found the old lock, a later one would otherwise remove
 * the lock that an earlier one has made since.
 */
async function removeStale(path: string): Promise<void> {
  const guard = `${path}.takeover`;
  if (!(await createLockFile(guard, ''))) {
    if (await isStale(guard)) await rm(guard, { force: true });
    return;
  }
  try {
    if (await isStale(path)) await rm(path, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}
