import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Account } from '../../src/accounts/account.ts';
import { createPool, type Lease, type Pool } from '../../src/accounts/pool.ts';
import {
  type ErrorCode,
  errorScopes,
  GatewayError,
  type QuotaWindowName,
  quotaWindowNames,
} from '../../src/core/errors.ts';
import { type AccountStrategy, accountStrategies } from '../../src/core/settings.ts';
import { keyAccount } from '../support/accounts.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

/**
 * Model-checks the pool: random sequences of everything that can happen to it, against the little that must always hold.
 * The model knows which accounts truly work; the pool only sees what requests report.
 */
interface Model {
  /** What the upstream really thinks of each account now. */
  readonly truth: Map<string, ErrorCode | 'works'>;
  readonly refused: Set<string>;
  readonly disabled: Set<string>;
}

interface Real {
  readonly clock: FakeClock;
  readonly pool: Pool;
  accounts: Account[];
}

const ids = ['a', 'b', 'c'] as const;
const models = ['qwen3-coder-plus', 'qwen3.7-plus'] as const;
const endsOnlyByUser: ReadonlySet<ErrorCode> = new Set(['unauthorized', 'token_expired', 'service_ended']);
const accountCodes = (Object.keys(errorScopes) as ErrorCode[]).filter((code) =>
  ['account', 'provider', 'request'].includes(errorScopes[code]),
);
const day = 24 * 3_600_000;

const acquire = (
  real: Real,
  asked: string,
  tried: ReadonlySet<string> = new Set(),
  session?: string,
): Lease | GatewayError => {
  try {
    return real.pool.acquire({ model: asked, tried, session });
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return error;
  }
};

/** A request as the attempt loop makes it: accounts until one works or the pool refuses. */
class Request implements fc.AsyncCommand<Model, Real> {
  readonly asked: string;
  readonly hintMs: number | undefined;
  readonly window: QuotaWindowName | undefined;
  readonly session: string | undefined;

  constructor(
    asked: string,
    hintMs: number | undefined,
    window: QuotaWindowName | undefined,
    session: string | undefined,
  ) {
    this.asked = asked;
    this.hintMs = hintMs;
    this.window = window;
    this.session = session;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const tried = new Set<string>();
    for (let attempt = 0; attempt <= ids.length; attempt++) {
      const lease = acquire(real, this.asked, tried, this.session);
      if (lease instanceof GatewayError) {
        if (lease.code === 'accounts_cooling' || lease.code === 'quota_exhausted')
          assert.ok(
            lease.retryAfterMs !== undefined && lease.retryAfterMs > 0 && lease.retryAfterMs <= day,
            'Retry-After is true and bounded',
          );
        return;
      }
      const { id } = lease.account;
      assert.ok(!tried.has(id), 'an account is leased once per request');
      assert.ok(!model.refused.has(id), `${id} is used while unauthorized`);
      assert.ok(!model.disabled.has(id), `${id} is used while disabled`);
      tried.add(id);
      const truth = model.truth.get(id) ?? 'works';
      if (truth === 'works') {
        real.pool.committed(lease);
        real.pool.report(lease, { kind: 'answered' });
        return;
      }
      real.pool.report(lease, {
        kind: 'failed',
        error: new GatewayError(truth, truth, {
          retryAfterMs: this.hintMs,
          window: truth === 'quota_exhausted' ? this.window : undefined,
        }),
      });
      if (endsOnlyByUser.has(truth)) model.refused.add(id);
      if (errorScopes[truth] === 'request') return;
    }
  }
  toString = () => `request(${this.asked}, hint ${this.hintMs}, ${this.window}, ${this.session})`;
}

/** The client leaves: nothing is learned. */
class Abandon implements fc.AsyncCommand<Model, Real> {
  readonly asked: string;

  constructor(asked: string) {
    this.asked = asked;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const before = new Map(real.pool.health);
    const lease = acquire(real, this.asked);
    if (lease instanceof GatewayError) return;
    assert.ok(!model.refused.has(lease.account.id));
    real.pool.report(lease, { kind: 'released' });
    assert.deepEqual(new Map(real.pool.health), before, 'an abandoned request cools nobody');
  }
  toString = () => `abandon(${this.asked})`;
}

