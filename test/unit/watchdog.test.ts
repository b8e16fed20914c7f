import assert from 'node:assert/strict';
import { createWatchdog } from '../../src/core/watchdog.ts';

describe('watchdog', () => {
  const silenceMs = 10_000;
  let nowMs: number;
  let armed: { readonly ms: number; readonly call: () => void } | undefined;
  let silences: number;
  /** Timers go by a clock of their own, which nobody sets; `jumpMs` is what the machine's clock is set by meanwhile. */
  const wait = (jumpMs = 0) => {
    const { ms, call } = armed ?? assert.fail('nothing is waited for');
    armed = undefined;
    nowMs += ms + jumpMs;
    call();
    return ms;
  };
  const start = () =>
    createWatchdog(
      {
        now: () => nowMs,
        sleep: () => assert.fail('it does not sleep'),
        after(ms, call) {
          armed = { ms, call };
          return () => {
            armed = undefined;
          };
        },
      },
      silenceMs,
      () => silences++,
    );
  beforeEach(() => {
    [nowMs, silences, armed] = [1_000_000_000, 0, undefined];
  });

  it('acts after each silence', () => {
    start();
    for (let count = 1; count <= 3; count++) {
      assert.equal(wait(), silenceMs);
      assert.equal(silences, count);
    }
  });
  it('counts from the last sign of life', () => {
    const watchdog = start();
    nowMs += 4_000;
    watchdog.touch();
    nowMs -= 4_000;
    wait();
    assert.equal(silences, 0);
    assert.equal(wait(), 4_000);
    assert.equal(silences, 1);
  });
  it('is not put off by a clock that is set back: one silence later it acts', () => {
    start();
    wait(-24 * 3_600_000);
    assert.equal(silences, 0);
    assert.equal(wait(), silenceMs);
    assert.equal(silences, 1);
  });
  it('ends when it is stopped', () => {
    const watchdog = start();
    watchdog.stop();
    assert.equal(armed, undefined);
  });
});
