import type { Clock } from '../core/contracts.ts';
import type { ErrorCode, GatewayError } from '../core/errors.ts';
import type { AccountStrategy } from '../core/settings.ts';
import type { WireFormat } from '../core/upstream.ts';
import type { Account } from './account.ts';
import { type Affinity, createAffinity } from './affinity.ts';
import { afterFailure, afterSuccess, type Health, holding, type Standing, standing } from './health.ts';
import { noAccount, noModel, nothingReady } from './pool-errors.ts';
import { rank } from './selection.ts';

/** When every account is cooling for a passing cause, one trial request at a time, and at most one in this long. */
const trialIntervalMs = 1_000;

/** The right to send one attempt through one account. Report it exactly once. */
export interface Lease {
  readonly account: Account;
  readonly model: string;
}

export interface PoolOptions {
  readonly clock: Clock;
  readonly accounts: () => readonly Account[];
  readonly strategy: () => AccountStrategy;
  readonly requestsToday: (id: string) => number;
  /** What remains of the account's tightest quota window, 0 to 1; `undefined` where no limit is known. */
  readonly quotaLeft: (account: Account) => number | undefined;
  /** Which model an account would use for what the client asked, or `undefined` where its plan cannot serve that. */
  readonly modelFor: (account: Account, asked: string | undefined, format?: WireFormat) => string | undefined;
  /** Health as it was kept from the last run. */
  readonly health?: ReadonlyMap<string, Health>;
  /** Which conversation is where; one of this process alone unless told. */
  readonly affinity?: Affinity | undefined;
  /** Called after every change of health. */
  readonly onChange?: () => void;
}

export interface AcquireOptions {
  readonly model: string | undefined;
  /** The client's; not every plan can serve each. */
  readonly format?: WireFormat | undefined;
  /** Accounts that this request tried already. */
  readonly tried: ReadonlySet<string>;
  /** The conversation it belongs to, which stays on its account as long as that one is ready. */
  readonly session?: string | undefined;
}

export type Outcome =
  | { readonly kind: 'answered' }
  /** The client went away, or the request itself was at fault: nothing is learned about the account. */
  | { readonly kind: 'released' }
  | { readonly kind: 'failed'; readonly error: GatewayError };

/** Which account serves the next attempt, and what each one's health is. Owns the only mutable state of accounts. */
export interface Pool {
  /** @throws GatewayError of `pool-errors.ts`: nobody to ask, or why none can serve, with a true `retryAfterMs`. */
  acquire(options: AcquireOptions): Lease;
  report(lease: Lease, outcome: Outcome): void;
  /** The upstream has begun to answer: its conversation is here now, and a trial is over, whatever the answer's length. */
  committed(lease: Lease): void;
  /** Another account than those in `tried` is ready for the model now. */
  hasReady(options: AcquireOptions): boolean;
  standing(account: Account, model?: string): Standing;
  /** Everything that stands against the account now, single models included. */
  obstacles(account: Account): Health;
  /** Ends every cooldown and `unauthorized`. */
  clear(id: string): void;
  forget(id: string): void;
  /** Takes the health that was kept from another run, or by another window, in place of its own. */
  restore(known: ReadonlyMap<string, Health>): void;
  readonly health: ReadonlyMap<string, Health>;
}

/** An account that has the model, and how it stands. */
interface Able extends Lease {
  readonly standing: Standing;
}

/** A lease, and what is known of it here. */
class Granted implements Lease {
  readonly account: Account;
  readonly model: string;
  readonly atMs: number;
  readonly session: string | undefined;
  /** The next trial may only start when this one is reported. */
  isTrial = false;

  constructor(account: Account, model: string, atMs: number, session: string | undefined) {
    this.account = account;
    this.model = model;
    this.atMs = atMs;
    this.session = session;
  }
}

