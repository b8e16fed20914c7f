import type { Account } from '../accounts/account.ts';
import type { Pool } from '../accounts/pool.ts';
import type { AccountStore } from '../accounts/store.ts';
import type { Clock, StateStore } from '../core/contracts.ts';
import type { Team } from '../core/team.ts';
import { createSharedAffinity } from './shared-affinity.ts';
import { createSharedHealth, type SharedHealth } from './shared-health.ts';
import { createSharedState } from './shared-state.ts';
import { createTeamAccounts, guardTeamStore } from './team-policy.ts';

/** What a replica of a team has in place of what is otherwise one process's alone. */
export interface TeamParts {
  readonly state: StateStore;
  readonly affinity: ReturnType<typeof createSharedAffinity>;
  /** The store, closed to accounts that a team cannot share. */
  readonly guard: (store: AccountStore) => AccountStore;
  /** The stored accounts as the team may use them. */
  readonly accounts: (stored: readonly Account[]) => readonly Account[];
  /** @param onLearned Another replica has learned something about an account. */
  readonly shareHealth: (pool: Pool, onLearned: () => void) => SharedHealth;
}

export function createTeamParts(team: Team, clock: Clock): TeamParts {
  return {
    state: createSharedState(team.documents),
    affinity: createSharedAffinity(clock, team.sessions),
    guard: (store) => guardTeamStore(store, team),
    accounts: createTeamAccounts(team),
    shareHealth: (pool, onLearned) => createSharedHealth({ map: team.health, pool, onLearned }),
  };
}

export function guardStore(team: TeamParts | undefined, store: AccountStore): AccountStore {
  return team === undefined ? store : team.guard(store);
}
