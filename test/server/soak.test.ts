import assert from 'node:assert/strict';
import { slopePerHour, soak } from '../support/soak.ts';

/** The short form of `bench/soak.ts`. */
const requests = 500;

describe('soak: streams of every dialect at once, one answer in seven spoiled', () => {
  for (const seed of [3, 11])
    it(`seed ${seed}: every answer whole or an error, none stuck, ledger and upstream agree`, async () => {
      const report = await soak({ goesOn: (begun) => begun < requests, atOnce: 50, faultShare: 0.15, seed });
      assert.deepEqual(report.wrong, []);
      assert.deepEqual([report.stuck, report.openStreams], [0, 0]);
      assert.equal(report.whole + report.failed, report.requests);
      assert.ok(report.whole > requests / 2 && report.failed > 0, `${report.whole} whole, ${report.failed} failed`);
      assert.equal(report.ledgerAnswered, report.whole);
      assert.equal(report.upstreamAnswered, report.whole);
    });
  it('the slope is that of the second half', () => {
    const samples = Array.from({ length: 40 }, (_, index) => ({
      atMs: index * 60_000,
      heapBytes: index < 20 ? index * 1_000_000 : 20_000_000 + (index - 20) * 100,
      residentBytes: 0,
      handles: 0,
    }));
    assert.ok(Math.abs(slopePerHour(samples, ({ heapBytes }) => heapBytes) - 6_000) < 1);
  });
});
