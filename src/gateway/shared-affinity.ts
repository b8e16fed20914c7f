import { type Affinity, createAffinity } from '../accounts/affinity.ts';
import type { Clock } from '../core/contracts.ts';
import type { SharedSessions } from '../core/team.ts';

/** A conversation that goes on is told again after this long; the store forgets it after an hour. */
const tellAgainMs = 5 * 60_000;
/** More conversations than an hour has, as far as telling them again goes. */
const maximumTold = 10_000;

/** The conversations of all replicas: where one has gone, the next request of it goes too, whichever replica gets it. */
export function createSharedAffinity(clock: Clock, sessions: SharedSessions): Affinity & { open(): Promise<void> } {
  const affinity = createAffinity(clock);
  const toldMs = new Map<string, number>();

  sessions.onDidBind((bound) => {
    for (const { session, accountId } of bound) affinity.bind(session, accountId);
  });
  return {
    ...affinity,
    bind(session, accountId) {
      const isMoved = affinity.accountOf(session) !== accountId;
      affinity.bind(session, accountId);
      if (!isMoved && clock.now() - (toldMs.get(session) ?? 0) < tellAgainMs) return;
      if (toldMs.size >= maximumTold) toldMs.clear();
      toldMs.set(session, clock.now());
      sessions.bind(session, accountId);
    },
    async open() {
      for (const { session, accountId } of await sessions.load()) affinity.bind(session, accountId);
    },
  };
}
