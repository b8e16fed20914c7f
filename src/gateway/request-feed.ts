import type { RequestRecord } from '../core/activity.ts';
import type { Clock } from '../core/contracts.ts';
import type { Ending, TracedRequest } from './trace.ts';

/** Requests that are remembered; an editor stays open for weeks. */
const keptRequests = 200;
/** Changes of this long become one announcement: a client with many streams at once must not flood the windows. */
const gatherMs = 100;

/** The last requests, whoever served them: a window that takes over goes on with what it was told. */
export interface RequestFeed {
  /** Takes note of a step of a request of our own. */
  note(traced: TracedRequest, ending?: Ending): void;
  /** Takes over what the owner told. */
  adopt(records: readonly RequestRecord[]): void;
  /** Nobody will tell the end of what is open: the window that served it is gone. */
  abandonOpen(): void;
  /** Oldest first. */
  list(): readonly RequestRecord[];
}

export interface RequestFeedOptions {
  readonly clock: Clock;
  /** Told what is new or changed, a moment after it was. */
  readonly onChange: (records: readonly RequestRecord[]) => void;
}

export function createRequestFeed({ clock, onChange }: RequestFeedOptions): RequestFeed {
  /** What is open is written down when somebody is told of it: it takes steps many times as often. */
  const records: (RequestRecord | TracedRequest)[] = [];
  let changed: Set<string> | undefined;

  const announce = (id: string) => {
    if (changed !== undefined) return void changed.add(id);
    changed = new Set([id]);
    void clock.sleep(gatherMs).then(
      () => {
        const due = records.filter((kept) => changed?.has(idOf(kept))).map(written);
        changed = undefined;
        if (due.length > 0) onChange(due);
      },
      () => {},
    );
  };
  const written = (kept: RequestRecord | TracedRequest): RequestRecord =>
    'trace' in kept ? recordOf(kept, clock.now()) : kept;
  /** `at` is where an older record of the request stands; -1 = nowhere. */
  const keep = (at: number, record: RequestRecord | TracedRequest) => {
    if (at !== -1) records[at] = record;
    else records.push(record);
    if (records.length > keptRequests) {
      const oldestEnded = records.findIndex((kept) => !('trace' in kept) && kept.state !== 'open');
      records.splice(oldestEnded === -1 ? records.length - 1 : oldestEnded, 1);
    }
    announce(idOf(record));
  };

  return {
    note(traced, ending) {
      // A step of what stands there already: it is written down when somebody is told.
      if (ending === undefined && traced.trace.attempts.length > 0) return announce(traced.exchange.requestId);
      keep(records.lastIndexOf(traced), ending === undefined ? traced : recordOf(traced, clock.now(), ending));
    },
    adopt(told) {
      for (const record of told)
        keep(
          records.findIndex((kept) => idOf(kept) === record.id),
          record,
        );
    },
    abandonOpen() {
      for (const [at, record] of records.map(written).entries())
        if (record.state === 'open') keep(at, { ...record, state: 'cut' });
    },
    list: () => records.map(written),
  };
}

const idOf = (kept: RequestRecord | TracedRequest) => ('trace' in kept ? kept.exchange.requestId : kept.id);

/** What is known of a request at this step. */
export function recordOf(
  { dialect, request, exchange, trace }: TracedRequest,
  nowMs: number,
  ending?: Ending,
): RequestRecord {
  const { lease, lane, attempts, startedMs, firstOutputMs } = trace;
  const { usage } = ending ?? {};
  return {
    id: exchange.requestId,
    startedMs,
    state: ending?.outcome ?? 'open',
    ...(exchange.userAgent !== undefined && { client: exchange.userAgent.split(' ', 1)[0]?.slice(0, 80) ?? '' }),
    ...(exchange.clientKey !== undefined && { key: exchange.clientKey }),
    dialect: dialect.id,
    ...(lane !== undefined && { lane }),
    stream: request.stream,
    ...(request.model !== undefined && { modelAsked: request.model }),
    ...(lease && { model: lease.model, account: lease.account.id }),
    attempts: attempts.map(({ account, committed, error }) => ({
      account,
      committed: committed === true,
      ...(error !== undefined && { error }),
    })),
    ...(ending && { status: ending.status, durationMs: nowMs - startedMs }),
    ...(ending?.error !== undefined && { error: ending.error }),
    ...(firstOutputMs !== undefined && { ttftMs: firstOutputMs - startedMs }),
    ...(usage && {
      inputTokens: usage.inputTokens,
      outputTokens: usage.outputTokens,
      cachedTokens: usage.cachedTokens,
    }),
  };
}
