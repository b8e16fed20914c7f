import { randomUUID } from 'node:crypto';
import { rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Exclusively } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';
import { createLockFile, isOlderThan, releaseLockFile } from '../core/lock-file.ts';
import { messageOf } from '../core/message-of.ts';
import { makePrivateDirectory } from '../core/private-file.ts';

/** A lock older than this was left by a process that died; a living owner keeps it young. */
const staleLockMs = 10_000;
const usualTouchMs = 3_000;
const lockPatienceMs = 15_000;
const lockPauseMs = 20;
/** A renewal takes 30 s at most. */
const workPatienceMs = 35_000;

export interface FileLockOptions {
  /** How long the lock is waited for. */
  readonly patienceMs?: number;
  /** How often its owner says that it lives. */
  readonly touchMs?: number;
}

/** Runs `work` while holding a lock file that names this process; a stale one is taken over. */
export async function withFileLock<Result>(
  path: string,
  work: () => Promise<Result>,
  { patienceMs = lockPatienceMs, touchMs = usualTouchMs }: FileLockOptions = {},
): Promise<Result> {
  await makePrivateDirectory(dirname(path));
  const owner = `${process.pid} ${randomUUID()}\n`;
  const deadlineMs = Date.now() + patienceMs;
  while (!(await createLockFile(path, owner))) {
    if (await isStale(path)) await removeStale(path);
    else if (Date.now() > deadlineMs)
      throw new Error(`${path} is held by another process. Remove it if none is running.`);
    await new Promise((resolve) => setTimeout(resolve, lockPauseMs));
  }
  const touching = setInterval(() => {
    const now = new Date();
    void utimes(path, now, now).catch(() => {});
  }, touchMs).unref();
  try {
    return await work();
  } finally {
    clearInterval(touching);
    await releaseLockFile(path, owner);
  }
}

/** The locks of a home, for work that two of its processes may not do at once. */
export function createFileLocks(
  directory: string,
  { patienceMs = workPatienceMs, ...options }: FileLockOptions = {},
): Exclusively {
  return async (name, work) => {
    let isHeld = false;
    try {
      return await withFileLock(
        join(directory, `${name.replaceAll(/[^\w.-]/g, '-')}.lock`),
        () => {
          isHeld = true;
          return work();
        },
        { patienceMs, ...options },
      );
    } catch (error) {
      if (isHeld) throw error;
      const fix = messageOf(error);
      throw new GatewayError('upstream_timeout', 'Another process is renewing this sign-in and does not end.', { fix });
    }
  };
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