export function createPool(options: PoolOptions): Pool {
  const { clock } = options;
  const affinity = options.affinity ?? createAffinity(clock);
  const health = new Map<string, Health>(options.health);
  const inFlight = new Map<string, number>();
  let lastId: string | undefined;
  let trialOpen = false;
  let lastTrialMs = Number.NEGATIVE_INFINITY;

  const setHealth = (id: string, next: Health) => {
    if (next === (health.get(id) ?? noHealth)) return;
    if (next.length === 0) health.delete(id);
    else health.set(id, next);
    options.onChange?.();
  };
  /** What was learned before the account was made, or last cleared by any process, is about something else. */
  const healthOf = (account: Account): Health => {
    const sinceMs = Math.max(account.createdAtMs, account.clearedAtMs ?? 0);
    const known = health.get(account.id) ?? noHealth;
    return known.every((entry) => entry.sinceMs >= sinceMs) ? known : known.filter((entry) => entry.sinceMs >= sinceMs);
  };
  const standingOf = (account: Account, model?: string): Standing =>
    account.enabled ? standing(healthOf(account), model, clock.now()) : { state: 'disabled', transient: false };
  const ableTo = ({ model: asked, format }: Pick<AcquireOptions, 'model' | 'format'>): readonly Able[] =>
    options
      .accounts()
      .filter((account) => account.enabled)
      .flatMap((account) => {
        const model = options.modelFor(account, asked, format);
        return model === undefined ? [] : [{ account, model, standing: standingOf(account, model) }];
      });
  /** Accounts that share the limits of one main account: what one met, all have met. */
  const sharing = (account: Account): readonly Account[] =>
    account.group === undefined
      ? [account]
      : options.accounts().filter((other) => other.id === account.id || other.group === account.group);
  const lease = (account: Account, model: string, session: string | undefined): Granted => {
    lastId = account.id;
    inFlight.set(account.id, (inFlight.get(account.id) ?? 0) + 1);
    return new Granted(account, model, clock.now(), session);
  };

  const endTrial = (granted: Lease) => {
    if (!(granted instanceof Granted) || !granted.isTrial) return;
    granted.isTrial = false;
    trialOpen = false;
  };

  const best = (ready: readonly Able[], accounts: readonly Account[]): Able | undefined => {
    const strategy = options.strategy();
    const [first] = rank(
      strategy,
      ready.map(({ account }) => ({
        id: account.id,
        requestsToday: options.requestsToday(account.id),
        inFlight: inFlight.get(account.id) ?? 0,
        // Adding up the windows of every account is for those who asked for it.
        quotaLeft: strategy === 'most-quota-left' ? options.quotaLeft(account) : undefined,
      })),
      { lastId, userOrder: accounts.map((account) => account.id) },
    );
    return ready.find(({ account }) => account.id === first?.id);
  };

  return {
    acquire({ model: asked, format, tried, session }) {
      const accounts = options.accounts();
      const enabled = accounts.filter((account) => account.enabled);
      if (enabled.length === 0) throw noAccount(accounts.length);
      const able = ableTo({ model: asked, format });
      if (able.length === 0) throw noModel(asked, format);
      const untried = able.filter(({ account }) => !tried.has(account.id));

      const ready = untried.filter((entry) => entry.standing.state === 'ready');
      const bound = session === undefined ? undefined : affinity.accountOf(session);
      const chosen = ready.find(({ account }) => account.id === bound) ?? best(ready, accounts);
      if (chosen) return lease(chosen.account, chosen.model, session);

      const trial = untried
        .filter((entry) => entry.standing.transient)
        .toSorted((a, b) => (a.standing.untilMs ?? 0) - (b.standing.untilMs ?? 0))[0];
      // Accounts that wait for the user or for a quota are no alternative: whoever is left is as good as alone.
      const isLone = able.filter(({ standing }) => standing.state === 'ready' || standing.transient).length === 1;
      // Of a trial in the future it is only known that it was before the clock was set back.
      const mayTry = !trialOpen && Math.abs(clock.now() - lastTrialMs) >= trialIntervalMs;
      if (trial && (isLone || mayTry)) {
        if (!isLone) {
          trialOpen = true;
          lastTrialMs = clock.now();
        }
        const granted = lease(trial.account, trial.model, session);
        if (!isLone) granted.isTrial = true;
        return granted;
      }
      throw nothingReady(
        able.map((entry) => ({ label: entry.account.label, ...entry.standing })),
        clock.now(),
      );
    },

    report(granted, outcome) {
      const { account, model } = granted;
      inFlight.set(account.id, Math.max(0, (inFlight.get(account.id) ?? 0) - 1));
      endTrial(granted);
      // The account may have been removed meanwhile, and another one made under its id.
      const stored = options.accounts().find(({ id }) => id === account.id);
      if (stored?.createdAtMs !== account.createdAtMs) return;
      const known = healthOf(stored);
      if (outcome.kind === 'answered')
        setHealth(account.id, afterSuccess(known, model, granted instanceof Granted ? granted.atMs : clock.now()));
      if (outcome.kind !== 'failed') return;
      const { error } = outcome;
      for (const other of sharedLimits.has(error.code) ? sharing(stored) : [stored])
        setHealth(other.id, afterFailure(healthOf(other), error, model, clock.now()));
    },
    committed(granted) {
      // Only an answer warms the prompt cache: an account that refused the conversation has no claim to it.
      if (granted instanceof Granted && granted.session !== undefined)
        affinity.bind(granted.session, granted.account.id);
      endTrial(granted);
    },

    hasReady: ({ tried, ...wish }) =>
      ableTo(wish).some(({ account, standing }) => standing.state === 'ready' && !tried.has(account.id)),

    standing: standingOf,
    obstacles: (account) => holding(healthOf(account), clock.now()),
    clear: (id) => setHealth(id, noHealth),
    forget(id) {
      setHealth(id, noHealth);
      inFlight.delete(id);
      affinity.forget(id);
    },
    restore(known) {
      health.clear();
      for (const [id, entries] of known) health.set(id, entries);
    },
    health,
  };
}

const noHealth: Health = [];

/** Limits that Qwen counts per main account and model, all its keys together ("Rate limits" page). */
const sharedLimits: ReadonlySet<ErrorCode> = new Set(['rate_limited', 'token_rate_limited', 'burst', 'billing']);
