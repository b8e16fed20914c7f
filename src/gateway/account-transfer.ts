import type { Account } from '../accounts/account.ts';
import { exportAccounts, importAccounts } from '../accounts/portable.ts';
import type { AccountStore } from '../accounts/store.ts';
import type { ImportConflict, ProxyControl } from '../core/control.ts';
import { InputError } from '../core/input-error.ts';
import { freeId } from './account-input.ts';

/** All accounts out of this install and into another one, encrypted. */
export function createAccountTransfer({
  store,
  forget,
  headlessAccounts,
}: {
  readonly store: AccountStore;
  /** Drops what is remembered of an account that another one replaces. */
  readonly forget: (id: string) => void;
  /** The accounts of this user's headless install. */
  readonly headlessAccounts: () => Promise<readonly Account[]>;
}): Pick<ProxyControl, 'exportAccounts' | 'importAccounts' | 'importHeadlessAccounts'> {
  const nextOrder = () => Math.max(-1, ...store.list().map((account) => account.order)) + 1;
  const adopt = async (account: Account, onConflict: ImportConflict): Promise<'added' | 'replaced' | 'skipped'> => {
    const existing = store.get(account.id);
    const isTaken = store.isTaken(account.id);
    // An entry that this version cannot read is nobody's to replace.
    if (isTaken && (onConflict === 'skip' || (onConflict === 'replace' && existing === undefined))) return 'skipped';
    if (existing !== undefined && onConflict === 'replace') {
      await store.put({ ...account, order: existing.order });
      forget(account.id);
      return 'replaced';
    }
    const id = freeId(store, account.id);
    return (await store.add({ ...account, id, order: nextOrder() })) ? 'added' : 'skipped';
  };

  return {
    async exportAccounts({ passphrase, kinds }) {
      await store.reload();
      // A copy of tokens that rotate would soon fight with the program they belong to.
      const isWanted = (account: Account) => !isLinked(account) && (kinds?.includes(account.kind) ?? true);
      const portable = store.list().filter(isWanted);
      if (portable.length === 0) throw new InputError('There is no account to export.');
      const leftOut = store.list().filter((account) => !isWanted(account));
      return {
        text: await exportAccounts(portable, passphrase),
        count: portable.length,
        leftOut: leftOut.map(({ id }) => id),
      };
    },
    async importAccounts({ text, passphrase, onConflict }) {
      const accounts = await importAccounts(text, passphrase);
      await store.reload();
      const counts = { added: 0, replaced: 0, skipped: 0 };
      for (const account of accounts) {
        // A path of another machine is none of ours.
        const outcome = isLinked(account) ? 'skipped' : await adopt(account, onConflict);
        counts[outcome]++;
      }
      return counts;
    },
    async importHeadlessAccounts() {
      const counts = { added: 0, replaced: 0, skipped: 0 };
      await store.reload();
      for (const account of await headlessAccounts()) {
        // Tokens rotate: two programs with the same one would throw each other out.
        const isKnown = account.kind !== 'api-key' || store.list().some((own) => isSameKey(own, account));
        counts[isKnown ? 'skipped' : await adopt(account, 'rename')]++;
      }
      return counts;
    },
  };
}

const isSameKey = (a: Account, b: Account) =>
  a.kind === 'api-key' && b.kind === 'api-key' && a.plan === b.plan && a.secret.key === b.secret.key;

const isLinked = (account: Account) => account.kind === 'oauth-device' && account.linkedFile !== undefined;
