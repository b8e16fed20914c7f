import type { Account } from '../accounts/account.ts';
import type { AccountStore } from '../accounts/store.ts';
import { InputError } from '../core/input-error.ts';
import type { Team } from '../core/team.ts';
import { plan } from '../upstream/plans.ts';

/** Plans whose terms bind the key to one subscriber. */
const isSingleUser = (account: Account) => plan(account.plan)?.terms !== undefined;

/** The accounts as a team may use them: those of single-user plans are switched off unless the operator has said otherwise. */
export function createTeamAccounts(
  team: Pick<Team, 'allowsSingleUserPlans'>,
): (accounts: readonly Account[]) => readonly Account[] {
  if (team.allowsSingleUserPlans) return (accounts) => accounts;
  let seen: readonly Account[] | undefined;
  let allowed: readonly Account[] = [];
  return (accounts) => {
    if (accounts !== seen) {
      seen = accounts;
      allowed = accounts.map((account) => (isSingleUser(account) ? { ...account, enabled: false } : account));
    }
    return allowed;
  };
}

/** The store, closed to accounts that a team cannot share. */
export function guardTeamStore(store: AccountStore, team: Pick<Team, 'allowsSingleUserPlans'>): AccountStore {
  const check = (account: Account) => {
    if (account.kind === 'oauth-device' && account.linkedFile !== undefined)
      throw new InputError('A sign-in in a file of this machine cannot serve a team. Sign in with "accounts login".');
    if (isSingleUser(account) && !team.allowsSingleUserPlans)
      throw new InputError(
        `${plan(account.plan)?.label} is for one subscriber by its terms and is not shared by a team. If yours allows it, set TEAM_SINGLE_USER_PLANS=confirmed.`,
      );
  };
  // Getters stay getters: the store is the prototype, not a copy.
  const guarded: Pick<AccountStore, 'add' | 'put'> = {
    async add(account) {
      check(account);
      return store.add(account);
    },
    async put(account) {
      check(account);
      return store.put(account);
    },
  };
  return new Proxy(store, {
    get: (target, name) => Reflect.get(name === 'add' || name === 'put' ? guarded : target, name),
  });
}
