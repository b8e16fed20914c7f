import type { Account } from '../accounts/account.ts';
import type { AccountStore } from '../accounts/store.ts';

/** Stands in where a home never had an account, so that the first command answers something. */
const implicitDemo: Account = {
  version: 1,
  id: 'demo',
  label: 'Demo',
  plan: 'demo',
  kind: 'demo',
  enabled: true,
  order: 0,
  createdAtMs: 0,
};

/** The accounts that serve: the stored ones, or the demo where it may stand in for none. */
export function servedAccounts(
  store: Pick<AccountStore, 'list' | 'hadAccount'>,
  { mayDemo }: { readonly mayDemo: boolean },
): readonly Account[] {
  const stored = store.list();
  return stored.length === 0 && !store.hadAccount && mayDemo ? [implicitDemo] : stored;
}
