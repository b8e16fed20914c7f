import { rm } from 'node:fs/promises';
import { ledgerDays, utcDay } from './ledger.ts';

const dayMs = 86_400_000;

/** Removes the ledger's days that are older than `days`; today and the days of the longest quota window always stay. */
export async function pruneLedger({
  directory,
  days,
  nowMs,
}: {
  readonly directory: string;
  readonly days: number;
  readonly nowMs: number;
}): Promise<void> {
  const oldest = utcDay(nowMs - days * dayMs);
  for (const { day, path } of await ledgerDays(directory)) if (day < oldest) await rm(path, { force: true });
}
