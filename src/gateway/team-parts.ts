import type { Account } from '../accounts/account.ts';
import type { AccountStore } from '../accounts/store.ts';
import type { Clock, StateStore } from '../core/contracts.ts';
import type { ProxyOptions } from './proxy-options.ts';
import { createSharedAffinity } from './shared-affinity.ts';
import { createSharedState } from './shared-state.ts';
import { createTeamAccounts, guardTeamStore } from './team-policy.ts';

/** What a replica of a team has in place of what is one process's alone; without a team, everything as it is. */
export interface TeamParts {
  readonly state: StateStore;
  readonly affinity?: ReturnType<typeof createSharedAffinity>;
  readonly teamStore: (store: AccountStore) => AccountStore;
  readonly teamAccounts: (accounts: readonly Account[]) => readonly Account[];
}

export function createTeamParts({ team }: Pick<ProxyOptions, 'team'>, files: StateStore, clock: Clock): TeamParts {
  if (team === undefined) return { state: files, teamStore: (store) => store, teamAccounts: (accounts) => accounts };
  return {
    state: createSharedState(team.documents),
    affinity: createSharedAffinity(clock, team.sessions),
    teamStore: (store) => guardTeamStore(store, team),
    teamAccounts: createTeamAccounts(team),
  };
}