class Turn implements fc.AsyncCommand<Model, Real> {
  readonly id: string;
  readonly truth: ErrorCode | 'works';

  constructor(id: string, truth: ErrorCode | 'works') {
    this.id = id;
    this.truth = truth;
  }
  check = () => true;
  async run(model: Model): Promise<void> {
    model.truth.set(this.id, this.truth);
  }
  toString = () => `${this.id} ${this.truth}`;
}

class Wait implements fc.AsyncCommand<Model, Real> {
  readonly ms: number;

  constructor(ms: number) {
    this.ms = ms;
  }
  check = () => true;
  async run(_model: Model, real: Real): Promise<void> {
    await real.clock.advance(this.ms);
  }
  toString = () => `wait ${this.ms}`;
}

class Clear implements fc.AsyncCommand<Model, Real> {
  readonly id: string;

  constructor(id: string) {
    this.id = id;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    real.pool.clear(this.id);
    model.refused.delete(this.id);
  }
  toString = () => `clear ${this.id}`;
}

class Switch implements fc.AsyncCommand<Model, Real> {
  readonly id: string;

  constructor(id: string) {
    this.id = id;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const enabled = model.disabled.has(this.id);
    if (enabled) model.disabled.delete(this.id);
    else model.disabled.add(this.id);
    real.accounts = real.accounts.map((account) => (account.id === this.id ? { ...account, enabled } : account));
  }
  toString = () => `switch ${this.id}`;
}

const anyId = fc.constantFrom(...ids);
const anyModel = fc.constantFrom(...models);
const commands = [
  fc
    .tuple(
      anyModel,
      fc.option(fc.integer({ min: 0, max: 40 * day }), { nil: undefined }),
      fc.option(fc.constantFrom(...quotaWindowNames), { nil: undefined }),
      fc.option(fc.constantFrom('s1', 's2'), { nil: undefined }),
    )
    .map((parts) => new Request(...parts)),
  anyModel.map((asked) => new Abandon(asked)),
  fc.tuple(anyId, fc.constantFrom<ErrorCode | 'works'>('works', ...accountCodes)).map((parts) => new Turn(...parts)),
  fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 2 * day })).map((ms) => new Wait(ms)),
  anyId.map((id) => new Clear(id)),
  anyId.map((id) => new Switch(id)),
];

const setUp = (strategy: AccountStrategy, groups: readonly (string | undefined)[]) => {
  const clock = createFakeClock();
  const real: Real = {
    clock,
    accounts: ids.map((id, index) => {
      const group = groups[index];
      return { ...keyAccount(id), ...(group !== undefined && { group }) };
    }),
    pool: createPool({
      clock,
      accounts: () => real.accounts,
      strategy: () => strategy,
      requestsToday: () => 0,
      quotaLeft: () => undefined,
      modelFor: (_account, asked) => asked ?? models[0],
    }),
  };
  return { real, model: { truth: new Map(), refused: new Set<string>(), disabled: new Set<string>() } satisfies Model };
};

describe('pool, model-checked', () => {
  it('never uses a refused or disabled account, never lies about waiting, and always finds an account that works', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...accountStrategies),
        fc.array(fc.option(fc.constant('shared'), { nil: undefined }), { minLength: 3, maxLength: 3 }),
        fc.commands(commands, { maxCommands: 60 }),
        async (strategy, groups, sequence) => {
          const { real, model } = setUp(strategy, groups);
          await fc.asyncModelRun(() => ({ model, real }), sequence);

          // However bad it was: once everything works again and a day has passed, nobody is stuck but the refused.
          for (const id of ids) model.truth.set(id, 'works');
          await real.clock.advance(day + 1);
          for (const asked of models)
            for (const id of ids.filter(
              (candidate) => !model.refused.has(candidate) && !model.disabled.has(candidate),
            )) {
              const others = new Set(ids.filter((candidate) => candidate !== id));
              const lease = acquire(real, asked, others);
              assert.ok(
                !(lease instanceof GatewayError),
                `${id} is stuck for ${asked}: ${lease instanceof GatewayError ? lease.message : ''}`,
              );
              real.pool.report(lease, { kind: 'answered' });
              const account = real.accounts.find((candidate) => candidate.id === id);
              assert.ok(account !== undefined);
              assert.equal(real.pool.standing(account, asked).state, 'ready');
            }
          // And a click brings the refused back.
          for (const id of model.refused) {
            real.pool.clear(id);
            const account = real.accounts.find((candidate) => candidate.id === id);
            assert.ok(account !== undefined);
            assert.notEqual(real.pool.standing(account).state, 'unauthorized');
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('finds the one account that works, whatever the others are like', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...accountStrategies),
        anyId,
        fc.array(fc.constantFrom(...accountCodes.filter((code) => errorScopes[code] !== 'request')), {
          minLength: 2,
          maxLength: 2,
        }),
        async (strategy, working, codes) => {
          const { real } = setUp(strategy, []);
          const broken: readonly string[] = ids.filter((id) => id !== working);
          for (let request = 0; request < 5; request++) {
            const tried = new Set<string>();
            for (;;) {
              const lease = acquire(real, models[0], tried);
              assert.ok(!(lease instanceof GatewayError), 'the working account was not found');
              const { id } = lease.account;
              tried.add(id);
              if (id === working) {
                real.pool.report(lease, { kind: 'answered' });
                break;
              }
              const code = codes[broken.indexOf(id)] ?? 'upstream_error';
              real.pool.report(lease, { kind: 'failed', error: new GatewayError(code, code) });
            }
          }
        },
      ),
    );
  });
});

