import type { AccountSummary, AddAccountInput } from '../core/control.ts';
import type { HostedProxy } from '../core/worker-protocol.ts';
import { UsageError } from './environment.ts';
import { withProxy } from './host.ts';

/** Accounts of this home; the demo account that stands in for none is not one of them. */
async function stored(proxy: HostedProxy): Promise<readonly AccountSummary[]> {
  const { accounts } = await proxy.snapshot();
  return accounts.filter((account) => account.createdAtMs > 0);
}

function printTable(rows: readonly Readonly<Record<string, string>>[]): void {
  const [first] = rows;
  if (first === undefined) return;
  const columns = Object.keys(first);
  const width = (column: string) => Math.max(column.length, ...rows.map((row) => row[column]?.length ?? 0));
  const line = (cells: readonly string[]) =>
    `${columns
      .map((column, index) => (cells[index] ?? '').padEnd(width(column)))
      .join('  ')
      .trimEnd()}\n`;
  process.stdout.write(line(columns.map((column) => column.toUpperCase())));
  for (const row of rows) process.stdout.write(line(columns.map((column) => row[column] ?? '')));
}

const printJson = (value: unknown) => process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
const until = (untilMs: number | undefined) => (untilMs === undefined ? '' : new Date(untilMs).toISOString());

export async function listAccounts({ json }: { readonly json?: boolean }): Promise<number> {
  const accounts = await withProxy(stored);
  if (json) printJson(accounts);
  else if (accounts.length === 0)
    process.stderr.write('No account yet. Add one with: qwen-openai-proxy accounts add --id ID --plan PLAN\n');
  else
    printTable(
      accounts.map(({ id, planLabel, state, reason, untilMs, requestsToday }) => ({
        id,
        plan: planLabel,
        state,
        until: until(untilMs),
        today: String(requestsToday),
        reason: reason ?? '',
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
        'requests today': String(row.requestsToday),
        'input tokens': String(row.inputTokensToday),
        'output tokens': String(row.outputTokensToday),
      })),
    );
  return 0;
}

async function readKey(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Paste the API key and press Enter, then Ctrl+D:\n');
  let text = '';
  process.stdin.setEncoding('utf8');
  for await (const part of process.stdin) text += part;
  return text.trim();
}

export async function addAccount(options: Omit<AddAccountInput, 'key'>): Promise<number> {
  const key = options.plan === 'demo' ? undefined : await readKey();
  return withProxy(async (proxy) => {
    const { account, verdict } = await asUsage(() =>
      proxy.addAccount({ ...options, ...(key !== undefined && { key }) }),
    );
    process.stdout.write(`added ${account.id} (${account.planLabel})\n`);
    // The verdict is advice: the account is stored whatever it says.
    if (verdict) process.stderr.write(`${verdict.message}${verdict.fix === undefined ? '' : ` ${verdict.fix}`}\n`);
    const { terms } = (await proxy.plans()).find(({ name }) => name === account.plan) ?? {};
    if (terms !== undefined) process.stderr.write(`${terms}\n`);
    return 0;
  });
}

export async function testAccount(id: string): Promise<number> {
  return withProxy(async (proxy) => {
    const verdict = await asUsage(() => proxy.testAccount(id));
    const line = `${verdict.message}${verdict.fix === undefined ? '' : ` ${verdict.fix}`}\n`;
    (verdict.ok ? process.stdout : process.stderr).write(line);
    return verdict.ok ? 0 : 1;
  });
}

/** One change of one account, with the word that says it is done. */
export function changeAccount(
  done: string,
  change: (proxy: HostedProxy, id: string) => Promise<void>,
): (id: string) => Promise<number> {
  return (id) =>
    withProxy(async (proxy) => {
      await asUsage(() => change(proxy, id));
      process.stdout.write(`${done} ${id}\n`);
      return 0;
    });
}

/** What the control surface rejects is a mistake of the caller. */
async function asUsage<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && error.name === 'InputError') throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
