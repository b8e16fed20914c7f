import assert from 'node:assert/strict';
import { soak } from '../support/soak.ts';
import { type MemorySample, slopePerHour } from '../support/soak-memory.ts';

/** The short form of `bench/soak.ts`. */
const requests = 500;

describe('soak: streams of every dialect at once, one answer in seven spoiled, one client in twenty leaves', () => {
  for (const seed of [3, 11])
    it(`seed ${seed}: every answer whole or an error, none stuck, ledger and upstream agree`, async () => {
      const report = await soak({
        goesOn: (begun) => begun < requests,
        atOnce: 50,
        faultShare: 0.15,
        leavingShare: 0.05,
        seed,
      });
      assert.deepEqual(report.wrong, []);
      assert.deepEqual([report.stuck, report.openStreams], [0, 0]);
      const { whole, failed, left } = report;
      assert.equal(whole + failed + left, report.requests);
      assert.ok(whole > requests / 2 && failed > 0 && left > 0, `${whole} whole, ${failed} failed, ${left} left`);
      assert.equal(report.ledgerLines, report.requests);
      assert.equal(report.ledgerAnswered, report.whole);
      assert.equal(report.upstreamAnswered, report.whole);
    });
  it('the slope is that of the second half', () => {
    const samples: readonly MemorySample[] = Array.from({ length: 40 }, (_, index) => ({
      atMs: index * 60_000,
      heapBytes: index < 20 ? index * 1_000_000 : 20_000_000 + (index - 20) * 100,
      ...{ heapTotalBytes: 0, externalBytes: 0, arrayBufferBytes: 0, residentBytes: 7, handles: 0, descriptors: 0 },
    }));
    assert.ok(Math.abs(slopePerHour(samples, 'heapBytes') - 6_000) < 1);
    assert.equal(slopePerHour(samples, 'residentBytes'), 0);
  });
});
