import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const dayMs = 86_400_000;
const dayFile = /^(\d{4}-\d{2}-\d{2})\.jsonl$/;

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
  const oldest = new Date(nowMs - days * dayMs).toISOString().slice(0, 10);
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    const day = dayFile.exec(name)?.[1];
    if (day !== undefined && day < oldest) await rm(join(directory, name), { force: true });
  }
}