describe('conversations and accounts', () => {
  const leaseId = (real: Real, session: string | undefined) => {
    const lease = acquire(real, models[0], new Set(), session);
    assert.ok(!(lease instanceof GatewayError));
    real.pool.committed(lease);
    return { id: lease.account.id, lease };
  };

  for (const strategy of accountStrategies)
    it(`a conversation stays on its account (${strategy})`, () => {
      const { real } = setUp(strategy, []);
      const first = leaseId(real, 'conversation');
      for (let request = 0; request < 10; request++) {
        real.pool.report(leaseId(real, undefined).lease, { kind: 'answered' });
        const again = leaseId(real, 'conversation');
        assert.equal(again.id, first.id);
        real.pool.report(again.lease, { kind: 'answered' });
      }
    });

  it('a conversation moves when its account cannot serve, and stays where it moved', () => {
    const { real } = setUp('fallback', []);
    const { lease } = leaseId(real, 'conversation');
    real.pool.report(lease, { kind: 'failed', error: new GatewayError('quota_exhausted', 'spent') });
    const moved = leaseId(real, 'conversation');
    assert.notEqual(moved.id, lease.account.id);
    real.pool.clear(lease.account.id);
    assert.equal(leaseId(real, 'conversation').id, moved.id);
    assert.equal(leaseId(real, 'another').id, lease.account.id);
  });

  it('concurrent conversations spread when the strategy says so, and share one account when it does not', () => {
    const used = (strategy: AccountStrategy) => {
      const { real } = setUp(strategy, []);
      return new Set(['s1', 's2', 's3'].map((session) => leaseId(real, session).id)).size;
    };
    assert.equal(used('least-used'), 3);
    assert.equal(used('round-robin'), 3);
    assert.equal(used('fallback'), 1);
  });

  it('accounts of one main account share what its limits do to one of them', () => {
    const { real } = setUp('fallback', ['main', 'main', undefined]);
    const { lease } = leaseId(real, undefined);
    assert.equal(lease.account.id, 'a');
    real.pool.report(lease, { kind: 'failed', error: new GatewayError('rate_limited', 'too fast') });
    assert.equal(leaseId(real, undefined).id, 'c');
  });

  it('a trial is over when the upstream begins to answer, not when the answer ends', async () => {
    const { real } = setUp('fallback', []);
    for (const id of ids) {
      const lease = acquire(real, models[0], new Set(ids.filter((other) => other !== id)));
      assert.ok(!(lease instanceof GatewayError));
      real.pool.report(lease, {
        kind: 'failed',
        error: new GatewayError('rate_limited', 'too fast', { retryAfterMs: 60_000 }),
      });
    }
    const trial = acquire(real, models[0]);
    assert.ok(!(trial instanceof GatewayError));
    await real.clock.advance(1_500);
    assert.ok(acquire(real, models[0]) instanceof GatewayError, 'one trial at a time');
    real.pool.committed(trial);
    assert.ok(!(acquire(real, models[0]) instanceof GatewayError));
  });
});
