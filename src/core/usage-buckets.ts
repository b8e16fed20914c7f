import type { UsageBucket, UsageQuery } from './activity.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** One request that is over, as far as it counts. */
export interface CountedRequest {
  /** Its end, epoch milliseconds. */
  readonly atMs: number;
  readonly account: string | undefined;
  readonly model: string | undefined;
  readonly key?: string | undefined;
  readonly outcome: 'answered' | 'failed' | 'cut' | 'aborted';
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly cachedTokens: number | undefined;
}

/** Adds up requests by time, account and model. */
export interface UsageBuckets {
  add(request: CountedRequest): void;
  /** Oldest first. */
  list(): readonly UsageBucket[];
}

/** Begin of the bucket that an instant lies in, epoch milliseconds. */
export function bucketStart(
  atMs: number,
  { bucket, utcOffsetMinutes }: Pick<UsageQuery, 'bucket' | 'utcOffsetMinutes'>,
): number {
  const lengthMs = bucket === 'hour' ? hourMs : dayMs;
  const offsetMs = utcOffsetMinutes * 60_000;
  return Math.floor((atMs + offsetMs) / lengthMs) * lengthMs - offsetMs;
}

/** @param known Counts to go on from. */
export function createUsageBuckets(
  query: Pick<UsageQuery, 'bucket' | 'utcOffsetMinutes' | 'byKey'>,
  known: readonly UsageBucket[] = [],
): UsageBuckets {
  const keyOf = ({ startMs, account, model, key }: Pick<UsageBucket, 'startMs' | 'account' | 'model' | 'key'>) =>
    JSON.stringify([startMs, account, model, key]);
  const buckets = new Map(known.map((bucket) => [keyOf(bucket), bucket]));
  return {
    add({ atMs, account, model = '', key, outcome, ...tokens }) {
      // What no account served and what the client itself gave up is no usage.
      if (account === undefined || outcome === 'aborted') return;
      const named = query.byKey === true && key !== undefined ? { key } : {};
      const place = { startMs: bucketStart(atMs, query), account, model, ...named };
      const before = buckets.get(keyOf(place));
      buckets.set(keyOf(place), {
        ...place,
        requests: (before?.requests ?? 0) + (outcome === 'answered' ? 1 : 0),
        failed: (before?.failed ?? 0) + (outcome === 'answered' ? 0 : 1),
        inputTokens: (before?.inputTokens ?? 0) + (tokens.inputTokens ?? 0),
        outputTokens: (before?.outputTokens ?? 0) + (tokens.outputTokens ?? 0),
        cachedTokens: (before?.cachedTokens ?? 0) + (tokens.cachedTokens ?? 0),
      });
    },
    list: () => [...buckets.values()].sort((one, other) => one.startMs - other.startMs),
  };
}
