import assert from 'node:assert/strict';
import { createUsageHistory, type QuotaAmount, type QuotaRule, quotaUse } from '../../src/accounts/quota.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const at = (text: string) => Date.parse(text);

const fiveHours: QuotaRule = { name: 'hour', reset: 'sliding', slidingMs: 5 * hourMs, limitRequests: 100 };
const week: QuotaRule = { name: 'week', reset: 'monday-utc8', limitRequests: 1_000 };
const month: QuotaRule = { name: 'month', reset: 'subscription-day-utc8', limitTokens: 1_000_000 };

function historyOf(uses: readonly (readonly [string, Partial<QuotaAmount>])[]) {
  const history = createUsageHistory();
  for (const [when, { requests = 0, tokens = 0 }] of uses) history.add(at(when), { requests, tokens });
  return history;
}

describe('quota windows', () => {
  describe('bounds', () => {
    const cases: readonly (readonly [string, QuotaRule['reset'], string, string, string, string])[] = [
      // Monday 00:00 +08 is Sunday 16:00 UTC.
      [
        'the last second of a week',
        'monday-utc8',
        '2026-11-22T15:59:59Z',
        '2026-11-01T00:00:00Z',
        '2026-11-15T16:00:00Z',
        '2026-11-22T16:00:00Z',
      ],
      [
        'the first moment of a week',
        'monday-utc8',
        '2026-11-22T16:00:00Z',
        '2026-11-01T00:00:00Z',
        '2026-11-22T16:00:00Z',
        '2026-11-29T16:00:00Z',
      ],
      [
        'a day in UTC',
        'midnight-utc',
        '2026-11-22T23:59:59Z',
        '2026-11-01T00:00:00Z',
        '2026-11-22T00:00:00Z',
        '2026-11-23T00:00:00Z',
      ],
      [
        'a day in China',
        'midnight-utc8',
        '2026-11-22T16:00:00Z',
        '2026-11-01T00:00:00Z',
        '2026-11-22T16:00:00Z',
        '2026-11-23T16:00:00Z',
      ],
      [
        'before the subscription day',
        'subscription-day-utc8',
        '2026-11-10T00:00:00Z',
        '2026-01-15T08:00:00Z',
        '2026-10-14T16:00:00Z',
        '2026-11-14T16:00:00Z',
      ],
      [
        'on the subscription day',
        'subscription-day-utc8',
        '2026-11-14T16:00:00Z',
        '2026-01-15T08:00:00Z',
        '2026-11-14T16:00:00Z',
        '2026-12-14T16:00:00Z',
      ],
      [
        'a 31st in February',
        'subscription-day-utc8',
        '2026-02-28T00:00:00Z',
        '2026-01-31T00:00:00Z',
        '2026-02-27T16:00:00Z',
        '2026-03-30T16:00:00Z',
      ],
    ];
    for (const [name, reset, now, subscribed, starts, resets] of cases)
      it(name, () => {
        const use = quotaUse({ name: 'week', reset }, createUsageHistory(), {
          nowMs: at(now),
          subscribedMs: at(subscribed),
        });
        assert.deepEqual(
          [use.startsMs, use.resetsMs].map((ms) => new Date(ms).toISOString()),
          [starts, resets].map((text) => new Date(text).toISOString()),
        );
      });
  });

  it('the user’s billing day wins over the day the account was added', () => {
    const use = quotaUse({ name: 'month', reset: 'subscription-day-utc8' }, createUsageHistory(), {
      nowMs: at('2026-11-22T00:00:00Z'),
      subscribedMs: at('2026-01-15T00:00:00Z'),
      billingDay: 23,
    });
    assert.deepEqual([use.startsMs, use.resetsMs], [at('2026-10-22T16:00:00Z'), at('2026-11-22T16:00:00Z')]);
  });

  const moment = (now: string, usedUpAt?: string) => ({
    nowMs: at(now),
    subscribedMs: at('2026-01-15T00:00:00Z'),
    ...(usedUpAt !== undefined && { usedUpAtMs: at(usedUpAt) }),
  });

  it('counts what lies in the sliding window alone', () => {
    const history = historyOf([
      ['2026-11-20T00:00:00Z', { requests: 50 }],
      ['2026-11-20T05:30:00Z', { requests: 10 }],
      ['2026-11-20T06:00:00Z', { requests: 15 }],
    ]);
    const use = quotaUse(fiveHours, history, moment('2026-11-20T06:00:30Z'));
    assert.equal(use.used.requests, 25);
    assert.equal(use.left, 0.75);
    // The first use leaves it five hours after it was made.
    assert.equal(use.resetsMs, at('2026-11-20T10:30:00Z'));
  });

  it('tells tokens without a share where no limit is known', () => {
    const use = quotaUse(
      { name: 'month', reset: 'subscription-day-utc8' },
      historyOf([['2026-11-20T00:00:00Z', { tokens: 700 }]]),
      moment('2026-11-20T01:00:00Z'),
    );
    assert.equal(use.used.tokens, 700);
    assert.equal(use.left, undefined);
  });

  it('takes the tighter of two limits', () => {
    const use = quotaUse(
      { ...week, limitTokens: 1_000 },
      historyOf([['2026-11-20T00:00:00Z', { requests: 100, tokens: 900 }]]),
      moment('2026-11-20T01:00:00Z'),
    );
    assert.equal(use.left?.toFixed(3), '0.100');
  });

  it('believes the upstream over its own count until the window is fresh', () => {
    const history = historyOf([['2026-11-20T00:00:00Z', { requests: 10 }]]);
    const told = quotaUse(week, history, moment('2026-11-20T01:00:00Z', '2026-11-20T00:30:00Z'));
    assert.equal(told.left, 0);
    assert.equal(told.used.requests, 1_000);
    const nextWeek = quotaUse(week, history, moment('2026-11-23T01:00:00Z', '2026-11-20T00:30:00Z'));
    assert.equal(nextWeek.left, 1);
  });

  it('forecasts the end at the pace of the last half hour', () => {
    const history = createUsageHistory();
    // Two a minute for half an hour: 60 of 100, so 40 more last 20 minutes.
    for (let minute = 0; minute < 30; minute++)
      history.add(at('2026-11-20T06:00:00Z') + minute * minuteMs, { requests: 2, tokens: 0 });
    const use = quotaUse(fiveHours, history, moment('2026-11-20T06:29:59Z'));
    assert.equal(use.used.requests, 60);
    assert.ok(use.usedUpMs !== undefined);
    assert.equal(Math.round((use.usedUpMs - at('2026-11-20T06:29:59Z')) / minuteMs), 20);
  });

  it('forecasts nothing where the window is fresh before it is used up, or nobody works', () => {
    const history = historyOf([['2026-11-20T06:00:00Z', { requests: 1 }]]);
    assert.equal(quotaUse(week, history, moment('2026-11-20T06:10:00Z')).usedUpMs, undefined);
    assert.equal(quotaUse(fiveHours, history, moment('2026-11-20T08:00:00Z')).usedUpMs, undefined);
    assert.equal(quotaUse(month, history, moment('2026-11-20T08:00:00Z')).usedUpMs, undefined);
  });

  it('counts uses that come out of order, as a restart reads them', () => {
    const history = historyOf([
      ['2026-11-22T12:00:00Z', { requests: 1 }],
      ['2026-11-22T10:00:00Z', { requests: 2, tokens: 5 }],
      ['2026-11-22T11:00:00Z', { requests: 4 }],
      ['2026-11-22T10:00:30Z', { requests: 8 }],
    ]);
    assert.deepEqual(history.since(at('2026-11-22T09:00:00Z')), { requests: 15, tokens: 5 });
    assert.deepEqual(history.since(at('2026-11-22T10:30:00Z')), { requests: 5, tokens: 0 });
    assert.deepEqual(history.since(at('2026-11-22T13:00:00Z')), { requests: 0, tokens: 0 });
    assert.equal(history.firstSince(at('2026-11-22T10:30:00Z')), at('2026-11-22T11:00:00Z'));
  });

  it('a sliding window that other programs used up does not slide on for ever', () => {
    const usedUpAtMs = at('2026-11-22T10:00:00Z');
    const moment = { nowMs: at('2026-11-22T12:00:00Z'), subscribedMs: 0, usedUpAtMs };
    assert.equal(quotaUse(fiveHours, createUsageHistory(), moment).resetsMs, usedUpAtMs + 5 * hourMs);
  });

  it('forgets what is older than a month', () => {
    const history = historyOf([
      ['2026-10-01T00:00:00Z', { requests: 5 }],
      ['2026-11-20T00:00:00Z', { requests: 1 }],
    ]);
    assert.equal(history.since(0).requests, 1);
  });
});
