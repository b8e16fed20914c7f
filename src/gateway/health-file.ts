import * as v from 'valibot';
import type { Health } from '../accounts/health.ts';
import type { StateStore } from '../core/contracts.ts';
import { type ErrorCode, errorScopes, quotaWindowNames } from '../core/errors.ts';

const documentName = 'health';
const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(errorScopes, value);

/** One thing that stands against an account, as it is written down. */
export const healthEntrySchema = v.object({
  code: v.custom<ErrorCode>(isErrorCode),
  model: v.exactOptional(v.string()),
  sinceMs: v.number(),
  untilMs: v.nullable(v.number()),
  count: v.number(),
  reason: v.string(),
  fix: v.exactOptional(v.string()),
  window: v.exactOptional(v.picklist(quotaWindowNames)),
});
const healthDocument = v.object({ version: v.literal(1), accounts: v.record(v.string(), v.array(v.unknown())) });

/** The health that was kept, without what this version cannot read; none where there is no readable document. */
export async function readHealth(state: StateStore): Promise<ReadonlyMap<string, Health>> {
  const result = v.safeParse(healthDocument, await state.read(documentName));
  const accounts = Object.entries(result.success ? result.output.accounts : {});
  return new Map(accounts.map(([id, entries]) => [id, entries.flatMap(readEntry)] as const).filter(hasEntries));
}

const readEntry = (entry: unknown): Health => {
  const { success, output } = v.safeParse(healthEntrySchema, entry);
  return success ? [output] : [];
};
const hasEntries = ([, health]: readonly [string, Health]) => health.length > 0;

/** Keeps the health, so that a restart or another window knows about cooldowns. */
export function writeHealth(state: StateStore, health: ReadonlyMap<string, Health>): Promise<void> {
  return state.write(documentName, { version: 1, accounts: Object.fromEntries(health) });
}
