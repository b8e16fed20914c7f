import { readFile } from 'node:fs/promises';
import type { UsageBucket, UsageQuery } from '../core/activity.ts';
import { createUsageBuckets } from '../core/usage-buckets.ts';
import { ledgerDays, utcDay } from './ledger.ts';
import { parseLedgerLine } from './ledger-entry.ts';

/** Lines parsed at a stretch; between stretches streams get their turn. */
const linesAtOnce = 500;

/** Counts the ledger's requests in the asked time, a stretch at a time. A day that cannot be read is left out. */
export async function summariseLedger(directory: string, query: UsageQuery): Promise<readonly UsageBucket[]> {
  const { sinceMs, untilMs } = query;
  const buckets = createUsageBuckets(query);
  const oldest = utcDay(sinceMs);
  for (const { day, path } of await ledgerDays(directory)) {
    if (day < oldest) continue;
    const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n');
    for (let start = 0; start < lines.length; start += linesAtOnce) {
      for (const line of lines.slice(start, start + linesAtOnce)) {
        const entry = line === '' ? undefined : parseLedgerLine(line);
        if (entry === undefined || entry.at < sinceMs || entry.at > untilMs) continue;
        const { account, model, key, outcome, inputTokens, outputTokens, cachedTokens } = entry;
        buckets.add({ atMs: entry.at, account, model, key, outcome, inputTokens, outputTokens, cachedTokens });
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return buckets.list();
}
