import { readFile } from 'node:fs/promises';
import type { UsageBucket, UsageQuery } from '../core/activity.ts';
import { ledgerDays, utcDay } from './ledger.ts';
import { type LedgerEntry, parseLedgerLine } from './ledger-entry.ts';

/** Lines parsed at a stretch; between stretches streams get their turn. */
const linesAtOnce = 500;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

type Counts = { -readonly [Name in keyof UsageBucket]: UsageBucket[Name] };

/** Adds up requests by time, account and model. */
export interface UsageSummary {
  add(entry: LedgerEntry): void;
  /** Oldest first. */
  buckets(): readonly UsageBucket[];
}

/** Begin of the bucket that an instant lies in, epoch milliseconds. */
export function bucketStart(atMs: number, { bucket, utcOffsetMinutes }: Omit<UsageQuery, 'sinceMs'>): number {
  const lengthMs = bucket === 'hour' ? hourMs : dayMs;
  const offsetMs = utcOffsetMinutes * 60_000;
  return Math.floor((atMs + offsetMs) / lengthMs) * lengthMs - offsetMs;
}

export function createUsageSummary(query: UsageQuery): UsageSummary {
  const buckets = new Map<string, Counts>();
  return {
    add(entry) {
      // What no account served and what the client itself gave up is no usage.
      if (entry.at < query.sinceMs || entry.account === undefined || entry.outcome === 'aborted') return;
      const { account, model = '' } = entry;
      const startMs = bucketStart(entry.at, query);
      const key = JSON.stringify([startMs, account, model]);
      const counts = buckets.get(key) ?? {
        startMs,
        account,
        model,
        requests: 0,
        failed: 0,
        inputTokens: 0,
        outputTokens: 0,
        cachedTokens: 0,
      };
      buckets.set(key, counts);
      if (entry.outcome === 'answered') counts.requests += 1;
      else counts.failed += 1;
      counts.inputTokens += entry.inputTokens ?? 0;
      counts.outputTokens += entry.outputTokens ?? 0;
      counts.cachedTokens += entry.cachedTokens ?? 0;
    },
    buckets: () => [...buckets.values()].sort((one, other) => one.startMs - other.startMs),
  };
}

/** Reads the ledger's days since `sinceMs`, a stretch at a time. A day that cannot be read is left out. */
export async function summariseLedger(directory: string, query: UsageQuery): Promise<readonly UsageBucket[]> {
  const summary = createUsageSummary(query);
  const oldest = utcDay(query.sinceMs);
  for (const { day, path } of await ledgerDays(directory)) {
    if (day < oldest) continue;
    const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n');
    for (let start = 0; start < lines.length; start += linesAtOnce) {
      for (const line of lines.slice(start, start + linesAtOnce)) {
        const entry = line === '' ? undefined : parseLedgerLine(line);
        if (entry !== undefined) summary.add(entry);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return summary.buckets();
}
