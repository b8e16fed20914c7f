import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { calendarWindow, quotaResetMs } from '../../src/accounts/windows.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const at = (text: string) => Date.parse(text);

describe('quota windows', () => {
  const cases: readonly (readonly [window: 'day' | 'week', now: string, reset: string])[] = [
    ['day', '2026-11-18T15:59:59.999Z', '2026-11-18T16:00:00Z'],
    // Exactly at midnight in China the old day is over and the next end is a day away.
    ['day', '2026-11-18T16:00:00Z', '2026-11-19T16:00:00Z'],
    ['day', '2026-11-18T23:59:59.999Z', '2026-11-19T16:00:00Z'],
    ['day', '2026-12-31T20:00:00Z', '2027-01-01T16:00:00Z'],
    ['day', '2028-02-28T17:00:00Z', '2028-02-29T16:00:00Z'],
    // Sunday in UTC, one millisecond before Monday in China.
    ['week', '2026-11-22T15:59:59.999Z', '2026-11-22T16:00:00Z'],
    ['week', '2026-11-22T16:00:00Z', '2026-11-29T16:00:00Z'],
    // Monday in China and still Sunday in UTC.
    ['week', '2026-11-22T20:00:00Z', '2026-11-29T16:00:00Z'],
    ['week', '2026-11-23T00:00:00Z', '2026-11-29T16:00:00Z'],
    ['week', '2026-12-30T12:00:00Z', '2027-01-03T16:00:00Z'],
    ['week', '1970-01-01T00:00:00Z', '1970-01-04T16:00:00Z'],
  ];
  for (const [window, now, reset] of cases) {
    it(`${window}: at ${now} the next one begins at ${reset}`, () => {
      assert.equal(at(now) + (quotaResetMs(window, at(now)) ?? Number.NaN), at(reset));
    });
  }

  for (const window of ['hour', 'month', 'model', 'unknown', undefined] as const) {
    it(`${window}: the calendar does not say`, () => {
      assert.equal(quotaResetMs(window, at('2026-11-22T12:00:00Z')), undefined);
    });
  }

  it('always ends in the future, at midnight in China, within its length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: at('2100-01-01T00:00:00Z') }), (now) => {
        for (const [window, lengthMs] of [
          ['day', dayMs],
          ['week', 7 * dayMs],
        ] as const) {
          const waitMs = quotaResetMs(window, now) ?? Number.NaN;
          assert.ok(waitMs > 0 && waitMs <= lengthMs);
          const end = new Date(now + waitMs + 8 * hourMs);
          assert.equal(end.getTime() % dayMs, 0);
          if (window === 'week') assert.equal(end.getUTCDay(), 1);
        }
      }),
    );
  });

  it('begins the UTC day at midnight', () => {
    const startOf = (text: string) => calendarWindow('midnight-utc', at(text)).startsMs;
    assert.equal(startOf('2026-11-18T00:00:00Z'), at('2026-11-18T00:00:00Z'));
    assert.equal(startOf('2026-11-18T23:59:59.999Z'), at('2026-11-18T00:00:00Z'));
  });
});
