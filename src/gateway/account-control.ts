import type { Account } from '../accounts/account.ts';
import type { LinkedCredentials } from '../accounts/linked-credentials.ts';
import type { SignIns } from '../accounts/sign-in.ts';
import type { AccountStore } from '../accounts/store.ts';
import type { Clock } from '../core/contracts.ts';
import type { AccountSummary, PlanSummary, ProxyControl } from '../core/control.ts';
import { InputError } from '../core/input-error.ts';
import { plan, planSummary, plans } from '../upstream/plans.ts';
import { checkedKey, checkedUrls, missingAccount, newId, newPlace, takenId } from './account-input.ts';
import { createAccountLinks } from './account-links.ts';
import { createAccountSignIns } from './account-sign-ins.ts';
import { createAccountTransfer } from './account-transfer.ts';
import type { Doctor } from './doctor.ts';
import type { Probe } from './probe.ts';
import type { ShownTerms } from './shown-terms.ts';

export interface AccountControlOptions {
  readonly store: AccountStore;
  /** The accounts of this user's headless install. */
  readonly headlessAccounts: () => Promise<readonly Account[]>;
  readonly signIns: SignIns;
  readonly clock: Clock;
  readonly linked: LinkedCredentials;
  readonly doctor: Doctor;
  readonly terms: ShownTerms;
  readonly probe: Probe;
  readonly summarise: (account: Account) => AccountSummary;
  /** Ends what is remembered against an account. */
  readonly clear: (id: string) => void;
  readonly forget: (id: string) => void;
  /** Where qwen-code keeps its files; `~/.qwen` unless told. */
  readonly qwenDirectory?: string;
}

export type AccountControl = Omit<
  ProxyControl,
  'start' | 'stop' | 'snapshot' | 'localKey' | 'rotateKey' | 'exportUsage'
>;

const longestGroupName = 64;

/** What a user does with accounts. Adding stores first and probes then: the verdict is told, never held against the account. */
export function createAccountControl(options: AccountControlOptions): AccountControl {
  const { store, clock, doctor } = options;
  const found = (id: string): Account => {
    const account = store.get(id);
    if (account === undefined) throw missingAccount(id);
    return account;
  };
  const changed = async (id: string, change: (stored: Account) => Account): Promise<void> => {
    if ((await store.update(found(id).id, change)) === undefined) throw missingAccount(id);
  };

  return {
    ...createAccountSignIns(options),
    ...createAccountTransfer(options),
    ...createAccountLinks(options),
    diagnoseKey: doctor.diagnoseKey,
    findPlan: doctor.findPlan,

    plans: async (): Promise<readonly PlanSummary[]> =>
      plans.filter((candidate) => candidate.name !== 'oauth').map(planSummary),

    async addAccount(input) {
      const chosen = plan(input.plan);
      if (chosen === undefined || chosen.name === 'oauth')
        throw new InputError(
          `There is no plan "${input.plan}". Plans: ${plans
            .filter(({ name }) => name !== 'oauth')
            .map(({ name }) => name)
            .join(', ')}.`,
        );
      const id = newId(store, input.id, chosen.name);
      const common = {
        ...newPlace({ store, clock }, id, input.label ?? (input.id === undefined ? chosen.label : undefined)),
        plan: chosen.name,
      };
      const account: Account =
        chosen.name === 'demo'
          ? { ...common, kind: 'demo' }
          : { ...common, kind: 'api-key', secret: { key: checkedKey(input.key) }, ...checkedUrls(chosen, input) };
      if (!(await store.add(account))) throw takenId(account.id);
      const verdict = input.probe ? await options.probe(account) : undefined;
      const terms = await options.terms.take(chosen.name);
      return {
        account: options.summarise(account),
        ...(verdict && { verdict }),
        ...(terms !== undefined && { terms }),
      };
    },

    async removeAccount(id) {
      found(id);
      await store.remove(id);
      options.forget(id);
    },
    async setAccountEnabled(id, enabled) {
      await changed(id, (stored) => ({ ...stored, enabled }));
    },
    async moveAccount(id, index) {
      const moved = found(id);
      const others = store.list().filter((account) => account.id !== id);
      const ordered = others.toSpliced(Math.max(0, Math.min(index, others.length)), 0, moved);
      for (const [order, account] of ordered.entries())
        if (account.order !== order) await store.update(account.id, (stored) => ({ ...stored, order }));
    },
    async setAccountGroup(id, group) {
      // A call from another window has `null` where there is no group.
      const name = (group ?? '').trim();
      if (name.length > longestGroupName)
        throw new InputError(`A group's name has at most ${longestGroupName} characters.`);
      await changed(id, ({ group: _before, ...rest }) => ({ ...rest, ...(name !== '' && { group: name }) }));
    },
    async setAccountLimit(id, limit) {
      const amounts = [limit?.requests, limit?.tokens].filter((amount) => amount !== undefined);
      if (limit && (amounts.length === 0 || !amounts.every((amount) => Number.isSafeInteger(amount) && amount > 0)))
        throw new InputError('A limit is a whole number of requests or tokens, above 0.');
      await changed(id, ({ limit: _before, ...rest }) => ({ ...rest, ...(limit && { limit }) }));
    },
    async setAccountBillingDay(id, day) {
      // A call from another window has `null` where there is no day.
      const billingDay = day ?? undefined;
      if (billingDay !== undefined && !(Number.isInteger(billingDay) && billingDay >= 1 && billingDay <= 31))
        throw new InputError('A billing day is a day of the month, 1 to 31.');
      await changed(id, ({ billingDay: _before, ...rest }) => ({
        ...rest,
        ...(billingDay !== undefined && { billingDay }),
      }));
    },
    async clearAccount(id) {
      found(id);
      options.clear(id);
      // Written down as well: another process may hold the same cooldowns in its memory.
      await changed(id, (stored) => ({ ...stored, clearedAtMs: clock.now() }));
    },
    testAccount: async (id, testOptions) => options.probe(found(id), { billed: testOptions?.billed === true }),
  };
}
