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
  /** The id belongs to an account, or to an entry that this version cannot read. */
  isTaken(id: string): boolean;
  /** True when this home holds, or ever held, an account. */
  readonly hadAccount: boolean;
  /** Reads everything again and tells whether anything changed. */
  reload(): Promise<boolean>;
  /** Reads one account again, past the cache: another process may have written it. */
  reread(id: string): Promise<Account | undefined>;
  /** Stores a new account; false, and nothing is written, where its id is taken by now. */
  add(account: Account): Promise<boolean>;
  /**
   * Changes what is stored now, which may be newer than what a caller has seen: a refreshed token, another window's
   * edit. An account that is gone stays gone: `undefined`.
   */
  update(id: string, change: (stored: Account) => Account): Promise<Account | undefined>;
  /** Stores the account whatever stands there. */
  put(account: Account): Promise<void>;
  remove(id: string): Promise<void>;
  readonly onDidChange: Event<void>;
}

/**
 * Opens the store; call `reload()` before first use. An entry that cannot be read is left where it is and reported: a
 * newer version may have written it. Reads and writes take turns, so that none of them works on what another one replaces.
 */
export function createAccountStore(secrets: SecretStore, logger: Logger): AccountStore {
  const changed = createEmitter<void>();
  let accounts: readonly Account[] = [];
  let hadAccount = false;
  let fingerprint = '[]';
  let unreadable: ReadonlySet<string> = new Set();
  let turn: Promise<unknown> = Promise.resolve();

  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = turn.then(work);
    turn = result.catch(() => {});
    return result;
  };
  const adopt = (next: readonly Account[]) => {
    accounts = [...next].sort((a, b) => a.order - b.order || a.createdAtMs - b.createdAtMs || a.id.localeCompare(b.id));
    const before = fingerprint;
    fingerprint = JSON.stringify(accounts);
    if (before === fingerprint) return false;
    changed.fire();
    return true;
  };
  const adoptOne = (id: string, account: Account | undefined) =>
    adopt([...accounts.filter((other) => other.id !== id), ...(account ? [account] : [])]);
  const parse = (key: string, stored: string): Account | undefined => {
    const account = parseAccount(stored);
    return account !== undefined && keyPrefix + account.id === key ? account : undefined;
  };
  const read = async (id: string): Promise<Account | undefined> => {
    const stored = await secrets.get(keyPrefix + id);
    return stored === undefined ? undefined : parse(keyPrefix + id, stored);
  };
  const written = async (account: Account): Promise<void> => {
    adoptOne(account.id, account);
    if (account.kind === 'demo' || hadAccount) return;
    await secrets.set(hadAccountKey, 'true');
    hadAccount = true;
  };
  /** Writes over `expected`; false where another machine was quicker. Without a store that can tell, it never was. */
  const replace = async (account: Account, expected: string | undefined): Promise<boolean> => {
    const [key, text] = [keyPrefix + account.id, formatAccount(account)];
    if (secrets.swap === undefined) await secrets.set(key, text);
    else if (!(await secrets.swap(key, expected, text))) return false;
    await written(account);
    return true;
  };

  return {
    list: () => accounts,
    get: (id) => accounts.find((account) => account.id === id),
    isTaken: (id) => accounts.some((account) => account.id === id) || unreadable.has(keyPrefix + id),
    get hadAccount() {
      return hadAccount || unreadable.size > 0 || accounts.some((account) => account.kind !== 'demo');
    },
    reload: () =>
      inTurn(async () => {
        const keys = await secrets.keys();
        const readable: Account[] = [];
        const broken = new Set<string>();
        for (const key of keys.filter((name) => name.startsWith(keyPrefix))) {
          const stored = await secrets.get(key);
          if (stored === undefined) continue;
          const account = parse(key, stored);
          if (account !== undefined) {
            readable.push(account);
            continue;
          }
          broken.add(key);
          if (!unreadable.has(key))
            logger.warn('A stored account cannot be read by this version and is left as it is.', { entry: key });
        }
        hadAccount = keys.includes(hadAccountKey);
        unreadable = broken;
        return adopt(readable);
      }),
    reread: (id) =>
      inTurn(async () => {
        const account = await read(id);
        adoptOne(id, account);
        return account;
      }),
    add: (account) =>
      inTurn(async () => {
        if ((await secrets.get(keyPrefix + account.id)) !== undefined) return false;
        return replace(account, undefined);
      }),
    update: (id, change) =>
      inTurn(async () => {
        while (true) {
          const text = await secrets.get(keyPrefix + id);
          const stored = text === undefined ? undefined : parse(keyPrefix + id, text);
          if (stored === undefined) {
            adoptOne(id, undefined);
            return undefined;
          }
          const next = change(stored);
          if (formatAccount(next) === formatAccount(stored)) adoptOne(id, stored);
          else if (!(await replace(next, text))) continue;
          return next;
        }
      }),
    put: (account) =>
      inTurn(async () => {
        await secrets.set(keyPrefix + account.id, formatAccount(account));
        await written(account);
      }),
    remove: (id) =>
      inTurn(async () => {
        await secrets.delete(keyPrefix + id);
        adoptOne(id, undefined);
      }),
    onDidChange: changed.event,
  };
}
