import { utcDay } from '../usage/ledger.ts';
import type { LedgerEntry } from '../usage/ledger-entry.ts';

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
/** So far back minutes are told: the longest window that slides has five hours. Before that whole hours do. */
export const sliceMs = 6 * hourMs;
/** Whoever reads rounds to whole hours, and may be a little late. */
const sparedMs = 2 * hourMs;

/**
 * Of a minute or an hour: calls and tokens. Of a day: requests answered, input and output tokens. Of a client key's day: its
 * requests, input and output tokens, whatever became of them.
 */
export type Amounts = readonly [number, number, number];
const kinds = ['minute', 'hour', 'day', 'key'] as const;
type Kind = (typeof kinds)[number];

const dayMs = 24 * hourMs;
const marks = { minute: 'm', hour: 'h', day: 'd', key: 'k' } as const;
const lengths = { minute: minuteMs, hour: hourMs, day: dayMs, key: dayMs } as const;

/** One replica's counts, as the fields that the others read. */
export interface CountFields {
  /** Counts a request; answers the names of the fields that changed. */
  add(entry: LedgerEntry): readonly string[];
  names(): Iterable<string>;
  texts(names: Iterable<string>): Readonly<Record<string, string>>;
  /** Forgets what no window needs any more; answers the names. */
  prune(nowMs: number, oldestMs: number): readonly string[];
}

export function createCountFields(): CountFields {
  const fields = new Map<string, Amounts>();
  const count = (kind: Kind, of: string, atMs: number, [first, second, third]: Amounts): string => {
    const name = `${marks[kind]} ${of} ${Math.floor(atMs / lengths[kind])}`;
    const before = fields.get(name) ?? [0, 0, 0];
    fields.set(name, [before[0] + first, before[1] + second, before[2] + third]);
    return name;
  };
  return {
    add(entry) {
      const { at, account, inputTokens = 0, outputTokens = 0 } = entry;
      const changed = new Set<string>();
      const use = (id: string, amounts: Amounts) => {
        for (const kind of ['minute', 'hour'] as const) changed.add(count(kind, id, at, amounts));
      };
      // As `metering.ts` counts: a plan counts calls that it began to answer.
      for (const attempt of entry.attempts) if (attempt.committed) use(attempt.account, [1, 0, 0]);
      if (entry.key !== undefined) changed.add(count('key', entry.key, at, [1, inputTokens, outputTokens]));
      if (account === undefined) return [...changed];
      if (inputTokens + outputTokens > 0) use(account, [0, inputTokens + outputTokens, 0]);
      if (entry.outcome === 'answered')
        changed.add(count('day', account, Date.parse(utcDay(at)), [1, inputTokens, outputTokens]));
      return [...changed];
    },
    names: () => fields.keys(),
    texts: (names) => Object.fromEntries([...names].map((name) => [name, (fields.get(name) ?? [0, 0, 0]).join(' ')])),
    prune(nowMs, oldestMs) {
      const daysMs = nowMs - 2 * dayMs;
      const oldest = { minute: nowMs - sliceMs - sparedMs, hour: oldestMs, day: daysMs, key: daysMs };
      const gone = [...fields.keys()].filter((name) => {
        const field = decodeField(name, '0 0 0');
        return field !== undefined && field.startMs < oldest[field.kind];
      });
      for (const name of gone) fields.delete(name);
      return gone;
    },
  };
}

/** A field as another replica wrote it, of an account or of a client key; `undefined` for one that this version cannot read. */
export function decodeField(
  name: string,
  text: string,
): { readonly kind: Kind; readonly of: string; readonly startMs: number; readonly amounts: Amounts } | undefined {
  const [mark, of, number] = name.split(' ');
  const kind = kinds.find((each) => marks[each] === mark);
  const [first, second, third] = text.split(' ').map(Number);
  if (
    kind === undefined ||
    of === undefined ||
    ![number, first, second, third].every((each) => Number.isSafeInteger(Number(each)))
  )
    return undefined;
  return { kind, of, startMs: Number(number) * lengths[kind], amounts: [first ?? 0, second ?? 0, third ?? 0] };
}
