import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ClientKeyLimits, NamedClientKey } from '../../src/core/client-key.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { createKeyRates } from '../../src/core/key-rates.ts';
import { createKeyLimits } from '../../src/gateway/key-limits.ts';

const keyOf = (limits: ClientKeyLimits, digest = 'd'): NamedClientKey => ({
  name: 'team',
  digest,
  createdAtMs: 0,
  limits,
});

describe('key limits', () => {
  const setUp = (tokens = 0, perMinute = 0) => {
    const time = { nowMs: 0 };
    const admit = createKeyLimits({
      now: () => time.nowMs,
      tokensToday: () => tokens,
      defaultModel: () => 'qwen3-coder-plus',
      rates: createKeyRates(() => time.nowMs),
      requestsPerMinute: () => perMinute,
      programRates: createKeyRates(() => time.nowMs),
    });
    return {
      time,
      admit: (key: NamedClientKey | undefined, model: string | undefined, userAgent?: string) => {
        const release = admit(key, model, userAgent);
        assert.ok(!(release instanceof Promise), 'one process decides at once');
        return release;
      },
    };
  };
  const refusal = (work: () => unknown): GatewayError => {
    try {
      work();
    } catch (error) {
      if (error instanceof GatewayError) return error;
      throw error;
    }
    return assert.fail('it was admitted');
  };

  it('programs without a key of their own have the limit of the setting, each for itself', () => {
    const { admit, time } = setUp(0, 2);
    admit(undefined, 'm', 'Cline/3.1 linux');
    admit(undefined, 'm', 'Cline/3.2');
    const { code, retryAfterMs, message } = refusal(() => admit(undefined, 'm', 'Cline/3.1'));
    assert.deepEqual([code, retryAfterMs], ['too_many_requests', 30_000]);
    assert.match(message, /^Cline is limited to 2 requests a minute/);
    admit(undefined, 'm', 'claude-cli/2.1');
    admit(undefined, 'm');
    // A named key has limits of its own.
    for (let count = 0; count < 5; count++) admit(keyOf({}), 'm', 'Cline/3.1');
    time.nowMs += 30_000;
    admit(undefined, 'm', 'Cline/3.1');
    refusal(() => admit(undefined, 'm', 'Cline/3.1'));
  });

  it('programs that make up names share one limit in the end', () => {
    const { admit } = setUp(0, 1);
    for (let number = 0; number < 100; number++) admit(undefined, 'm', `agent${number}`);
    admit(undefined, 'm', 'one more');
    refusal(() => admit(undefined, 'm', 'another'));
    refusal(() => admit(undefined, 'm', 'agent7'));
  });

  it('a key without limits, and no key at all, may do anything', () => {
    const { admit } = setUp(1e9);
    for (let count = 0; count < 1_000; count++) {
      admit(keyOf({}), 'any');
      admit(undefined, undefined);
    }
  });
  it('requests a minute: so many at once, then as they are paid back', () => {
    const { admit, time } = setUp();
    const key = keyOf({ requestsPerMinute: 2 });
    admit(key, 'm');
    admit(key, 'm');
    const error = refusal(() => admit(key, 'm'));
    assert.deepEqual([error.code, error.retryAfterMs], ['too_many_requests', 30_000]);
    time.nowMs += 29_999;
    assert.equal(refusal(() => admit(key, 'm')).retryAfterMs, 1);
    time.nowMs += 1;
    admit(key, 'm');
    refusal(() => admit(key, 'm'));
  });
  it('never lets more begin than the limit allows, and whoever waits as told may begin', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), steps, (requestsPerMinute, pauses) => {
        const { admit, time } = setUp();
        const key = keyOf({ requestsPerMinute });
        const begun: number[] = [];
        for (const pauseMs of pauses) {
          time.nowMs += pauseMs;
          try {
            admit(key, 'm');
          } catch (error) {
            assert.ok(error instanceof GatewayError && error.retryAfterMs !== undefined);
            time.nowMs += error.retryAfterMs;
            admit(key, 'm');
          }
          begun.push(time.nowMs);
        }
        for (const startMs of begun) {
          const inMinute = begun.filter((atMs) => atMs >= startMs && atMs < startMs + 60_000);
          assert.ok(inMinute.length <= 2 * requestsPerMinute);
        }
      }),
    );
  });
  it('a wait as told is enough, however it is paid back', () => {
    const { admit, time } = setUp();
    const key = keyOf({ requestsPerMinute: 2 });
    for (const pauseMs of [0, 15, 1]) {
      time.nowMs += pauseMs;
      try {
        admit(key, 'm');
      } catch (error) {
        assert.ok(error instanceof GatewayError && error.retryAfterMs !== undefined);
        time.nowMs += error.retryAfterMs;
        admit(key, 'm');
      }
    }
  });
  it('requests at once are given back once each', () => {
    const { admit } = setUp();
    const key = keyOf({ concurrentRequests: 1 });
    const release = admit(key, 'm');
    assert.equal(refusal(() => admit(key, 'm')).code, 'too_many_requests');
    release();
    release();
    admit(key, 'm');
    refusal(() => admit(key, 'm'));
  });
  it('what is refused costs nothing of another limit', () => {
    const { admit } = setUp();
    const key = keyOf({ concurrentRequests: 1, requestsPerMinute: 2 });
    const release = admit(key, 'm');
    for (let count = 0; count < 5; count++) refusal(() => admit(key, 'm'));
    release();
    admit(key, 'm');
  });
  it('tokens of the day: until midnight UTC', () => {
    const { admit, time } = setUp(100);
    time.nowMs = 86_400_000 * 3 - 5_000;
    admit(keyOf({ tokensPerDay: 101 }), 'm');
    const error = refusal(() => admit(keyOf({ tokensPerDay: 100 }), 'm'));
    assert.deepEqual([error.code, error.retryAfterMs], ['too_many_requests', 5_000]);
  });
  for (const [models, asked, isAllowed] of [
    [['qwen3-coder-plus'], 'qwen3-coder-plus', true],
    [['qwen3-coder-plus'], 'qwen3-coder-plus-2', false],
    [['qwen3-*'], 'qwen3-coder-plus', true],
    [['qwen3-*', 'x'], 'qwen-max', false],
    [['qwen3-coder-plus'], undefined, true],
    [['other'], undefined, false],
    [[], 'any', false],
  ] as const)
    it(`${asked ?? 'no model'} with ${JSON.stringify(models)}: ${isAllowed ? 'yes' : 'no'}`, () => {
      const { admit } = setUp();
      if (isAllowed) admit(keyOf({ models }), asked);
      else {
        const { code, param } = refusal(() => admit(keyOf({ models }), asked));
        assert.deepEqual([code, param], ['forbidden', 'model']);
      }
    });
  it('a key made anew under an old name begins anew', () => {
    const { admit } = setUp();
    const limits = { requestsPerMinute: 1 };
    admit(keyOf(limits, 'old'), 'm');
    admit(keyOf(limits, 'new'), 'm');
    refusal(() => admit(keyOf(limits, 'new'), 'm'));
  });
});
