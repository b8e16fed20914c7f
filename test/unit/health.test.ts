import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { afterFailure, afterSuccess, type Health, standing } from '../../src/accounts/health.ts';
import type { AccountState } from '../../src/core/control.ts';
import { type ErrorCode, errorScopes, GatewayError, type GatewayErrorOptions } from '../../src/core/errors.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const now = Date.UTC(2026, 10, 18, 12);
const model = 'qwen3-coder-plus';

const failure = (code: ErrorCode, options: GatewayErrorOptions = {}) => new GatewayError(code, `why ${code}`, options);
const failed = (code: ErrorCode, options: GatewayErrorOptions = {}, before: Health = [], atMs = now) =>
  afterFailure(before, failure(code, options), model, atMs);
/** How long an account is out for its model; `Infinity` = until somebody mends it. */
const outMs = (health: Health, atMs = now, forModel: string | undefined = model) => {
  const { state, untilMs } = standing(health, forModel, atMs);
  return state === 'ready' ? 0 : (untilMs ?? Number.POSITIVE_INFINITY) - atMs;
};
/** The cooldowns of `count` failures, each met as soon as the one before was over. */
const growth = (code: ErrorCode, count: number): number[] => {
  let health: Health = [];
  let atMs = now;
  return Array.from({ length: count }, () => {
    health = failed(code, {}, health, atMs);
    const coolMs = outMs(health, atMs);
    atMs += coolMs;
    return coolMs;
  });
};

