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
  let touchedMs = clock.now();
  let isStopped = false;
  const watch = (): (() => void) =>
    clock.after(Math.max(1, touchedMs + silenceMs - clock.now()), () => {
      // A sign of life in the future is one from before the clock was set back.
      if (touchedMs > clock.now()) touchedMs = clock.now();
      const isSilent = clock.now() - touchedMs >= silenceMs;
      if (isSilent) {
        touchedMs = clock.now();
        onSilence();
      }
      // What it did may have stopped this.
      if (!isStopped) cancel = watch();
    });
  let cancel = watch();
  return {
    touch() {
      touchedMs = clock.now();
    },
    stop() {
      isStopped = true;
      cancel();
    },
  };
}
