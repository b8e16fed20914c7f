import assert from 'node:assert/strict';
import { endWhenSilent } from '../../src/vscode/heartbeat.ts';
import { createMemoryLogger } from '../support/accounts.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const heartbeatMs = 1_000;

describe('heartbeat of the server thread', () => {
  const watch = () => {
    const clock = createFakeClock();
    const logger = createMemoryLogger();
    const gone = new AbortController();
    let pings = 0;
    let terminated = 0;
    let answer = () => {};
    let end = (_reason: string) => {};
    const ended = new Promise<string>((resolve) => {
      end = resolve;
    });
    let isSilent = false;
    const connection = {
      ended,
      ping: () => {
        pings++;
        return isSilent ? new Promise<void>((resolve) => (answer = resolve)) : Promise.resolve();
      },
      terminate: async () => void terminated++,
    };
    void endWhenSilent(connection, { clock, heartbeatMs, signal: gone.signal, logger });
    return {
      clock,
      gone,
      logger,
      end: () => end('exit code 1'),
      answer: () => answer(),
      silence: (isOn: boolean) => {
        isSilent = isOn;
      },
      get pings() {
        return pings;
      },
      get terminated() {
        return terminated;
      },
    };
  };

  it('asks on and on, one question at a time, and leaves a server alone that answers', async () => {
    const watched = watch();
    await watched.clock.advance(100 * heartbeatMs);
    assert.equal(watched.pings, 101);
    assert.equal(watched.terminated, 0);
  });
  it('ends one that stays silent, once, and says so', async () => {
    const watched = watch();
    watched.silence(true);
    await watched.clock.advance(20 * heartbeatMs);
    assert.equal(watched.terminated, 1);
    assert.equal(watched.clock.sleepers, 0);
    assert.match(watched.logger.lines.at(-1)?.message ?? '', /does not answer any more/);
  });
  it('waits for a late answer, and counts anew after it', async () => {
    const watched = watch();
    watched.silence(true);
    for (let round = 0; round < 5; round++) {
      await watched.clock.advance(4 * heartbeatMs);
      watched.answer();
    }
    assert.equal(watched.terminated, 0);
  });
  it('takes a machine that slept, or a blocked thread of its own, for no silence', async () => {
    const watched = watch();
    watched.silence(true);
    await watched.clock.advance(heartbeatMs);
    // One pause that lasted hours: whatever came meanwhile is read at its end.
    watched.clock.set(watched.clock.now() + 8 * 3_600_000);
    await watched.clock.advance(heartbeatMs);
    watched.answer();
    watched.silence(false);
    await watched.clock.advance(10 * heartbeatMs);
    assert.equal(watched.terminated, 0);
  });
  it('stops when the server has ended, or the host ends', async () => {
    for (const stop of ['end', 'gone'] as const) {
      const watched = watch();
      await watched.clock.advance(heartbeatMs);
      if (stop === 'end') watched.end();
      else watched.gone.abort();
      await watched.clock.advance(10 * heartbeatMs);
      assert.equal(watched.clock.sleepers, 0);
      assert.equal(watched.terminated, 0);
    }
  });
});
