import assert from 'node:assert/strict';
import type { Account } from '../../src/accounts/account.ts';
import { keepTokensFresh } from '../../src/accounts/token-refresh.ts';
import { keyAccount } from '../support/accounts.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

describe('renewing tokens ahead of their expiry', () => {
  let clock: FakeClock;
  let stop: AbortController;
  let accounts: Account[];
  let renewed: { readonly id: string; readonly atMs: number }[];
  let failures: number;
  let isDown: boolean;

  const oauth = (id: string, lifeMs: number, enabled = true): Account => ({
    version: 1,
    id,
    label: id,
    plan: 'oauth',
    kind: 'oauth-device',
    enabled,
    order: 0,
    createdAtMs: 0,
    secret: { accessToken: 'token', refreshToken: 'refresh', expiresAtMs: clock.now() + lifeMs },
  });
  const run = (random = () => 0.5) =>
    void keepTokensFresh(
      {
        clock,
        accounts: () => accounts,
        renew: async (account) => {
          renewed.push({ id: account.id, atMs: clock.now() });
          if (failures-- > 0) throw new Error('the server is down');
          if (isDown) return;
          accounts = accounts.map((other) =>
            other.id === account.id && other.kind === 'oauth-device'
              ? { ...other, secret: { ...other.secret, expiresAtMs: clock.now() + 3_600_000 } }
              : other,
          );
        },
        refreshBufferMs: () => 30_000,
        random,
        logger: { debug() {}, info() {}, warn() {}, error() {} },
      },
      stop.signal,
    );

  beforeEach(() => {
    clock = createFakeClock();
    stop = new AbortController();
    renewed = [];
    failures = 0;
    isDown = false;
  });
  afterEach(() => stop.abort());

  it('renews within the buffer, before the token expires, and once', async () => {
    accounts = [oauth('a', 600_000)];
    const startMs = clock.now();
    run();
    await clock.advance(569_000);
    assert.equal(renewed.length, 0);
    await clock.advance(31_000);
    assert.equal(renewed.length, 1);
    const [first] = renewed;
    const atMs = (first?.atMs ?? 0) - startMs;
    assert.ok(atMs >= 570_000 && atMs < 600_000, `renewed after ${atMs} ms`);
    await clock.advance(60_000);
    assert.equal(renewed.length, 1);
  });

  it('spreads accounts that were signed in together', async () => {
    accounts = [oauth('a', 600_000), oauth('b', 600_000)];
    const parts = [0, 1];
    run(() => parts.shift() ?? 0.5);
    await clock.advance(600_000);
    assert.equal(renewed.length, 2);
    assert.notEqual(renewed[0]?.atMs, renewed[1]?.atMs);
  });

  it('leaves accounts alone that are off, that have no token, or whose token died long ago', async () => {
    accounts = [oauth('off', 600_000, false), keyAccount('key'), oauth('dead', -1)];
    run();
    await clock.advance(3_600_000);
    assert.deepEqual(renewed, []);
  });

  it('sees an account that was added meanwhile', async () => {
    accounts = [];
    run();
    await clock.advance(10_000);
    accounts = [oauth('late', 120_000)];
    await clock.advance(120_000);
    assert.deepEqual(
      renewed.map(({ id }) => id),
      ['late'],
    );
  });

  it('pauses after a failure instead of hammering', async () => {
    accounts = [oauth('a', 100_000)];
    failures = 100;
    run();
    await clock.advance(100_000);
    assert.ok(renewed.length >= 1 && renewed.length <= 2, `${renewed.length} tries`);
  });

  it('pauses as well when the old token was given out in place of a new one', async () => {
    accounts = [oauth('a', 100_000)];
    isDown = true;
    run();
    await clock.advance(100_000);
    assert.ok(renewed.length >= 1 && renewed.length <= 2, `${renewed.length} tries`);
  });

  it('ends when it is told to', async () => {
    accounts = [oauth('a', 600_000)];
    run();
    stop.abort();
    await clock.advance(700_000);
    assert.deepEqual(renewed, []);
  });
});
