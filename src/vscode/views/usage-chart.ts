import type { UsageBucket, UsageQuery } from '../../core/activity.ts';
import { bucketStart } from '../../core/usage-buckets.ts';
import type { ChartQuery, ChartView } from '../../webview/dashboard-messages.ts';
import type { RowTexts } from './account-node.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** More series than this cannot be told apart; the smallest are joined. */
const mostSeries = 6;

/** What is asked of the ledger for a range that ends now. */
export function usageQuery(range: ChartQuery['range'], nowMs: number, utcOffsetMinutes: number): UsageQuery {
  const bucket = range === 'day' ? 'hour' : 'day';
  const lengthMs = range === 'day' ? 23 * hourMs : 29 * dayMs;
  const sinceMs = bucketStart(nowMs - lengthMs, { bucket, utcOffsetMinutes });
  return { bucket, utcOffsetMinutes, sinceMs, untilMs: nowMs };
}

/** The chart of these buckets, a value for every hour or day up to now. */
export function toChartView(
  buckets: readonly UsageBucket[],
  chart: ChartQuery,
  {
    query,
    nowMs,
    labelOf,
    texts: { l10n, locale },
  }: {
    readonly query: UsageQuery;
    readonly nowMs: number;
    readonly labelOf: (account: string) => string;
    readonly texts: RowTexts;
  },
): ChartView {
  const startsMs: number[] = [];
  const lengthMs = query.bucket === 'hour' ? hourMs : dayMs;
  for (let startMs = query.sinceMs; startMs <= nowMs; startMs += lengthMs) startsMs.push(startMs);
  const amountOf = (bucket: UsageBucket) =>
    chart.measure === 'requests' ? bucket.requests + bucket.failed : bucket.inputTokens + bucket.outputTokens;
  const sums = new Map<string, number[]>();
  for (const bucket of buckets) {
    const at = Math.round((bucket.startMs - query.sinceMs) / lengthMs);
    if (at < 0 || at >= startsMs.length || amountOf(bucket) === 0) continue;
    const label = chart.by === 'account' ? labelOf(bucket.account) : bucket.model;
    const values = sums.get(label) ?? startsMs.map(() => 0);
    sums.set(label, values);
    values[at] = (values[at] ?? 0) + amountOf(bucket);
  }
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  const series = [...sums]
    .map(([label, values]) => ({ label, values }))
    .sort((one, other) => total(other.values) - total(one.values));
  const kept = series.length > mostSeries ? series.slice(0, mostSeries - 1) : series;
  const rest = series.slice(kept.length);
  const others = {
    label: l10n.t('Others'),
    values: startsMs.map((_, at) => total(rest.map(({ values }) => values[at] ?? 0))),
  };
  const all = total(series.map(({ values }) => total(values)));
  const amount = new Intl.NumberFormat(locale).format(all);
  const format: Intl.DateTimeFormatOptions =
    query.bucket === 'hour' ? { hour: '2-digit', minute: '2-digit' } : { month: 'short', day: 'numeric' };
  return {
    ...chart,
    summary:
      chart.measure === 'requests'
        ? l10n.t('Requests over time: {0}', amount)
        : l10n.t('Tokens over time: {0}', amount),
    startsMs,
    times: startsMs.map((startMs) => new Date(startMs).toLocaleString(locale, format)),
    series: rest.length === 0 ? kept : [...kept, others],
  };
}
