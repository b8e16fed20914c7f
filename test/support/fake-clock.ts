import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../src/core/contracts.ts';

interface Sleeper {
  readonly dueMs: number;
  wake(): void;
}

/** Time that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** Moves on, waking each sleeper at its own time and letting what it does run before the next one. */
  advance(ms: number): Promise<void>;
  /** Sets the clock without waking anybody, as a user who corrects the machine's clock does. */
  set(nowMs: number): void;
  readonly sleepers: number;
}

export function createFakeClock(startMs = Date.UTC(2026, 10, 18, 12)): FakeClock {
  let nowMs = startMs;
  const sleepers = new Set<Sleeper>();
  const nextDue = (untilMs: number) =>
    [...sleepers].filter(({ dueMs }) => dueMs <= untilMs).toSorted((a, b) => a.dueMs - b.dueMs)[0];

  return {
    now: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const onAbort = () => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const sleeper: Sleeper = {
          dueMs: nowMs + ms,
          wake() {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
    after(ms, call) {
      const sleeper: Sleeper = {
        dueMs: nowMs + ms,
        wake() {
          sleepers.delete(sleeper);
          call();
        },
      };
      sleepers.add(sleeper);
      return () => void sleepers.delete(sleeper);
    },
    async advance(ms) {
      const targetMs = nowMs + ms;
      await nextTurn();
      for (let next = nextDue(targetMs); next !== undefined; next = nextDue(targetMs)) {
        nowMs = Math.max(nowMs, next.dueMs);
        next.wake();
        await nextTurn();
      }
      nowMs = targetMs;
      await nextTurn();
    },
    set(next) {
      nowMs = next;
    },
    get sleepers() {
      return sleepers.size;
    },
  };
}
