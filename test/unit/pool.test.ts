import assert from 'node:assert/strict';
import fc from 'fast-check';
import { beforeEach, describe, it } from 'mocha';
import type { Account } from '../../src/accounts/account.ts';
import type { Health } from '../../src/accounts/health.ts';
import { createPool, type Lease, type Pool, type PoolOptions } from '../../src/accounts/pool.ts';
import { type ErrorCode, GatewayError, type GatewayErrorOptions } from '../../src/core/errors.ts';
import { type AccountStrategy, accountStrategies } from '../../src/core/settings.ts';
import { keyAccount } from '../support/accounts.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

const model = 'qwen3-coder-plus';
const nobody: ReadonlySet<string> = new Set();

describe('pool', () => {
  let clock: FakeClock;
  let accounts: Account[];
  let strategy: AccountStrategy;
  let served: Map<string, number>;
  let changes: number;

  beforeEach(() => {
    clock = createFakeClock();
    accounts = ['a', 'b', 'c'].map((id) => keyAccount(id));
    strategy = 'fallback';
    served = new Map();
    changes = 0;
  });

  const open = (more: Partial<PoolOptions> = {}): Pool =>
    createPool({
      clock,
      accounts: () => accounts,
      strategy: () => strategy,
      requestsToday: (id) => served.get(id) ?? 0,
      quotaLeft: () => undefined,
      modelFor: (_account, asked) => asked ?? model,
      onChange: () => changes++,
      ...more,
    });
  const acquire = (pool: Pool, tried: Iterable<string> = nobody, asked: string | undefined = model): Lease =>
    pool.acquire({ model: asked, tried: new Set(tried) });
  const idOf = (pool: Pool, tried?: Iterable<string>) => acquire(pool, tried).account.id;
  const answer = (pool: Pool, lease: Lease) => {
    served.set(lease.account.id, (served.get(lease.account.id) ?? 0) + 1);
    pool.report(lease, { kind: 'answered' });
  };
  const fail = (pool: Pool, lease: Lease, code: ErrorCode, options: GatewayErrorOptions = {}) =>
    pool.report(lease, { kind: 'failed', error: new GatewayError(code, `why ${code}`, options) });
  /** Makes exactly this account meet a failure. */
  const spoil = (pool: Pool, id: string, code: ErrorCode, options?: GatewayErrorOptions) => {
    const others = accounts.map((account) => account.id).filter((other) => other !== id);
    fail(pool, acquire(pool, others), code, options);
  };
  const refusal = (pool: Pool, tried: Iterable<string> = nobody, asked?: string): GatewayError => {
    try {
      acquire(pool, tried, asked);
    } catch (error) {
      assert.ok(error instanceof GatewayError);
      return error;
    }
    return assert.fail('a lease was given');
  };

  describe('who is next', () => {
    it('fallback: the first in the user’s order that is ready and untried', () => {
      const pool = open();
      assert.deepEqual([idOf(pool), idOf(pool), idOf(pool, ['a']), idOf(pool, ['a', 'b'])], ['a', 'a', 'b', 'c']);
      spoil(pool, 'a', 'rate_limited');
      assert.equal(idOf(pool), 'b');
    });

    it('fallback: goes back to the first when it may serve again', async () => {
      const pool = open();
      spoil(pool, 'a', 'rate_limited');
      await clock.advance(29_999);
      assert.equal(idOf(pool), 'b');
      await clock.advance(1);
      assert.equal(idOf(pool), 'a');
    });

    it('round-robin: everybody in turn, also while requests are open', () => {
      strategy = 'round-robin';
      const pool = open();
      assert.equal(Array.from({ length: 9 }, () => idOf(pool)).join(''), 'abcabcabc');
    });

    it('round-robin: is fair to those that are left when one cools', () => {
      strategy = 'round-robin';
      const pool = open();
      spoil(pool, 'b', 'rate_limited');
      const counts = Map.groupBy(
        Array.from({ length: 100 }, () => idOf(pool)),
        (id) => id,
      );
      assert.deepEqual([counts.get('a')?.length, counts.get('c')?.length, counts.get('b')], [50, 50, undefined]);
    });

    it('least-used: open requests first, then those answered today', () => {
      strategy = 'least-used';
      served = new Map(Object.entries({ a: 5, b: 2, c: 9 }));
      const pool = open();
      const first = acquire(pool);
      assert.deepEqual([first.account.id, idOf(pool), idOf(pool), idOf(pool)], ['b', 'a', 'c', 'b']);
      answer(pool, first);
      assert.equal(idOf(pool), 'b');
    });

    it('least-used: a report ends one request of an account, not all', () => {
      strategy = 'least-used';
      accounts = accounts.slice(0, 2);
      const pool = open();
      const leases = Array.from({ length: 6 }, () => acquire(pool));
      const ofA = leases.filter(({ account }) => account.id === 'a');
      const ofB = leases.filter(({ account }) => account.id === 'b');
      assert.deepEqual([ofA.length, ofB.length], [3, 3]);
      for (const lease of [...ofA.slice(0, 1), ...ofB.slice(0, 2)]) pool.report(lease, { kind: 'released' });
      assert.deepEqual([idOf(pool), idOf(pool)], ['b', 'a']);
    });

    it('leaves out who was switched off', () => {
      accounts = accounts.map((account) => ({ ...account, enabled: account.id === 'c' }));
      const pool = open();
      assert.equal(idOf(pool), 'c');
      assert.equal(pool.standing(accounts[0] ?? assert.fail()).state, 'disabled');
    });

    it('leaves out who has no model for the request, and leases the account’s own model', () => {
      const pool = open({ modelFor: (account, asked) => (account.id === 'b' ? `${asked}-of-b` : undefined) });
      const lease = acquire(pool);
      assert.deepEqual([lease.account.id, lease.model], ['b', `${model}-of-b`]);
    });

    it('a model that is limited leaves the account to the others', () => {
      const pool = open();
      spoil(pool, 'a', 'rate_limited');
      assert.equal(acquire(pool, nobody, 'qwen3-max').account.id, 'a');
    });
  });

  describe('reports', () => {
    it('an answer ends what stood against its model before', () => {
      accounts = accounts.slice(0, 1);
      const pool = open();
      fail(pool, acquire(pool), 'rate_limited');
      answer(pool, acquire(pool));
      assert.equal(pool.standing(accounts[0] ?? assert.fail(), model).state, 'ready');
      assert.deepEqual([...pool.health], []);
    });

    it('an old answer that ends late does not wash away a newer refusal', async () => {
      const pool = open();
      const long = acquire(pool);
      await clock.advance(60_000);
      spoil(pool, 'a', 'unauthorized');
      await clock.advance(60_000);
      answer(pool, long);
      assert.equal(pool.standing(accounts[0] ?? assert.fail()).state, 'unauthorized');
    });

    it('released teaches nothing', () => {
      const pool = open();
      pool.report(acquire(pool), { kind: 'released' });
      assert.deepEqual([changes, pool.health.size], [0, 0]);
    });

    it('tells about each change of health once', () => {
      const pool = open();
      spoil(pool, 'a', 'rate_limited');
      spoil(pool, 'b', 'invalid_request');
      answer(pool, acquire(pool, ['a', 'b']));
      assert.equal(changes, 1);
      pool.clear('a');
      pool.clear('a');
      assert.equal(changes, 2);
    });

    it('of a removed account is not held against a new one of the same id', async () => {
      const pool = open();
      const old = acquire(pool);
      accounts = accounts.filter(({ id }) => id !== 'a');
      pool.forget('a');
      fail(pool, old, 'unauthorized');
      assert.equal(pool.health.size, 0);
      accounts = [keyAccount('a', { createdAtMs: clock.now() })];
      fail(pool, old, 'unauthorized');
      assert.equal(idOf(pool), 'a');
    });

    it('from before the account was made, or was cleared elsewhere, count no more', async () => {
      const entry = {
        code: 'unauthorized',
        sinceMs: clock.now() - 5,
        untilMs: null,
        count: 1,
        reason: 'refused',
      } as const;
      const pool = open({ health: new Map<string, Health>(['a', 'b', 'c'].map((id) => [id, [entry]])) });
      accounts = [
        keyAccount('a'),
        keyAccount('b', { createdAtMs: clock.now() }),
        keyAccount('c', { clearedAtMs: clock.now() }),
      ];
      assert.deepEqual(
        accounts.map((account) => pool.standing(account).state),
        ['unauthorized', 'ready', 'ready'],
      );
      spoil(pool, 'c', 'rate_limited');
      assert.equal(pool.standing(accounts[2] ?? assert.fail(), model).state, 'cooling');
    });

    it('health from the last run counts', () => {
      const entry = { code: 'unauthorized', sinceMs: 5, untilMs: null, count: 1, reason: 'refused' } as const;
      const pool = open({ health: new Map<string, Health>([['a', [entry]]]) });
      assert.equal(idOf(pool), 'b');
      pool.clear('a');
      assert.equal(idOf(pool), 'a');
    });
  });

  describe('hasReady', () => {
    it('knows of another one that is ready now', () => {
      const pool = open();
      assert.equal(pool.hasReady({ model, tried: new Set(['a']) }), true);
      assert.equal(pool.hasReady({ model, tried: new Set(['a', 'b', 'c']) }), false);
      for (const id of ['b', 'c']) spoil(pool, id, 'rate_limited');
      assert.equal(pool.hasReady({ model, tried: new Set(['a']) }), false);
      assert.equal(pool.hasReady({ model: 'qwen3-max', tried: new Set(['a']) }), true);
    });
  });

  describe('when nobody is ready', () => {
    it('a lone account is never refused for a cause that passes', () => {
      for (const code of ['rate_limited', 'burst', 'concurrency', 'upstream_error', 'upstream_unreachable'] as const) {
        accounts = [keyAccount('a'), keyAccount('off', { enabled: false })];
        const pool = open();
        for (let index = 0; index < 30; index++) fail(pool, acquire(pool), code, { retryAfterMs: 60_000 });
        const open20 = Array.from({ length: 20 }, () => idOf(pool));
        assert.equal(open20.length, 20);
      }
    });

    it('an account is as good as alone when the others wait for the user or for a quota', () => {
      const pool = open();
      spoil(pool, 'a', 'unauthorized');
      spoil(pool, 'b', 'billing');
      spoil(pool, 'c', 'rate_limited');
      assert.deepEqual([idOf(pool), idOf(pool), idOf(pool)], ['c', 'c', 'c']);
    });

    it('a lone account is refused for a cause that does not pass', () => {
      accounts = accounts.slice(0, 1);
      const pool = open();
      spoil(pool, 'a', 'billing');
      assert.equal(refusal(pool).code, 'quota_exhausted');
    });

    it('the one due first gets one trial at a time', async () => {
      const pool = open();
      spoil(pool, 'a', 'rate_limited', { retryAfterMs: 120_000 });
      spoil(pool, 'b', 'rate_limited', { retryAfterMs: 60_000 });
      spoil(pool, 'c', 'rate_limited', { retryAfterMs: 90_000 });
      const trial = acquire(pool);
      assert.equal(trial.account.id, 'b');
      await clock.advance(10_000);
      assert.equal(refusal(pool).code, 'accounts_cooling');
      pool.report(trial, { kind: 'released' });
      assert.equal(idOf(pool), 'b');
    });

    it('a request that began before does not end the trial of another', async () => {
      const pool = open();
      const early = acquire(pool);
      for (const id of ['a', 'b', 'c']) spoil(pool, id, 'rate_limited', { retryAfterMs: 60_000 });
      acquire(pool);
      await clock.advance(5_000);
      pool.report(early, { kind: 'released' });
      assert.equal(refusal(pool).code, 'accounts_cooling');
    });

    it('trials are a second apart, whatever became of the last one', async () => {
      const pool = open();
      for (const id of ['a', 'b', 'c']) spoil(pool, id, 'rate_limited');
      fail(pool, acquire(pool), 'rate_limited');
      assert.equal(refusal(pool).code, 'accounts_cooling');
      await clock.advance(999);
      assert.equal(refusal(pool).code, 'accounts_cooling');
      await clock.advance(1);
      assert.ok(acquire(pool));
    });

    it('a clock that was set back does not put the next trial off', () => {
      const pool = open();
      for (const id of ['a', 'b', 'c']) spoil(pool, id, 'rate_limited');
      fail(pool, acquire(pool), 'rate_limited');
      clock.set(clock.now() - 24 * 3_600_000);
      for (const id of ['a', 'b', 'c']) spoil(pool, id, 'rate_limited');
      assert.ok(acquire(pool));
    });

    it('a trial that is answered opens the account to everybody', () => {
      const pool = open();
      for (const id of ['a', 'b', 'c']) spoil(pool, id, 'rate_limited');
      answer(pool, acquire(pool));
      assert.deepEqual([idOf(pool), idOf(pool)], ['a', 'a']);
    });

    it('the trial goes to no account that the request has tried', async () => {
      const pool = open();
      for (const id of ['a', 'b', 'c']) spoil(pool, id, 'rate_limited');
      const trial = acquire(pool, ['a']);
      assert.equal(trial.account.id, 'b');
      fail(pool, trial, 'rate_limited');
      await clock.advance(1_000);
      assert.equal(idOf(pool, ['a', 'b']), 'c');
      assert.equal(refusal(pool, ['a', 'b', 'c']).code, 'accounts_cooling');
    });
  });

  describe('refusals', () => {
    const cases: readonly {
      readonly what: string;
      readonly codes: readonly (readonly [ErrorCode, number?])[];
      readonly expected: ErrorCode;
      readonly retryAfterMs?: number;
    }[] = [
      {
        what: 'the first end of all',
        codes: [
          ['rate_limited', 90_000],
          ['burst', 40_000],
        ],
        expected: 'accounts_cooling',
        retryAfterMs: 40_000,
      },
      {
        what: 'never less than a second',
        codes: [
          ['burst', 300],
          ['burst', 400],
        ],
        expected: 'accounts_cooling',
        retryAfterMs: 1_000,
      },
      {
        what: 'quotas only',
        codes: [
          ['quota_exhausted', 3_600_000],
          ['billing', 7_200_000],
        ],
        expected: 'quota_exhausted',
        retryAfterMs: 3_600_000,
      },
      {
        what: 'a dead one besides a quota',
        codes: [['unauthorized'], ['quota_soft', 5_000]],
        expected: 'quota_exhausted',
        retryAfterMs: 5_000,
      },
      { what: 'dead ones only', codes: [['unauthorized'], ['service_ended']], expected: 'unauthorized' },
      { what: 'none has the model', codes: [['model_not_found'], ['access_denied']], expected: 'model_not_found' },
      {
        what: 'one without the model besides a quota',
        codes: [['model_not_found'], ['quota_soft', 5_000]],
        expected: 'quota_exhausted',
        retryAfterMs: 5_000,
      },
    ];
    for (const { what, codes, expected, retryAfterMs } of cases) {
      it(`${expected}: ${what}`, () => {
        accounts = codes.map((_, index) => keyAccount(`account-${index}`));
        const pool = open();
        for (const [index, [code, hint]] of codes.entries())
          spoil(pool, `account-${index}`, code, { retryAfterMs: hint, fix: `fix ${code}` });
        if (expected === 'accounts_cooling') acquire(pool);
        const error = refusal(pool);
        assert.deepEqual([error.code, error.retryAfterMs], [expected, retryAfterMs]);
        for (const [index, [code]] of codes.entries()) {
          assert.match(error.message, new RegExp(`Label of account-${index}: \\w+ \\(why ${code}\\)`));
        }
        if (expected === 'unauthorized') assert.equal(error.fix, 'fix unauthorized');
      });
    }

    it('Retry-After is true: coming back then is worth it', async () => {
      accounts = accounts.slice(0, 2);
      const pool = open();
      spoil(pool, 'a', 'rate_limited', { retryAfterMs: 50_000 });
      spoil(pool, 'b', 'rate_limited', { retryAfterMs: 70_000 });
      acquire(pool);
      const waitMs = refusal(pool).retryAfterMs ?? assert.fail();
      await clock.advance(waitMs - 1);
      assert.equal(refusal(pool).code, 'accounts_cooling');
      await clock.advance(1);
      assert.equal(idOf(pool), 'a');
    });

    it('no_account: none is stored, or all are switched off', () => {
      accounts = [];
      const pool = open();
      assert.deepEqual(
        [refusal(pool).code, /No Qwen account is set up/.test(refusal(pool).message)],
        ['no_account', true],
      );
      accounts = [keyAccount('a', { enabled: false })];
      assert.deepEqual([refusal(pool).code, /switched off/.test(refusal(pool).message)], ['no_account', true]);
      assert.ok(refusal(pool).fix);
    });

    it('model_not_found: no account offers the model', () => {
      const pool = open({ modelFor: () => undefined });
      const error = refusal(pool, nobody, 'gpt-99');
      assert.deepEqual([error.code, error.param], ['model_not_found', 'model']);
      assert.match(error.message, /gpt-99/);
    });

    it('model_not_found: no account serves embeddings, and what to add', () => {
      const pool = open({
        modelFor: (_account, _asked, format) => (format === 'openai-embeddings' ? undefined : model),
      });
      const wish = { model: 'text-embedding-v4', format: 'openai-embeddings', tried: new Set<string>() } as const;
      assert.throws(() => pool.acquire(wish), {
        code: 'model_not_found',
        param: 'model',
        message: /embeddings with the model text-embedding-v4/,
        fix: /standard Model Studio key/,
      });
      assert.equal(pool.hasReady(wish), false);
      assert.equal(pool.hasReady({ ...wish, format: 'openai-chat' }), true);
    });
  });

  it('passes accounts over that cannot serve the format', () => {
    const pool = open({
      modelFor: ({ id }, _asked, format) => (format === 'openai-embeddings' && id !== 'b' ? undefined : model),
    });
    const tried = new Set<string>();
    assert.equal(pool.acquire({ model, format: 'openai-embeddings', tried }).account.id, 'b');
    assert.equal(pool.acquire({ model, tried }).account.id, 'a');
  });

  it('keeps its promises whatever happens', async () => {
    const codes: readonly ErrorCode[] = [
      'unauthorized',
      'rate_limited',
      'quota_exhausted',
      'upstream_error',
      'invalid_request',
    ];
    const ids = ['a', 'b', 'c', 'd'];
    const step = fc.record({
      tried: fc.subarray(ids),
      outcome: fc.constantFrom('answered', 'released', 'open', ...codes),
      advanceMs: fc.constantFrom(0, 1, 900, 5_000, 60_000),
      off: fc.option(fc.constantFrom(...ids)),
      clear: fc.option(fc.constantFrom(...ids), { freq: 12 }),
      model: fc.constantFrom('one', 'two'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...accountStrategies),
        fc.array(step, { maxLength: 40 }),
        async (chosen, steps) => {
          strategy = chosen;
          clock = createFakeClock();
          const pool = open();
          for (const { tried, outcome, advanceMs, off, clear, model: asked } of steps) {
            clock.set(clock.now() + advanceMs);
            accounts = ids.map((id) => keyAccount(id, { enabled: id !== off }));
            if (clear !== null) pool.clear(clear);
            const before = accounts.map((account) => ({ id: account.id, standing: pool.standing(account, asked) }));
            const isReady = before.some(({ id, standing }) => standing.state === 'ready' && !tried.includes(id));
            assert.equal(pool.hasReady({ model: asked, tried: new Set(tried) }), isReady);
            let lease: Lease;
            try {
              lease = acquire(pool, tried, asked);
            } catch (error) {
              assert.ok(error instanceof GatewayError);
              assert.equal(isReady, false, 'a ready account is always leased');
              continue;
            }
            const { id } = lease.account;
            assert.equal(tried.includes(id), false, 'nobody is tried twice');
            const { state } = before.find((entry) => entry.id === id)?.standing ?? assert.fail();
            assert.ok(state === (isReady ? 'ready' : 'cooling'), `a ${state} account was leased`);
            if (outcome === 'answered') answer(pool, lease);
            else if (outcome === 'released') pool.report(lease, { kind: 'released' });
            else if (outcome !== 'open') fail(pool, lease, outcome);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
