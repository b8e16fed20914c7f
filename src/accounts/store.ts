import type { Event, Logger, SecretStore } from '../core/contracts.ts';
import { createEmitter } from '../core/emitter.ts';
import { type Account, formatAccount, parseAccount } from './account.ts';

const keyPrefix = 'account:';
/** Set once and never removed: the demo account serves only a home that never had an account of its own. */
const hadAccountKey = 'meta:had-account';

/** All accounts of an install, in the user's order. One secret entry per account; there is no index to fall out of step. */
export interface AccountStore {
  /** The accounts as last read. */
  list(): readonly Account[];
  get(id: string): Account | undefined;
  /** True when this home holds, or ever held, an account. */
  readonly hadAccount: boolean;
  /** Reads everything again and tells whether anything changed. */
  reload(): Promise<boolean>;
  /** Reads one account again, past the cache: another process may have written it. */
  reread(id: string): Promise<Account | undefined>;
  put(account: Account): Promise<void>;
  remove(id: string): Promise<void>;
  readonly onDidChange: Event<void>;
}

/**
 * Opens the store; call `reload()` before first use. An entry that cannot be read is left where it is and reported: a
 * newer version may have written it.
 */
export function createAccountStore(secrets: SecretStore, logger: Logger): AccountStore {
  const changed = createEmitter<void>();
  let accounts: readonly Account[] = [];
  let hadAccount = false;
  let fingerprint = '';
  const unreadable = new Set<string>();

  const adopt = (next: readonly Account[]) => {
    accounts = [...next].sort((a, b) => a.order - b.order || a.createdAtMs - b.createdAtMs || a.id.localeCompare(b.id));
    const before = fingerprint;
    fingerprint = JSON.stringify(accounts);
    if (before === fingerprint) return false;
    changed.fire();
    return true;
  };

  return {
    list: () => accounts,
    get: (id) => accounts.find((account) => account.id === id),
    get hadAccount() {
      return hadAccount || accounts.some((account) => account.kind !== 'demo');
    },
    async reload() {
      const keys = await secrets.keys();
      const read: Account[] = [];
      for (const key of keys.filter((name) => name.startsWith(keyPrefix))) {
        const stored = await secrets.get(key);
        if (stored === undefined) continue;
        const account = parseAccount(stored);
        if (account !== undefined) read.push(account);
        else if (!unreadable.has(key)) {
          unreadable.add(key);
          logger.warn('A stored account cannot be read by this version and is left as it is.', { entry: key });
        }
      }
      hadAccount = keys.includes(hadAccountKey);
      return adopt(read);
    },
    async reread(id) {
      const stored = await secrets.get(keyPrefix + id);
      const account = stored === undefined ? undefined : parseAccount(stored);
      adopt([...accounts.filter((other) => other.id !== id), ...(account ? [account] : [])]);
      return account;
    },
    async put(account) {
      await secrets.set(keyPrefix + account.id, formatAccount(account));
      if (account.kind !== 'demo' && !hadAccount) {
        await secrets.set(hadAccountKey, 'true');
        hadAccount = true;
      }
      adopt([...accounts.filter((other) => other.id !== account.id), account]);
    },
    async remove(id) {
      await secrets.delete(keyPrefix + id);
      adopt(accounts.filter((account) => account.id !== id));
    },
    onDidChange: changed.event,
  };
}
