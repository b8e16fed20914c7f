import { join } from 'node:path';
import type { Account } from '../accounts/account.ts';
import type { Health } from '../accounts/health.ts';
import type { Clock, Logger, StateStore } from '../core/contracts.ts';
import type { JsonObject } from '../core/json.ts';
import type { ProxySettings } from '../core/settings.ts';
import type { Team } from '../core/team.ts';
import { createLedger, type DayCount, type Ledger, utcDay } from '../usage/ledger.ts';
import type { LedgerEntry } from '../usage/ledger-entry.ts';
import { createRequestLog } from '../usage/request-log.ts';
import { pruneLedger } from '../usage/retention.ts';
import { createMetering } from './metering.ts';
import { createQuotas, type Quotas } from './quotas.ts';
import { bothDays, bothHistories, createSharedUsage } from './shared-usage.ts';
import { writePrivateFile } from './state-files.ts';

export interface UsagePartsOptions {
  readonly stateDirectory: string;
  readonly state: StateStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: () => Pick<ProxySettings, 'debugLog' | 'logFileLimit' | 'usageRetentionDays'>;
  readonly obstacles: (account: Account) => Health;
  /** The month's calls were counted, which takes a while after the start; or another replica counted on. */
  readonly onCounted: () => void;
  readonly team?: Team | undefined;
}

/** Everything that counts: the ledger, the quota windows over it, and the request log. */
export interface UsageParts {
  readonly ledger: Ledger;
  readonly quotas: Quotas;
  /** What an account has answered since 00:00 UTC, here and in every other replica. */
  today(account: string): DayCount;
  /** Input and output tokens of a named client key since 00:00 UTC, here and in every other replica. */
  tokensOfKey(name: string): number;
  /** Takes note of a request that is over. Resolves when the files are in order too; it never rejects. */
  note(entry: LedgerEntry, body: JsonObject): Promise<void>;
  /** Reads everything from the disk: at the start, and when another window's place is taken. */
  open(): Promise<void>;
  /** A process that serves tells the team what it counts. */
  follow(isServing: boolean): void;
  /** Resolves when everything counted has been written, and told as far as it can be. */
  close(): Promise<void>;
  /** Folder of the ledger's day files. */
  readonly directory: string;
}

export function createUsageParts(options: UsagePartsOptions): UsageParts {
  const { state, clock, logger, settings, team } = options;
  const directory = join(options.stateDirectory, 'usage');
  const ledger = createLedger({ directory, clock, logger });
  const shared = team && createSharedUsage({ team, clock, logger, onChange: options.onCounted });
  const metering = createMetering({ directory, clock, logger, ...(shared && { onCounted: shared.add }) });
  const history = (account: string) =>
    shared ? bothHistories(metering.history(account), shared.history(account)) : metering.history(account);
  const quotas = createQuotas({ clock, state, history, health: options.obstacles });
  const openQuotas = () =>
    quotas.open().catch((error) => logger.warn('Learned limits could not be read.', { reason: String(error) }));
  team?.documents.onDidChange(() => void openQuotas());
  let counted: Promise<void> = Promise.resolve();
  const requestLog = createRequestLog({
    directory: join(options.stateDirectory, 'logs'),
    isOn: () => settings().debugLog,
    fileLimit: () => settings().logFileLimit,
    writeFile: writePrivateFile,
    logger,
  });
  let prunedDay: string | undefined;
  /** Once a day: an editor stays open for weeks. */
  const prune = async () => {
    const nowMs = clock.now();
    if (utcDay(nowMs) === prunedDay) return;
    prunedDay = utcDay(nowMs);
    await pruneLedger({ directory, days: settings().usageRetentionDays, nowMs });
  };
  return {
    ledger,
    quotas,
    directory,
    today: (account) => (shared ? bothDays(ledger.today(account), shared.today(account)) : ledger.today(account)),
    tokensOfKey: (name) => ledger.ofKey(name).tokens + (shared?.tokensOfKey(name) ?? 0),
    follow(isServing) {
      if (isServing) void counted.then(() => shared?.begin()).catch(() => {});
    },
    async close() {
      await shared?.settled();
      await ledger.close();
    },
    async note(entry, body) {
      metering.add(entry);
      await requestLog.write(entry, body);
      await prune().catch((error) => logger.warn('Old usage could not be removed.', { reason: String(error) }));
    },
    async open() {
      await Promise.all([ledger.reload(), openQuotas(), shared?.open()]);
      counted = metering.load();
      void counted
        .then(options.onCounted)
        .then(prune)
        .catch((error) => logger.warn('The usage ledger could not be read in full.', { reason: String(error) }));
    },
  };
}
