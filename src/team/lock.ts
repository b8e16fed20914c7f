import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Exclusively } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';
import { longestPauseMs, type RedisLink } from './link.ts';

/** A lock whose owner died is free after this; a living owner keeps it young. */
const lifeMs = 5_000;
const touchMs = 1_500;
const askMs = 50;
/** A refresh takes 30 s at most. */
const patienceMs = 35_000;
/** After a loss every replica gets the time to come back and to write what it did meanwhile, such as a renewed token. */
const settleMs = 2 * longestPauseMs;

const ownScript = (action: string) =>
  `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call(${action}) end return 0`;
const releaseScript = ownScript("'DEL', KEYS[1]");
const touchScript = ownScript("'PEXPIRE', KEYS[1], ARGV[2]");

/**
 * Locks that die with their owner. One that was taken for dead may still finish its work: whoever writes under a lock
 * writes by compare-and-set over what it read under it, which is the fence.
 */
export function createLocks(link: RedisLink, connectedFirstMs: number): Exclusively {
  const acquire = async (key: string, owner: string): Promise<void> => {
    const deadlineMs = performance.now() + patienceMs;
    do {
      if (!link.isUp) throw storeLost();
      const settledMs = link.sinceMs === connectedFirstMs ? 0 : link.sinceMs + settleMs - Date.now();
      if (settledMs > 0) await pause(settledMs);
      else {
        const answer = await link.send('SET', key, owner, 'NX', 'PX', String(lifeMs)).catch(() => {
          throw storeLost();
        });
        if (answer === 'OK') return;
        await pause(askMs);
      }
    } while (performance.now() < deadlineMs);
    throw new GatewayError('upstream_timeout', 'Another replica is renewing this sign-in and does not end.');
  };

  return async (name, work) => {
    const key = link.key(`lock:${name}`);
    const owner = randomUUID();
    await acquire(key, owner);
    const touching = setInterval(
      () => void link.send('EVAL', touchScript, '1', key, owner, String(lifeMs)).catch(() => {}),
      touchMs,
    ).unref();
    try {
      return await work();
    } finally {
      clearInterval(touching);
      await link.send('EVAL', releaseScript, '1', key, owner).catch(() => {});
    }
  };
}

function storeLost(): GatewayError {
  return new GatewayError(
    'upstream_unreachable',
    'The team’s Redis is lost: this sign-in cannot be renewed meanwhile.',
  );
}
