import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { HealthEntry } from '../../src/accounts/health.ts';
import { createPool, type Pool } from '../../src/accounts/pool.ts';
import type { Clock } from '../../src/core/contracts.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { keyAccount } from './accounts.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

/** A place where the health of accounts is kept. */
export interface HealthFixture {
  /** A pool of the next process of this home, or of another machine of a team, with what was kept. */
  open(createPool: CreateTestPool): Promise<Pool>;
  /** Resolves when everything that pools learned has been kept, and heard by pools that are open. */
  settled(): Promise<void>;
  /** Writes an entry as a version of the future might. */
  plant(id: string, entry: object): Promise<void>;
  dispose(): Promise<void>;
}

export type CreateTestPool = (onChange: () => void) => Pool;

/** What every home of health has to do. */
export function healthContract(createFixture: (clock: Clock) => Promise<HealthFixture>): void {
  describe('as every home of health', () => {
    const accounts = [keyAccount('a'), keyAccount('b')];
    let clock: FakeClock;
    let fixture: HealthFixture;
    const open = () =>
      fixture.open((onChange) =>
        createPool({
          ...{ clock, onChange },
          accounts: () => accounts,
          strategy: () => 'fallback',
          requestsToday: () => 0,
          quotaLeft: () => undefined,
          modelFor: (_account, asked) => asked,
        }),
      );
    const account = (id: string) => accounts.find((each) => each.id === id) ?? assert.fail(id);
    const fail = (pool: Pool, id: string, code: 'rate_limited' | 'quota_exhausted' | 'unauthorized', model = 'm') =>
      pool.report({ account: account(id), model }, { kind: 'failed', error: new GatewayError(code, `is ${code}`) });
    const codes = (pool: Pool, id: string) =>
      (pool.health.get(id) ?? []).map(({ code, model }: HealthEntry) => `${code} ${model ?? ''}`).toSorted();
    const later = async () => {
      await fixture.settled();
      return open();
    };

    beforeEach(async () => {
      clock = createFakeClock();
      fixture = await createFixture(clock);
    });
    afterEach(() => fixture.dispose());

    it('who comes later knows what stands against which account, why, and until when', async () => {
      const pool = await open();
      fail(pool, 'a', 'rate_limited');
      fail(pool, 'a', 'rate_limited', 'other');
      fail(pool, 'b', 'unauthorized');
      const next = await later();
      assert.deepEqual(codes(next, 'a'), ['rate_limited m', 'rate_limited other']);
      assert.deepEqual(codes(next, 'b'), ['unauthorized ']);
      assert.deepEqual(next.standing(account('a')), pool.standing(account('a')));
      assert.deepEqual(next.standing(account('b')), pool.standing(account('b')));
      assert.deepEqual(
        [...next.health].map(([id, entries]) => [id, entries.toSorted(byModel)]).toSorted(),
        [...pool.health].map(([id, entries]) => [id, entries.toSorted(byModel)]).toSorted(),
      );
    });
    it('a success, a clearing and a removal are kept too', async () => {
      const pool = await open();
      fail(pool, 'a', 'rate_limited');
      fail(pool, 'b', 'quota_exhausted');
      assert.notDeepEqual(codes(await later(), 'b'), []);
      await clock.advance(60 * 60_000);
      pool.report(pool.acquire({ model: 'm', tried: new Set(['b']) }), { kind: 'answered' });
      pool.clear('b');
      const next = await later();
      assert.deepEqual([codes(next, 'a'), codes(next, 'b')], [[], []]);
    });
    it('failures in a row go on where they were', async () => {
      fail(await open(), 'a', 'rate_limited');
      const second = await later();
      await clock.advance(60_000);
      fail(second, 'a', 'rate_limited');
      assert.equal((await later()).health.get('a')?.[0]?.count, 2);
    });
    it('what this version cannot read stands against nobody, and takes nothing else away', async () => {
      fail(await open(), 'a', 'rate_limited');
      await fixture.settled();
      await fixture.plant('a', { code: 'code_of_the_future', sinceMs: 1, untilMs: null, count: 1, reason: 'r' });
      await fixture.plant('b', { code: 'rate_limited', model: 'm', shape: 'of the future' });
      const next = await open();
      assert.deepEqual([codes(next, 'a'), codes(next, 'b')], [['rate_limited m'], []]);
    });
  });
}

const byModel = (one: HealthEntry, other: HealthEntry) => ((one.model ?? '') < (other.model ?? '') ? -1 : 1);
