import type { AccountLimit, AccountState, AccountSummary, AddAccountInput } from '../core/control.ts';
import type { PlanFinding } from '../core/plan-search.ts';
import { withFix } from '../core/with-fix.ts';
import type { HostedProxy } from '../core/worker-protocol.ts';
import { type SearchOptions, searchPlan } from './find.ts';
import { withProxy } from './host.ts';
import { printTable } from './table.ts';
import { asUsage, printJson, processTerminal, readKey } from './terminal.ts';
import { t } from './translate.ts';
import { UsageError } from './usage-error.ts';

/** Accounts of this home; the demo account that stands in for none is not one of them. */
async function stored(proxy: HostedProxy): Promise<readonly AccountSummary[]> {
  const { accounts } = await proxy.snapshot();
  return accounts.filter((account) => account.createdAtMs > 0);
}

const until = (untilMs: number | undefined) => (untilMs === undefined ? '' : new Date(untilMs).toISOString());

const stateTexts: Readonly<Record<AccountState, () => string>> = {
  ready: () => t('ready'),
  cooling: () => t('cooling'),
  exhausted: () => t('exhausted'),
  unauthorized: () => t('unauthorized'),
  disabled: () => t('disabled'),
};
export const stateText = (state: AccountState) => stateTexts[state]();

export async function listAccounts({ json }: { readonly json?: boolean }): Promise<number> {
  const accounts = await withProxy(stored);
  if (json) printJson(accounts);
  else if (accounts.length === 0)
    process.stderr.write(`${t('No account yet. Add one with: qwen-openai-proxy accounts add --id ID')}\n`);
  else
    printTable(
      accounts.map(({ id, planLabel, state, reason, untilMs, requestsToday, group }) => ({
        id,
        [t('plan')]: planLabel,
        [t('state')]: stateText(state),
        [t('until')]: until(untilMs),
        [t('today')]: String(requestsToday),
        [t('group')]: group ?? '',
        [t('reason')]: reason ?? '',
      })),
    );
  return 0;
}

export async function countAccounts({ json }: { readonly json?: boolean }): Promise<number> {
  const accounts = await withProxy(stored);
  const counts = accounts.map(({ id, plan, state, requestsToday, inputTokensToday, outputTokensToday }) => ({
    id,
    plan,
    state,
    requestsToday,
    inputTokensToday,
    outputTokensToday,
  }));
  if (json) printJson(counts);
  else
    printTable(
      counts.map((row) => ({
        id: row.id,
        [t('requests today')]: String(row.requestsToday),
        [t('input tokens')]: String(row.inputTokensToday),
        [t('output tokens')]: String(row.outputTokensToday),
      })),
    );
  return 0;
}

/** Stores an account; where the plan is not named, the doctor looks for it first. */
export async function addAccount({
  plan,
  yes,
  billed,
  ...options
}: Omit<AddAccountInput, 'key' | 'plan'> & { readonly plan?: string } & SearchOptions): Promise<number> {
  const key = plan === 'demo' ? undefined : await readKey(processTerminal);
  return withProxy(async (proxy) => {
    const consent = { ...(yes !== undefined && { yes }), ...(billed !== undefined && { billed }) };
    const found = plan === undefined ? await findPlan(proxy, key ?? '', { ...options, ...consent }) : undefined;
    if (plan === undefined && found === undefined) return 1;
    const { baseUrl, ...rest } = options;
    // A base URL that names a fixed plan has done its work; such a plan takes none.
    const keepsUrl = baseUrl !== undefined && (found === undefined || ['custom', 'workspace'].includes(found.plan));
    const { account, verdict, terms } = await asUsage(() =>
      proxy.addAccount({
        ...rest,
        ...(keepsUrl && { baseUrl }),
        plan: plan ?? found?.plan ?? '',
        ...(key !== undefined && { key }),
        // The search was the probe.
        probe: options.probe && found === undefined,
      }),
    );
    processTerminal.out(`${t('added {0} ({1})', account.id, account.planLabel)}\n`);
    // The verdict is advice: the account is stored whatever it says.
    if (verdict) processTerminal.say(`${withFix(verdict)}\n`);
    if (terms !== undefined) processTerminal.say(`${terms}\n`);
    return 0;
  });
}

async function findPlan(proxy: HostedProxy, key: string, options: SearchOptions): Promise<PlanFinding | undefined> {
  const { found, isUnasked } = await searchPlan(proxy, { key, ...options }, processTerminal);
  if (isUnasked) throw new UsageError(t('Name the plan with --plan, or say --yes to have these hosts asked.'));
  if (found === undefined) processTerminal.say(`${t('No plan took the key; nothing was stored.')}\n`);
  return found;
}

export async function testAccount(id: string, { billed }: { readonly billed?: boolean } = {}): Promise<number> {
  return withProxy(async (proxy) => {
    const verdict = await asUsage(() => proxy.testAccount(id, { billed: billed === true }));
    const line = `${withFix(verdict)}${verdict.needsBilledTest ? ' (--billed)' : ''}\n`;
    (verdict.ok ? process.stdout : process.stderr).write(line);
    return verdict.ok ? 0 : 1;
  });
}

/** `accounts group ID [NAME]`: which accounts share their limits. */
export async function groupAccount(id: string, name: string | undefined): Promise<number> {
  return withProxy(async (proxy) => {
    await asUsage(() => (name === undefined ? proxy.setAccountGroup(id) : proxy.setAccountGroup(id, name)));
    processTerminal.out(`${name === undefined ? t('ungrouped {0}', id) : t('grouped {0}', id)}\n`);
    return 0;
  });
}

/** One change of one account, with the text that says it is done. */
export function changeAccount(
  done: (id: string) => string,
  change: (proxy: HostedProxy, id: string) => Promise<void>,
): (id: string) => Promise<number> {
  return (id) =>
    withProxy(async (proxy) => {
      await asUsage(() => change(proxy, id));
      process.stdout.write(`${done(id)}\n`);
      return 0;
    });
}

/** `accounts limit ID [--window W --requests N --tokens N]`: a limit of the user's own; without one, the plan's again. */
export async function limitAccount(id: string, options: Partial<AccountLimit>): Promise<number> {
  const { window = 'day', requests, tokens } = options;
  const isSet = requests !== undefined || tokens !== undefined;
  const limit = { window, ...(requests !== undefined && { requests }), ...(tokens !== undefined && { tokens }) };
  return withProxy(async (proxy) => {
    await asUsage(() => (isSet ? proxy.setAccountLimit(id, limit) : proxy.setAccountLimit(id)));
    processTerminal.out(`${isSet ? t('limited {0}', id) : t('unlimited {0}', id)}\n`);
    return 0;
  });
}

/** `accounts billing-day ID [DAY]`: when the plan's month begins anew; without a day, on the day the account was added. */
export async function setBillingDay(id: string, day: number | undefined): Promise<number> {
  return withProxy(async (proxy) => {
    await asUsage(() => (day === undefined ? proxy.setAccountBillingDay(id) : proxy.setAccountBillingDay(id, day)));
    processTerminal.out(
      `${day === undefined ? t('billing day of {0}: the day it was added', id) : t('billing day of {0}: {1}', id, day)}
`,
    );
    return 0;
  });
}
