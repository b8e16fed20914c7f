import { randomUUID } from 'node:crypto';
import { link, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';
import { createLockFile, isOlderThan, releaseLockFile } from '../core/lock-file.ts';

/** qwen-code's numbers (sharedTokenManager.ts): whoever shares the file with it has to wait and to give up alike. */
const attempts = 20;
const firstPauseMs = 100;
const longestPauseMs = 2_000;
const staleMs = 10_000;
/** A refresh may take longer than a lock lives: its owner keeps it young. */
const touchMs = 3_000;

/** Runs `work` while holding the lock file that qwen-code keeps beside its credentials. */
export async function withCredentialLock<Result>(
  credentialFile: string,
  clock: Clock,
  work: () => Promise<Result>,
): Promise<Result> {
  const path = join(dirname(credentialFile), 'oauth_creds.lock');
  const owner = randomUUID();
  await acquire(path, owner, clock);
  const released = new AbortController();
  void keepYoung(path, clock, released.signal);
  try {
    return await work();
  } finally {
    released.abort();
    await releaseLockFile(path, owner);
  }
}

async function acquire(path: string, owner: string, clock: Clock): Promise<void> {
  let pauseMs = firstPauseMs;
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (await createLockFile(path, owner)) return;
    if (await isOlderThan(path, staleMs, clock.now())) {
      await removeStale(path, clock);
      if (await createLockFile(path, owner)) return;
    }
    await clock.sleep(pauseMs);
    pauseMs = Math.min(pauseMs * 1.5, longestPauseMs);
  }
  throw new GatewayError('upstream_timeout', 'Another program holds the lock of the sign-in file.', {
    fix: `Try again in a moment; if no such program runs, remove ${path}.`,
  });
}

/** Moved away first: of several that found it stale only one gets it, and a lock made since is put back. */
async function removeStale(path: string, clock: Clock): Promise<void> {
  const away = `${path}.stale.${randomUUID()}`;
  try {
    await rename(path, away);
  } catch {
    return;
  }
  if (!(await isOlderThan(away, staleMs, clock.now()))) await link(away, path).catch(() => {});
  await rm(away, { force: true });
}

async function keepYoung(path: string, clock: Clock, released: AbortSignal): Promise<void> {
  try {
    while (true) {
      await clock.sleep(touchMs, released);
      const nowSeconds = clock.now() / 1000;
      await utimes(path, nowSeconds, nowSeconds);
    }
  } catch {
    // Released, or taken away: there is nothing left to keep.
  }
}
