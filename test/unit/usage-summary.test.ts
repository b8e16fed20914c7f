import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bucketStart, type CountedRequest, createUsageBuckets } from '../../src/core/usage-buckets.ts';
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts';
import { summariseLedger } from '../../src/usage/summary.ts';

const noon = Date.UTC(2026, 10, 18, 12);
const hour = { bucket: 'hour', utcOffsetMinutes: 0, sinceMs: 0, untilMs: noon + 7_200_000 } as const;

function entry(over: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    v: 1,
    at: noon + 60_000,
    id: 'req_1',
    dialect: 'openai-chat',
    model: 'qwen3-max',
    account: 'a',
    attempts: [{ account: 'a' }],
    outcome: 'answered',
    status: 200,
    durationMs: 12,
    inputTokens: 100,
    outputTokens: 10,
    cachedTokens: 60,
    ...over,
  };
}

describe('usage over time', () => {
  const starts: readonly [string, number, Parameters<typeof bucketStart>[1], number][] = [
    ['an hour', noon + 59 * 60_000, { bucket: 'hour', utcOffsetMinutes: 0 }, noon],
    ['an hour half an hour off', noon + 10 * 60_000, { bucket: 'hour', utcOffsetMinutes: 330 }, noon - 30 * 60_000],
    ['a day at the user’s midnight', noon, { bucket: 'day', utcOffsetMinutes: 480 }, Date.UTC(2026, 10, 17, 16)],
    ['a day west of Greenwich', noon, { bucket: 'day', utcOffsetMinutes: -480 }, Date.UTC(2026, 10, 18, 8)],
  ];
  for (const [name, atMs, query, expected] of starts)
    it(`begins ${name}`, () => assert.equal(bucketStart(atMs, query), expected));

  it('adds up by time, account and model; a request nobody served is no usage', () => {
    const counted = (over: Partial<CountedRequest> = {}): CountedRequest => ({
      atMs: noon + 60_000,
      account: 'a',
      model: 'qwen3-max',
      outcome: 'answered',
      inputTokens: 100,
      outputTokens: 10,
      cachedTokens: 60,
      ...over,
    });
    const place = { startMs: noon, account: 'a', model: 'qwen3-max' };
    const tokens = { inputTokens: 100, outputTokens: 10, cachedTokens: 60 };
    const buckets = createUsageBuckets(hour, [{ ...place, requests: 4, failed: 0, ...tokens }]);
    buckets.add(counted());
    buckets.add(counted({ outcome: 'cut', inputTokens: undefined }));
    buckets.add(counted({ model: 'qwen3-coder-plus' }));
    buckets.add(counted({ atMs: noon + 3_700_000 }));
    buckets.add(counted({ outcome: 'aborted' }));
    buckets.add(counted({ outcome: 'failed', account: undefined }));
    assert.deepEqual(buckets.list(), [
      { ...place, requests: 5, failed: 1, inputTokens: 200, outputTokens: 30, cachedTokens: 180 },
      { ...place, model: 'qwen3-coder-plus', requests: 1, failed: 0, ...tokens },
      { ...place, startMs: noon + 3_600_000, requests: 1, failed: 0, ...tokens },
    ]);
  });

  it('reads the days of the ledger that it needs, torn lines and all', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'usage-summary-'));
    try {
      const line = (over: Partial<LedgerEntry> = {}) => `${JSON.stringify(entry(over))}\n`;
      await writeFile(join(directory, '2026-11-17.jsonl'), line({ at: noon - 86_400_000 }).repeat(3));
      await writeFile(
        join(directory, '2026-11-18.jsonl'),
        `${line().repeat(1_200)}${line({ at: noon + 9_000_000 })}{"v":1,"at"`,
      );
      const buckets = await summariseLedger(directory, { ...hour, sinceMs: noon - 3_600_000 });
      assert.deepEqual(
        buckets.map(({ startMs, requests }) => [startMs, requests]),
        [[noon, 1_200]],
      );
      assert.deepEqual(await summariseLedger(join(directory, 'nowhere'), hour), []);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
