import * as v from 'valibot';
import type { Account } from '../accounts/account.ts';
import type { Health } from '../accounts/health.ts';
import { type QuotaRule, type QuotaUse, quotaUse, type UsageHistory } from '../accounts/quota.ts';
import type { Clock, StateStore } from '../core/contracts.ts';
import { plan } from '../upstream/plans.ts';

const hourMs = 3_600_000;
const documentName = 'learned-limits';

/** Tokens that a window held when the upstream called it used up, by account and window. */
const learnedSchema = v.object({
  version: v.literal(1),
  limits: v.record(v.string(), v.record(v.string(), v.number())),
});
type LearnedLimits = v.InferOutput<typeof learnedSchema>['limits'];

export interface QuotasOptions {
  readonly clock: Clock;
  readonly state: StateStore;
  readonly history: (account: string) => UsageHistory;
  /** What stands against an account, with the windows that the upstream said are used up. */
  readonly health: (account: Account) => Health;
}

/** Where every quota window of an account stands. */
export interface Quotas {
  windows(account: Account): readonly QuotaUse[];
  /** What remains of the tightest window, 0 to 1; `undefined` where no limit is known. */
  left(account: Account): number | undefined;
  /** Learns limits that no page publishes from the upstream's own "quota exceeded". Resolves when they are written. */
  learn(account: Account): Promise<void>;
  /** Reads what was learned: at the start, and when another process has learned something. */
  open(): Promise<void>;
}

export function createQuotas({ clock, state, history, health }: QuotasOptions): Quotas {
  let learned: LearnedLimits = {};
  let writing: Promise<void> = Promise.resolve();

  const read = async () => {
    const result = v.safeParse(learnedSchema, await state.read(documentName));
    return result.success ? result.output.limits : {};
  };
  /** Beside what others have learned meanwhile. */
  const write = async () => {
    const stored = await read();
    const accounts = new Set([...Object.keys(stored), ...Object.keys(learned)]);
    learned = Object.fromEntries([...accounts].map((id) => [id, { ...stored[id], ...learned[id] }]));
    await state.write(documentName, { version: 1, limits: learned });
  };

  const windows = (account: Account): readonly QuotaUse[] => {
    const entries = health(account);
    return rulesOf(account, learned[account.id] ?? {}).map((rule) => {
      const usedUp = entries.find((entry) => entry.window === rule.name && entry.code === 'quota_exhausted');
      return quotaUse(rule, history(account.id), {
        nowMs: clock.now(),
        subscribedMs: account.createdAtMs,
        ...(account.billingDay !== undefined && { billingDay: account.billingDay }),
        ...(usedUp && { usedUpAtMs: usedUp.sinceMs }),
      });
    });
  };

  return {
    windows,
    left(account) {
      const shares = windows(account).flatMap(({ left }) => left ?? []);
      return shares.length === 0 ? undefined : Math.min(...shares);
    },
    async learn(account) {
      let isNew = false;
      for (const { name, used, left, limitRequests, limitTokens } of windows(account)) {
        const isUnknown = limitRequests === undefined && limitTokens === undefined;
        if (left !== 0 || !isUnknown || used.tokens === 0) continue;
        learned = { ...learned, [account.id]: { ...learned[account.id], [name]: used.tokens } };
        isNew = true;
      }
      if (!isNew) return;
      writing = writing.then(write);
      await writing;
    },
    async open() {
      learned = { ...learned, ...(await read()) };
    },
  };
}

/** The plan's windows, with what was learned where the plan publishes no number, and the user's own limit. */
function rulesOf(account: Account, learned: Readonly<Record<string, number>>): readonly QuotaRule[] {
  const rules = (plan(account.plan)?.quotaWindows ?? []).map((rule): QuotaRule => {
    const limitTokens = rule.limitRequests === undefined ? learned[rule.name] : undefined;
    return limitTokens === undefined ? rule : { ...rule, limitTokens };
  });
  const { limit } = account;
  if (limit === undefined) return rules;
  const own: QuotaRule = {
    name: limit.window,
    ...resets[limit.window],
    ...(limit.requests !== undefined && { limitRequests: limit.requests }),
    ...(limit.tokens !== undefined && { limitTokens: limit.tokens }),
  };
  // The user's word on a window stands in place of the plan's.
  return [...rules.filter((rule) => rule.name !== own.name), own];
}

/** How a window that the user named begins anew. */
const resets: Readonly<Record<QuotaRule['name'], Pick<QuotaRule, 'reset' | 'slidingMs'>>> = {
  hour: { reset: 'sliding', slidingMs: 5 * hourMs },
  day: { reset: 'midnight-utc' },
  week: { reset: 'monday-utc8' },
  month: { reset: 'subscription-day-utc8' },
};
