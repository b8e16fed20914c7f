import type { UsageBucket } from '../core/activity.ts';
import { withProxy } from './host.ts';
import { printTable } from './table.ts';
import { printJson, processTerminal } from './terminal.ts';
import { t } from './translate.ts';
import { UsageError } from './usage-error.ts';

const dayMs = 86_400_000;

/** What usage can be counted by. */
const dimensions = ['day', 'account', 'model', 'key'] as const;
type Dimension = (typeof dimensions)[number];

export interface UsageOptions {
  readonly days: number;
  /** Comma-separated. */
  readonly by: string;
  readonly json?: boolean;
  readonly csv?: boolean;
}

/** `usage`: what was used, a row for each day (UTC), account and model; with `--csv` every request of the ledger. */
export async function printUsage({ days, by, json, csv }: UsageOptions): Promise<number> {
  const names = by.split(',').map((name) => name.trim());
  const chosen = dimensions.filter((dimension) => names.includes(dimension));
  if (chosen.length !== names.length)
    throw new UsageError(t('--by takes {0}, separated by commas.', dimensions.join(', ')));
  return withProxy(async (proxy, { team }) => {
    if (team !== undefined)
      processTerminal.say(`${t('This is what this home has served; the metrics add up the servers of a team.')}\n`);
    if (csv) {
      processTerminal.out(await proxy.exportUsage());
      return 0;
    }
    const untilMs = Date.now();
    const sinceMs = untilMs - (untilMs % dayMs) - (days - 1) * dayMs;
    const byKey = chosen.includes('key');
    const buckets = await proxy.usageSummary({ sinceMs, untilMs, bucket: 'day', utcOffsetMinutes: 0, byKey });
    const rows = addUp(buckets, chosen);
    if (json) printJson(rows);
    else if (rows.length === 0) processTerminal.say(`${t('No request in this time.')}\n`);
    else
      printTable(
        rows.map((row) => ({
          ...Object.fromEntries(chosen.map((dimension) => [headings[dimension](), row[dimension] ?? ''])),
          [t('requests')]: String(row.requests),
          [t('failed')]: String(row.failed),
          [t('input tokens')]: String(row.inputTokens),
          [t('output tokens')]: String(row.outputTokens),
          [t('cached tokens')]: String(row.cachedTokens),
        })),
      );
    return 0;
  });
}

const headings: Readonly<Record<Dimension, () => string>> = {
  day: () => t('day'),
  account: () => t('account'),
  model: () => t('model'),
  key: () => t('key'),
};

type UsageRow = Readonly<Partial<Record<Dimension, string>>> &
  Pick<UsageBucket, 'requests' | 'failed' | 'inputTokens' | 'outputTokens' | 'cachedTokens'>;

/** One row for each combination of what is asked for, in the order of its names. */
export function addUp(buckets: readonly UsageBucket[], by: readonly Dimension[]): readonly UsageRow[] {
  const rows = new Map<string, UsageRow>();
  for (const bucket of buckets) {
    const names: Readonly<Record<Dimension, string>> = {
      day: new Date(bucket.startMs).toISOString().slice(0, 10),
      account: bucket.account,
      model: bucket.model,
      key: bucket.key ?? '',
    };
    const place = Object.fromEntries(by.map((dimension) => [dimension, names[dimension]]));
    const id = by.map((dimension) => names[dimension]).join('\0');
    const before = rows.get(id);
    rows.set(id, {
      ...place,
      requests: (before?.requests ?? 0) + bucket.requests,
      failed: (before?.failed ?? 0) + bucket.failed,
      inputTokens: (before?.inputTokens ?? 0) + bucket.inputTokens,
      outputTokens: (before?.outputTokens ?? 0) + bucket.outputTokens,
      cachedTokens: (before?.cachedTokens ?? 0) + bucket.cachedTokens,
    });
  }
  return [...rows].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, row]) => row);
}
