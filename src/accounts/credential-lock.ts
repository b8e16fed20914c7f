import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';

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
    // Whoever was taken for dead has lost the lock: another one's stays.
    if ((await readFile(path, 'utf8').catch(() => '')) === owner) await rm(path, { force: true });
  }
}

async function acquire(path: string, owner: string, clock: Clock): Promise<void> {
  let pauseMs = firstPauseMs;
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (await create(path, owner)) return;
    if (await isStale(path, clock)) {
      await removeStale(path, clock);
      if (await create(path, owner)) return;
    }
    await clock.sleep(pauseMs);
    pauseMs = Math.min(pauseMs * 1.5, longestPauseMs);
  }
  throw new GatewayError('upstream_timeout', 'Another program holds the lock of the sign-in file.', {
    fix: `Try again in a moment; if no such program runs, remove ${path}.`,
  });
}

async function create(path: string, owner: string): Promise<boolean> {
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

async function isStale(path: string, clock: Clock): Promise<boolean> {
  return stat(path).then(
    ({ mtimeMs }) => clock.now() - mtimeMs > staleMs,
    () => false,
  );
}

/** Moved away first: of several that found it stale only one gets it, and a lock made since is put back. */
async function removeStale(path: string, clock: Clock): Promise<void> {
  const away = `${path}.stale.${randomUUID()}`;
  try {
    await rename(path, away);
  } catch {
    return;
  }
  if (!(await isStale(away, clock))) await link(away, path).catch(() => {});
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
