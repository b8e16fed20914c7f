import type { JsonObject } from '../core/json.ts';
import type { TeamStatus } from '../core/team.ts';

/** What `/health` says. A replica whose store is lost still serves: `degraded`, with status 200. */
export function describeHealth(facts: JsonObject, team: TeamStatus | undefined): JsonObject {
  if (team === undefined) return { status: 'ok', ...facts };
  const { replica, store, sinceMs, unsent } = team;
  return {
    status: store === 'connected' ? 'ok' : 'degraded',
    ...facts,
    team: { replica, store, since: new Date(sinceMs).toISOString(), unsent },
  };
}
