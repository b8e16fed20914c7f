import { createUsageHistory, quotaHistoryMs, type UsageHistory } from '../accounts/quota.ts';
import type { Clock, Logger } from '../core/contracts.ts';
import type { ReplicaCounts, Team } from '../core/team.ts';
import { type DayCount, utcDay } from '../usage/ledger.ts';
import type { LedgerEntry } from '../usage/ledger-entry.ts';
import { type Amounts, createCountFields, decodeField, hourMs, sliceMs } from './count-fields.ts';

/** Counts of this long go out together. */
const gatherMs = 100;

/** What the other replicas count, and what this one tells them. */
export interface SharedUsage {
  /** Counts a request of this replica: a new one, or one that its ledger remembers. */
  add(entry: LedgerEntry): void;
  /** The ledger has been read: from now on the counts are whole, and told. */
  begin(): void;
  /** What the others have answered today. */
  today(account: string): DayCount;
  /** Input and output tokens that the client key of this name has used today in the others. */
  tokensOfKey(name: string): number;
  /** What the others have used. */
  history(account: string): UsageHistory;
  open(): Promise<void>;
  settled(): Promise<void>;
}

export interface SharedUsageOptions {
  readonly team: Pick<Team, 'counters' | 'onDidReconnect'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onChange: () => void;
}

const noCount: DayCount = { requests: 0, inputTokens: 0, outputTokens: 0 };

/**
 * Every replica writes what it alone has counted, as absolute numbers rebuilt from its ledger; the team's count is the sum.
 * So nothing is counted twice or lost, whoever dies when: a replica that comes back writes the same numbers again.
 */
export function createSharedUsage({ team, clock, logger, onChange }: SharedUsageOptions): SharedUsage {
  const { counters } = team;
  const own = createCountFields();
  let isWhole = false;
  let dirty = new Set<string>();
  let sending: Promise<void> | undefined;

  /** The newest value of each field of each other replica, and what they add up to. */
  let others = new Map<string, Map<string, Amounts>>();
  let histories = new Map<string, UsageHistory>();
  let days = new Map<string, DayCount>();

  const history = (account: string): UsageHistory => {
    const found = histories.get(account) ?? createUsageHistory();
    histories.set(account, found);
    return found;
  };
  const today = (kind: 'day' | 'key', of: string) =>
    days.get(dayOf(kind, of, Date.parse(utcDay(clock.now())))) ?? noCount;
  const learn = ({ replica, fields }: ReplicaCounts, knowsHours: boolean) => {
    const values = others.get(replica) ?? new Map<string, Amounts>();
    others.set(replica, values);
    const sliceStartMs = Math.floor((clock.now() - sliceMs) / hourMs) * hourMs;
    for (const [name, text] of Object.entries(fields)) {
      const field = decodeField(name, text);
      if (field === undefined) continue;
      const { of, kind, startMs, amounts } = field;
      // Minutes tell the last hours, and whole hours what was before.
      if (kind === 'hour' ? !knowsHours || startMs >= sliceStartMs : kind === 'minute' && startMs < sliceStartMs)
        continue;
      const before = values.get(name) ?? [0, 0, 0];
      // Counts only grow: what is smaller was told earlier.
      const first = Math.max(0, amounts[0] - before[0]);
      const second = Math.max(0, amounts[1] - before[1]);
      const third = Math.max(0, amounts[2] - before[2]);
      values.set(name, [before[0] + first, before[1] + second, before[2] + third]);
      if (kind === 'minute' || kind === 'hour') history(of).add(startMs, { requests: first, tokens: second });
      else {
        const day = dayOf(kind, of, startMs);
        const { requests, inputTokens, outputTokens } = days.get(day) ?? noCount;
        days.set(day, {
          requests: requests + first,
          inputTokens: inputTokens + second,
          outputTokens: outputTokens + third,
        });
      }
    }
  };
  /** What is told while everything is read. */
  let heard: ReplicaCounts[] | undefined;
  const load = async () => {
    heard ??= [];
    const counted = await counters.load();
    [others, histories, days] = [new Map(), new Map(), new Map()];
    for (const counts of counted) learn(counts, true);
    for (const counts of heard ?? []) learn(counts, false);
    heard = undefined;
    onChange();
  };

  const send = async () => {
    do {
      await new Promise((resolve) => setTimeout(resolve, gatherMs).unref());
      const names = dirty;
      dirty = new Set();
      try {
        await counters.publish(own.texts(names));
        await counters.drop(own.prune(clock.now(), clock.now() - quotaHistoryMs));
      } catch {
        // Told again as a whole when the store is back.
        for (const name of names) dirty.add(name);
        break;
      }
    } while (dirty.size > 0);
    sending = undefined;
  };
  const tell = () => {
    if (isWhole && dirty.size > 0) sending ??= send();
  };
  const tellAll = () => {
    dirty = new Set(own.names());
    tell();
  };

  counters.onDidPublish((counts) => {
    heard?.push(counts);
    learn(counts, false);
    onChange();
  });
  team.onDidReconnect(() => {
    tellAll();
    void load().catch((error) => logger.warn('The team’s counts could not be read.', { reason: String(error) }));
  });

  return {
    add(entry) {
      for (const name of own.add(entry)) dirty.add(name);
      tell();
    },
    begin() {
      isWhole = true;
      tellAll();
    },
    today: (account) => today('day', account),
    tokensOfKey(name) {
      const { inputTokens, outputTokens } = today('key', name);
      return inputTokens + outputTokens;
    },
    history,
    open: load,
    settled: async () => sending,
  };
}

/** An account and a client key may have one name. */
const dayOf = (kind: 'day' | 'key', of: string, startMs: number) => `${kind} ${of} ${startMs}`;

/** Two histories of one account as one. */
export function bothHistories(own: UsageHistory, others: UsageHistory): UsageHistory {
  return {
    add: own.add,
    since(fromMs) {
      const [a, b] = [own.since(fromMs), others.since(fromMs)];
      return { requests: a.requests + b.requests, tokens: a.tokens + b.tokens };
    },
    firstSince(fromMs) {
      const firsts = [own.firstSince(fromMs), others.firstSince(fromMs)].filter((first) => first !== undefined);
      return firsts.length === 0 ? undefined : Math.min(...firsts);
    },
  };
}

export function bothDays(own: DayCount, others: DayCount): DayCount {
  return {
    requests: own.requests + others.requests,
    inputTokens: own.inputTokens + others.inputTokens,
    outputTokens: own.outputTokens + others.outputTokens,
  };
}
