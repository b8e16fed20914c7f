import { readFile } from 'node:fs/promises';
import { createUsageHistory, quotaHistoryMs, type UsageHistory } from '../accounts/quota.ts';
import type { Clock, Logger } from '../core/contracts.ts';
import { ledgerDays, utcDay } from '../usage/ledger.ts';
import { type LedgerEntry, parseLedgerLine } from '../usage/ledger-entry.ts';

/** What every account used over the last month, in slots for its quota windows; rebuilt from the ledger. */
export interface Metering {
  add(entry: LedgerEntry): void;
  history(account: string): UsageHistory;
  /** Reads the ledger's days of the last month, in the background of whatever goes on. */
  load(): Promise<void>;
}

export interface MeteringOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of every entry that is counted, those of the ledger included. */
  readonly onCounted?: (entry: LedgerEntry) => void;
}

/** Lines parsed at a stretch; between stretches streams get their turn. */
const linesAtOnce = 500;

export function createMetering({ directory, clock, logger, onCounted }: MeteringOptions): Metering {
  let histories = new Map<string, UsageHistory>();
  const history = (account: string): UsageHistory => {
    const known = histories.get(account) ?? createUsageHistory();
    histories.set(account, known);
    return known;
  };
  /** A reading that began later, at a takeover, takes the place of one that is under way. */
  let reading: symbol | undefined;
  const add = (entry: LedgerEntry) => {
    // A plan counts calls that it began to answer, not client requests: a retried request may be several.
    for (const attempt of entry.attempts)
      if (attempt.committed) history(attempt.account).add(entry.at, { requests: 1, tokens: 0 });
    const tokens = (entry.inputTokens ?? 0) + (entry.outputTokens ?? 0);
    if (entry.account !== undefined && tokens > 0) history(entry.account).add(entry.at, { requests: 0, tokens });
    onCounted?.(entry);
  };

  return {
    add,
    history,
    async load() {
      const loadedAtMs = clock.now();
      histories = new Map();
      const mine = Symbol('reading');
      reading = mine;
      const oldest = utcDay(loadedAtMs - quotaHistoryMs);
      for (const { day, path } of await ledgerDays(directory)) {
        if (day < oldest) continue;
        const text = await readFile(path, 'utf8').catch((error) => {
          logger.warn('A day of the usage ledger cannot be read; its calls are not counted.', {
            day,
            reason: String(error),
          });
          return '';
        });
        const lines = text.split('\n');
        for (let start = 0; start < lines.length; start += linesAtOnce) {
          if (reading !== mine) return;
          for (const line of lines.slice(start, start + linesAtOnce)) {
            const entry = line === '' ? undefined : parseLedgerLine(line);
            // What came after the start of this reading has been added as it came.
            if (entry !== undefined && entry.at < loadedAtMs) add(entry);
          }
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    },
  };
}
