import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { Account } from '../../src/accounts/account.ts';
import type { Health } from '../../src/accounts/health.ts';
import type { Clock, StateStore } from '../../src/core/contracts.ts';
import type { Team } from '../../src/core/team.ts';
import { createUsageParts, type UsageParts } from '../../src/gateway/usage-parts.ts';
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts';
import { createMemoryLogger, keyAccount } from './accounts.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

/** Where a process counts. */
export interface UsagePlace {
  readonly stateDirectory: string;
  readonly state: StateStore;
  readonly team?: Team;
}

/** A place where usage is counted. */
export interface UsageFixture {
  /** The next process of this home, or another machine of a team; the one before has ended. */
  open(): Promise<UsagePlace>;
  dispose(): Promise<void>;
}

const hour = 3_600_000;

/** What every home of counts has to do: who comes later knows what was used, whoever counted it. */
export function usageContract(createFixture: () => Promise<UsageFixture>): void {
  describe('as every home of counts', () => {
    let clock: FakeClock;
    let fixture: UsageFixture;
    let parts: UsageParts;
    let obstacles: (account: Account) => Health;

    const open = async (): Promise<UsageParts> => {
      const place = await fixture.open();
      let onCounted = () => {};
      const opened = createUsageParts({
        ...place,
        clock: clock satisfies Clock,
        logger: createMemoryLogger(),
        settings: () => ({ debugLog: false, logFileLimit: 1, usageRetentionDays: 365 }),
        obstacles: (account) => obstacles(account),
        onCounted: () => onCounted(),
      });
      await opened.open();
      const counted = Promise.withResolvers<void>();
      onCounted = counted.resolve;
      await counted.promise;
      opened.follow(true);
      await new Promise((resolve) => setImmediate(resolve));
      return opened;
    };
    const next = async () => {
      await parts.close();
      parts = await open();
    };
    const entry = (changes: Partial<LedgerEntry> = {}): LedgerEntry => ({
      // A moment ago: the next process reads what is older than itself.
      ...{
        v: 1,
        at: clock.now() - 1_000,
        id: 'r',
        dialect: 'openai-chat',
        account: 'a',
        outcome: 'answered',
        status: 200,
      },
      ...{ durationMs: 1, inputTokens: 10, outputTokens: 5, attempts: [{ account: 'a', committed: true }] },
      ...changes,
    });
    /** As the gateway does at the end of a request. */
    const note = async (changes?: Partial<LedgerEntry>) => {
      const ended = entry(changes);
      await parts.ledger.append(ended);
      await parts.note(ended, {});
    };
    const limited = (window: 'hour' | 'day' | 'week' | 'month') =>
      keyAccount('a', { limit: { window, requests: 100, tokens: 1_000 } });
    const windows = () =>
      (['hour', 'day', 'week', 'month'] as const).flatMap((window) => parts.quotas.windows(limited(window)));
    const seen = () => ({ today: parts.today('a'), key: parts.tokensOfKey('team'), windows: windows() });

    beforeEach(async () => {
      clock = createFakeClock();
      obstacles = () => [];
      fixture = await createFixture();
      parts = await open();
    });
    afterEach(async () => {
      await parts.close();
      await fixture.dispose();
    });

    it('begins at nothing', () => {
      assert.deepEqual(parts.today('a'), { requests: 0, inputTokens: 0, outputTokens: 0 });
      assert.equal(parts.tokensOfKey('team'), 0);
      assert.ok(windows().every(({ used, left }) => used.requests === 0 && used.tokens === 0 && left === 1));
    });
    it('adds up what one after the other counted, in every window', async () => {
      for (const hoursAgo of [0, 2, 10, 48, 15 * 24]) await note({ at: clock.now() - 1_000 - hoursAgo * hour });
      await note({ key: 'team', at: clock.now() - hour });
      const before = seen();
      assert.deepEqual(before.today, { requests: 4, inputTokens: 40, outputTokens: 20 });
      assert.deepEqual(
        before.windows.map(({ used }) => used.requests),
        [3, 4, 5, 6],
      );
      await next();
      assert.deepEqual(seen(), before);
      await note({ key: 'team' });
      await next();
      const { today, key, windows: after } = seen();
      assert.deepEqual([today.requests, key], [5, 30]);
      assert.deepEqual(
        after.map(({ used }) => used.requests),
        [4, 5, 6, 7],
      );
    });
    it('counts what failed where it was used: calls that began, tokens of a key, no answer of the day', async () => {
      await note({ outcome: 'cut', key: 'team' });
      await note({ outcome: 'failed', key: 'team', inputTokens: 0, outputTokens: 0, attempts: [{ account: 'a' }] });
      await note({
        ...{ account: 'b', key: 'team' },
        attempts: [
          { account: 'a', error: 'upstream_error', committed: true },
          { account: 'b', committed: true },
        ],
      });
      await next();
      assert.equal(parts.today('a').requests, 0);
      assert.equal(parts.today('b').requests, 1);
      assert.equal(parts.tokensOfKey('team'), 30);
      assert.deepEqual(
        windows().map(({ used }) => used),
        Array(4).fill({ requests: 2, tokens: 15 }),
      );
    });
    it('begins a day anew at midnight UTC, and forgets no month', async () => {
      await note({ key: 'team' });
      await next();
      await clock.advance(12 * hour);
      assert.deepEqual([parts.today('a').requests, parts.tokensOfKey('team')], [0, 0]);
      assert.deepEqual(
        windows().map(({ used }) => used.requests),
        [0, 0, 1, 1],
      );
      await next();
      assert.deepEqual([parts.today('a').requests, parts.tokensOfKey('team')], [0, 0]);
      assert.equal(windows()[3]?.used.requests, 1);
    });
    it('keeps limits that were learned, each beside the others', async () => {
      const learn = async (id: string) => {
        const account = keyAccount(id, { plan: 'token-intl' });
        await note({ account: id, attempts: [{ account: id, committed: true }] });
        const [window] = parts.quotas.windows(account);
        assert.ok(window);
        obstacles = (each) =>
          each.id === id
            ? [
                {
                  ...{ code: 'quota_exhausted', sinceMs: clock.now(), untilMs: null, count: 1, reason: 'r' },
                  window: window.name,
                },
              ]
            : [];
        await parts.quotas.learn(account);
        obstacles = () => [];
      };
      await learn('a');
      const first = parts;
      parts = await open();
      await learn('b');
      await first.close();
      await next();
      for (const id of ['a', 'b'])
        assert.equal(parts.quotas.windows(keyAccount(id, { plan: 'token-intl' }))[0]?.limitTokens, 15, id);
    });
  });
}
