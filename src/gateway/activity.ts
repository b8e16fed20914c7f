import type { ActivityControl, RequestRecord } from '../core/activity.ts';
import type { Clock, Event } from '../core/contracts.ts';
import type { AccountSummary } from '../core/control.ts';
import { createEmitter } from '../core/emitter.ts';
import { summariseLedger } from '../usage/summary.ts';
import { createInspector, type Inspector } from './inspector.ts';
import { createRequestFeed, type RequestFeed } from './request-feed.ts';
import type { Ending, TracedRequest } from './trace.ts';

export interface ActivityOptions {
  readonly clock: Clock;
  /** Folder of the ledger. */
  readonly directory: () => string;
  readonly accountModels: ActivityControl['accountModels'];
  /** Told to followers, whoever looks. */
  readonly onRequests: (records: readonly RequestRecord[]) => void;
  /** Told to this host, while it looks. */
  readonly onWatched: (records: readonly RequestRecord[]) => void;
  /** The inspector was switched, or an account failed. */
  readonly onChange: () => void;
}

/** What is known of single requests. */
export interface Activity {
  readonly feed: RequestFeed;
  readonly inspector: Inspector;
  readonly control: ActivityControl;
  /** Requests that are new or changed, for whoever follows. */
  readonly onDidChangeRequests: Event<readonly RequestRecord[]>;
  /** Hook of the gateway. */
  note(traced: TracedRequest, ending?: Ending): void;
  /** Why the account did not answer the last time that it did not. */
  lastError(account: string): AccountSummary['lastError'];
}

export function createActivity(options: ActivityOptions): Activity {
  const { clock } = options;
  const inspector = createInspector();
  const lastErrors = new Map<string, NonNullable<AccountSummary['lastError']>>();
  const changed = createEmitter<readonly RequestRecord[]>();
  let isWatched = false;
  const feed = createRequestFeed({
    clock,
    onChange(records) {
      options.onRequests(records);
      changed.fire(records);
      if (isWatched) options.onWatched(records);
    },
  });
  return {
    feed,
    inspector,
    onDidChangeRequests: changed.event,
    note(traced, ending) {
      feed.note(traced, ending);
      if (ending === undefined) return;
      // A client that went away says nothing about an account.
      for (const { account, error } of traced.trace.attempts)
        if (error !== undefined && error !== 'client_gone') lastErrors.set(account, { code: error, atMs: clock.now() });
    },
    lastError: (account) => lastErrors.get(account),
    control: {
      async watchRequests(isOn) {
        if (isOn !== undefined) isWatched = isOn;
        return feed.list();
      },
      usageSummary: (query) => summariseLedger(options.directory(), query),
      async setInspecting(isOn) {
        inspector.set(isOn);
        options.onChange();
      },
      inspectRequest: async (id) => inspector.find(id),
      accountModels: options.accountModels,
    },
  };
}
