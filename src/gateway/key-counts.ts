import type { Team } from '../core/team.ts';
import { type DayCount, utcDay } from '../usage/ledger.ts';
import { decodeField } from './count-fields.ts';

const noCount: DayCount = { requests: 0, inputTokens: 0, outputTokens: 0 };

/** What the client keys have used since 00:00 UTC in the other replicas, by their names. Asks the store. */
export async function readKeyCounts(
  { counters }: Pick<Team, 'counters'>,
  nowMs: number,
): Promise<ReadonlyMap<string, DayCount>> {
  const todayMs = Date.parse(utcDay(nowMs));
  const counts = new Map<string, DayCount>();
  for (const { fields } of await counters.load())
    for (const [name, text] of Object.entries(fields)) {
      const field = decodeField(name, text);
      if (field?.kind !== 'key' || field.startMs !== todayMs) continue;
      const before = counts.get(field.of) ?? noCount;
      const [requests, inputTokens, outputTokens] = field.amounts;
      counts.set(field.of, {
        requests: before.requests + requests,
        inputTokens: before.inputTokens + inputTokens,
        outputTokens: before.outputTokens + outputTokens,
      });
    }
  return counts;
}
