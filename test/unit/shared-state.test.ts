import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'mocha';
import type { HealthEntry } from '../../src/accounts/health.ts';
import { createPool, type Pool } from '../../src/accounts/pool.ts';
import { GatewayError } from '../../src/core/errors.ts';
import type { Team } from '../../src/core/team.ts';
import { readKeyCounts } from '../../src/gateway/key-counts.ts';
import { createSharedHealth } from '../../src/gateway/shared-health.ts';
import { createSharedUsage, type SharedUsage } from '../../src/gateway/shared-usage.ts';
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts';
import { createMemoryLogger, keyAccount } from '../support/accounts.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createMemoryHub, type MemoryHub } from '../support/memory-team.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('what replicas share', () => {
  let hub: MemoryHub;
  let clock: FakeClock;
  beforeEach(() => {
    hub = createMemoryHub();
    clock = createFakeClock();
  });

  describe('health', () => {
    const account = keyAccount('a');
    const open = (name: string): Pool => {
      const pool: Pool = createPool({
        clock,
        accounts: () => [account],
        strategy: () => 'fallback',
        requestsToday: () => 0,
        quotaLeft: () => undefined,
        modelFor: (_account, asked) => asked,
        onChange: () => health.note(),
      });
      const health = createSharedHealth({ map: hub.join(name).health, pool, onLearned: () => {} });
      health.open();
      return pool;
    };
    const fail = (pool: Pool, code: 'rate_limited' | 'quota_exhausted', model = 'm') =>
      pool.report({ account, model }, { kind: 'failed', error: new GatewayError(code, code) });
    const codes = (pool: Pool) =>
      (pool.health.get('a') ?? []).map(({ code, model }: HealthEntry) => `${code} ${model ?? ''}`);

    it('is learned from the others, and by who comes later', async () => {
      const [one, two] = [open('one'), open('two')];
      fail(one, 'rate_limited');
      fail(two, 'quota_exhausted');
      await settled();
      for (const pool of [one, two, open('three')])
        assert.deepEqual(codes(pool).toSorted(), ['quota_exhausted ', 'rate_limited m']);
      one.clear('a');
      await settled();
      for (const pool of [one, two, open('four')]) assert.deepEqual(codes(pool), []);
    });
    it('a success takes away what stood there when its request was sent, and no failure that another replica met since', async () => {
      const [one, two] = [open('one'), open('two')];
      fail(one, 'rate_limited');
      await settled();
      await clock.advance(60_000);
      const lease = one.acquire({ model: 'm', tried: new Set() });
      await clock.advance(1_000);
      fail(two, 'rate_limited');
      // The news of it has not come yet.
      one.report(lease, { kind: 'answered' });
      await settled();
      for (const pool of [one, two, open('three')]) {
        assert.deepEqual(codes(pool), ['rate_limited m']);
        assert.equal(pool.health.get('a')?.[0]?.count, 2);
      }
    });
  });

  describe('usage', () => {
    const open = async (team: Team): Promise<SharedUsage> => {
      const usage = createSharedUsage({ team, clock, logger: createMemoryLogger(), onChange: () => {} });
      await usage.open();
      return usage;
    };
    const entry = (at: number): LedgerEntry => ({
      ...{ v: 1, at, id: 'r', dialect: 'openai-chat', account: 'a', outcome: 'answered', status: 200, durationMs: 1 },
      attempts: [
        { account: 'a', error: 'upstream_error', committed: true },
        { account: 'a', committed: true },
      ],
      ...{ inputTokens: 10, outputTokens: 5 },
    });
    const hour = 3_600_000;
    const seen = (usage: SharedUsage) => ({
      today: usage.today('a'),
      month: usage.history('a').since(0),
      fiveHours: usage.history('a').since(clock.now() - 5 * hour),
    });
    const expected = {
      today: { requests: 2, inputTokens: 20, outputTokens: 10 },
      month: { requests: 6, tokens: 45 },
      fiveHours: { requests: 2, tokens: 15 },
    };
    /** A replica with a request of two days ago, one of ten hours ago and one of now in its ledger. */
    const count = (usage: SharedUsage) => {
      for (const at of [clock.now() - 48 * hour, clock.now() - 10 * hour, clock.now()]) usage.add(entry(at));
      usage.begin();
      return usage.settled();
    };

    it('adds up what the others tell, by minutes and before that by hours', async () => {
      const one = await open(hub.join('one'));
      const two = await open(hub.join('two'));
      await count(two);
      // Whole hours are read at the start; what is told later is the newest minutes.
      assert.deepEqual(seen(await open(hub.join('three'))), expected);
      assert.deepEqual(seen(one).today, expected.today);
      assert.deepEqual(seen(one).fiveHours, expected.fiveHours);
      assert.deepEqual(seen(two).today, { requests: 0, inputTokens: 0, outputTokens: 0 });
    });
    it('tells what a client key used, answered or not, apart from an account of its name', async () => {
      const one = await open(hub.join('one'));
      const two = await open(hub.join('two'));
      two.add({ ...entry(clock.now()), key: 'a' });
      two.add({ ...entry(clock.now()), key: 'a', outcome: 'cut' });
      two.add({ ...entry(clock.now() - 24 * hour), key: 'a' });
      two.begin();
      await two.settled();
      for (const usage of [one, await open(hub.join('three'))]) {
        assert.equal(usage.tokensOfKey('a'), 30);
        assert.equal(usage.today('a').requests, 1);
      }
      assert.deepEqual([two.tokensOfKey('a'), one.tokensOfKey('b')], [0, 0]);
      const counts = await readKeyCounts(hub.join('operator'), clock.now());
      assert.deepEqual([...counts], [['a', { requests: 2, inputTokens: 20, outputTokens: 10 }]]);
      await clock.advance(24 * hour);
      assert.equal(one.tokensOfKey('a'), 0);
    });
    it('counts once what a replica that came back tells again', async () => {
      const one = await open(hub.join('one'));
      await count(await open(hub.join('two')));
      await count(await open(hub.join('two')));
      assert.deepEqual(seen(one).today, expected.today);
      assert.deepEqual(seen(await open(hub.join('three'))), expected);
    });
    it('tells nothing before its ledger is read', async () => {
      const one = await open(hub.join('one'));
      const two = await open(hub.join('two'));
      two.add(entry(clock.now()));
      await two.settled();
      assert.equal(one.today('a').requests, 0);
    });
  });
});
