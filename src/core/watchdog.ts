import type { Clock } from './contracts.ts';

/** Acts after a time without a sign of life. Each {@link Watchdog.touch} costs a clock reading, no timer. */
export interface Watchdog {
  touch(): void;
  stop(): void;
}

/**
 * Calls `onSilence` whenever nothing was touched for `silenceMs`, and again after each further silence of that length.
 * One timer at a time, re-armed lazily.
 */
export function createWatchdog(clock: Clock, silenceMs: number, onSilence: () => void): Watchdog {
  const stopped = new AbortController();
  let touchedMs = clock.now();
  void watch().catch(() => {});
  return {
    touch() {
      touchedMs = clock.now();
    },
    stop: () => stopped.abort(),
  };

  async function watch() {
    while (!stopped.signal.aborted) {
      await clock.sleep(Math.max(1, touchedMs + silenceMs - clock.now()), stopped.signal);
      if (clock.now() - touchedMs < silenceMs) continue;
      touchedMs = clock.now();
      onSilence();
    }
  }
}