describe('health', () => {
  interface Row {
    readonly state: Exclude<AccountState, 'ready' | 'disabled'>;
    readonly base: number;
    readonly cap: number;
    readonly scope: 'model' | 'account';
  }
  const cooling = (base: number, cap: number, scope: Row['scope']): Row => ({ state: 'cooling', base, cap, scope });
  const exhausted = (base: number, cap: number, scope: Row['scope']): Row => ({ state: 'exhausted', base, cap, scope });
  const refused: Row = { state: 'unauthorized', base: Infinity, cap: Infinity, scope: 'account' };
  const rows: Readonly<Partial<Record<ErrorCode, Row>>> = {
    unauthorized: refused,
    token_expired: refused,
    service_ended: refused,
    billing: exhausted(hour, 24 * hour, 'account'),
    quota_exhausted: exhausted(15 * minute, 24 * hour, 'account'),
    quota_soft: exhausted(hour, 4 * hour, 'account'),
    rate_limited: cooling(30 * second, 5 * minute, 'model'),
    token_rate_limited: cooling(minute, 30 * minute, 'model'),
    burst: cooling(2 * second, minute, 'model'),
    concurrency: cooling(3 * second, minute, 'account'),
    model_not_found: exhausted(10 * minute, 6 * hour, 'model'),
    model_not_allowed: exhausted(10 * minute, 6 * hour, 'model'),
    access_denied: exhausted(10 * minute, 6 * hour, 'model'),
    wrong_path: exhausted(10 * minute, hour, 'account'),
    upstream_error: cooling(second, 30 * second, 'model'),
    upstream_overloaded: cooling(2 * second, 30 * second, 'model'),
    upstream_timeout: cooling(5 * second, minute, 'model'),
    upstream_unreachable: cooling(2 * second, 30 * second, 'account'),
    upstream_protocol: cooling(5 * second, minute, 'model'),
  };

  for (const [name, { state, base, cap, scope }] of Object.entries(rows)) {
    const code = name as ErrorCode;
    describe(code, () => {
      it(`makes the ${scope} ${state} at once, with its reason and fix`, () => {
        const health = failed(code, { fix: 'do this' });
        const result = standing(health, model, now);
        assert.deepEqual(
          [result.state, result.reason, result.fix, result.transient],
          [state, `why ${code}`, 'do this', state === 'cooling'],
        );
        assert.equal(outMs(health), base);
        assert.equal(standing(health, 'another-model', now).state, scope === 'model' ? 'ready' : state);
        assert.equal(standing(health, undefined, now).state, scope === 'model' ? 'ready' : state);
      });

      if (state === 'unauthorized') {
        it('never ends by time, whatever the upstream hints', () => {
          for (const hint of [undefined, 0, 5 * second, 48 * hour]) {
            const health = failed(code, { retryAfterMs: hint });
            assert.equal(standing(health, model, now + 10 * 365 * 24 * hour).state, 'unauthorized');
          }
        });
        return;
      }
      it('is over when its time is', () => {
        const health = failed(code);
        assert.equal(standing(health, model, now + base - 1).state, state);
        assert.equal(standing(health, model, now + base).state, 'ready');
      });

      it('doubles on each repeat, up to its cap', () => {
        const expected = Array.from({ length: 12 }, (_, index) => Math.min(base * 2 ** index, cap));
        assert.equal(expected.at(-1), cap);
        assert.deepEqual(growth(code, 12), expected);
      });

      it('takes the upstream’s hint in both directions, capped and not multiplied', () => {
        for (const hint of [0, 1, base / 2, base * 1.5, cap, cap + 1, 1_000 * hour]) {
          let health = failed(code, { retryAfterMs: hint });
          assert.equal(outMs(health), Math.min(hint, cap));
          const laterMs = now + Math.min(hint, cap);
          health = failed(code, { retryAfterMs: hint }, health, laterMs);
          assert.equal(outMs(health, laterMs), Math.min(hint, cap));
        }
      });
    });
  }

  for (const code of Object.keys(errorScopes) as ErrorCode[]) {
    if (rows[code]) continue;
    it(`${code} says nothing about the account`, () => {
      const before = failed('rate_limited');
      assert.equal(afterFailure(before, failure(code, { retryAfterMs: minute }), model, now), before);
      // Of what a client cannot have caused, only broken output of the model is left out on purpose.
      assert.ok(['request', 'local'].includes(errorScopes[code]) || code === 'model_output');
    });
  }

  describe('growth', () => {
    it('takes failures of requests that were under way together for one', () => {
      let health: Health = [];
      for (let index = 0; index < 20; index++) health = failed('token_rate_limited', {}, health, now + index);
      assert.equal(outMs(health, now + 19), minute);
      assert.equal(health.length, 1);
    });

    it('does not let a later failure without a hint shorten what the upstream asked for', () => {
      let health = failed('rate_limited', { retryAfterMs: 4 * minute });
      health = failed('rate_limited', {}, health, now + second);
      assert.equal(outMs(health, now + second), 4 * minute - second);
    });

    it('starts anew when the last failure is long ago', () => {
      let health = failed('rate_limited');
      health = failed('rate_limited', {}, health, now + 30 * second);
      assert.equal(outMs(health, now + 30 * second), minute);
      health = failed('rate_limited', {}, health, now + hour);
      assert.equal(outMs(health, now + hour), 30 * second);
    });

    it('counts each model and each cause by itself', () => {
      let health = failed('rate_limited');
      health = afterFailure(health, failure('rate_limited'), 'other', now);
      health = failed('burst', {}, health);
      assert.equal(outMs(health, now, 'other'), 30 * second);
      assert.equal(health.length, 3);
    });

    it('does not keep what is over for good, however many models were asked for', () => {
      let health: Health = [];
      for (let day = 0; day < 50; day++)
        health = afterFailure(health, failure('model_not_found'), `model-${day}`, now + day * 24 * hour);
      assert.equal(health.length, 1);
    });
  });

  describe('quota windows', () => {
    it('a day ends at midnight in China', () => {
      assert.equal(outMs(failed('quota_exhausted', { window: 'day' })), 4 * hour);
    });
    it('a week is waited for a day at a time, because the upstream may be wrong', () => {
      assert.equal(outMs(failed('quota_exhausted', { window: 'week' })), 24 * hour);
      const sunday = Date.UTC(2026, 10, 22, 15);
      assert.equal(outMs(failed('quota_exhausted', { window: 'week' }, [], sunday), sunday), hour);
    });
    it('five hours and a month have no end in the calendar', () => {
      for (const window of ['hour', 'month', 'unknown'] as const)
        assert.equal(outMs(failed('quota_exhausted', { window })), 15 * minute);
    });
    it('the upstream’s hint is better than the calendar', () => {
      assert.equal(outMs(failed('quota_exhausted', { window: 'day', retryAfterMs: minute })), minute);
    });
    it('a free tier that ended for one model leaves the others', () => {
      const health = failed('quota_exhausted', { window: 'model' });
      assert.equal(standing(health, model, now).state, 'exhausted');
      assert.equal(standing(health, 'other', now).state, 'ready');
    });
  });

  describe('success', () => {
    const mixed = afterFailure(failed('rate_limited'), failure('rate_limited'), 'other', now);

    it('clears its own model and leaves the others', () => {
      const health = afterSuccess(mixed, model, now + second);
      assert.equal(standing(health, model, now).state, 'ready');
      assert.equal(standing(health, 'other', now).state, 'cooling');
    });
    it('clears what stood against the whole account', () => {
      for (const code of ['unauthorized', 'quota_exhausted', 'upstream_unreachable'] as const)
        assert.deepEqual(afterSuccess(failed(code), model, now + second), []);
    });
    it('ends the growth', () => {
      let health = failed('rate_limited');
      health = failed('rate_limited', {}, health, now + minute);
      health = afterSuccess(health, model, now + 2 * minute);
      health = failed('rate_limited', {}, health, now + 3 * minute);
      assert.equal(outMs(health, now + 3 * minute), 30 * second);
    });
    it('of a request sent before the failure proves nothing', () => {
      const health = failed('unauthorized');
      assert.equal(afterSuccess(health, model, now - 1), health);
    });
    it('changes nothing where nothing stood', () => {
      const other = afterFailure([], failure('rate_limited'), 'other', now);
      assert.equal(afterSuccess(other, model, now + second), other);
    });
  });

  describe('several obstacles', () => {
    it('shows the one that ends last', () => {
      const health = failed('quota_exhausted', {}, failed('burst'));
      const result = standing(health, model, now);
      assert.deepEqual([result.state, result.untilMs], ['exhausted', now + 15 * minute]);
    });
    it('shows what only the user can mend before everything else', () => {
      const health = failed('billing', {}, failed('unauthorized'));
      assert.equal(standing(health, model, now).state, 'unauthorized');
    });
    it('is passing only if every one of them is', () => {
      const health = failed('token_rate_limited', { retryAfterMs: 30 * minute }, failed('quota_exhausted'));
      const result = standing(health, model, now);
      assert.deepEqual([result.state, result.transient], ['cooling', false]);
    });
  });

  it('does not believe a cooldown longer than its cap: the clock was set back', () => {
    const health = failed('upstream_error', {}, [], now + 24 * hour);
    assert.equal(standing(health, model, now).state, 'ready');
    const again = failed('upstream_error', {}, health, now);
    assert.deepEqual([again.length, outMs(again)], [1, second]);
  });

  it('reads entries of a code without a policy as they are dated', () => {
    const health: Health = [
      { code: 'internal', sinceMs: now, untilMs: now + minute, count: 1, reason: 'from elsewhere' },
    ];
    assert.equal(standing(health, model, now).state, 'unauthorized');
    assert.equal(standing(health, model, now + minute).state, 'ready');
  });
  it('keeps the latest hundred models that failed, and everything about the whole account', () => {
    let health: Health = failed('unauthorized');
    for (let number = 0; number < 300; number++)
      health = afterFailure(health, failure('model_not_found'), `invented-${number}`, now + number);
    assert.deepEqual(
      health.map((entry) => entry.model),
      [undefined, ...Array.from({ length: 100 }, (_, index) => `invented-${index + 200}`)],
    );
  });
});
