import type { Account } from '../accounts/account.ts';
import type { Health, Standing } from '../accounts/health.ts';
import type { Pool } from '../accounts/pool.ts';
import type { QuotaUse } from '../accounts/quota.ts';
import type { AccountSummary, ProxySnapshot } from '../core/control.ts';
import type { ProxySettings } from '../core/settings.ts';
import { plan } from '../upstream/plans.ts';
import type { DayCount } from '../usage/ledger.ts';
import type { HttpService } from './http-service.ts';
import type { UsageParts } from './usage-parts.ts';

/** What is known about an account beside its stored entry. */
interface AccountFacts {
  readonly standing: Standing;
  readonly obstacles: Health;
  readonly windows: readonly QuotaUse[];
  readonly today: DayCount;
  readonly lastError: AccountSummary['lastError'];
}

/** Gathers the facts of an account wherever they are. */
export function createSummariser({
  pool,
  usage,
  lastError,
}: {
  readonly pool: Pick<Pool, 'standing' | 'obstacles'>;
  readonly usage: Pick<UsageParts, 'quotas' | 'today'>;
  readonly lastError: (id: string) => AccountSummary['lastError'];
}): (account: Account) => AccountSummary {
  return (account) =>
    summariseAccount(account, {
      standing: pool.standing(account),
      obstacles: pool.obstacles(account),
      windows: usage.quotas.windows(account),
      today: usage.today(account.id),
      lastError: lastError(account.id),
    });
}

/** An account as hosts may see it: everything but its credential. */
function summariseAccount(
  account: Account,
  { standing, obstacles, windows, today, lastError }: AccountFacts,
): AccountSummary {
  const { id, label, kind, enabled, createdAtMs } = account;
  const { state, reason, fix, untilMs } = standing;
  return {
    id,
    label,
    kind,
    plan: account.plan,
    planLabel: plan(account.plan)?.label ?? account.plan,
    enabled,
    state,
    ...(reason !== undefined && { reason }),
    ...(fix !== undefined && { fix }),
    ...(untilMs !== undefined && { untilMs }),
    ...(lastError && { lastError }),
    obstacles: obstacles.flatMap((entry) =>
      entry.model === undefined
        ? []
        : [{ model: entry.model, reason: entry.reason, ...(entry.untilMs !== null && { untilMs: entry.untilMs }) }],
    ),
    windows: windows.map(({ name, used, startsMs: _startsMs, ...rest }) => ({
      name,
      usedRequests: used.requests,
      usedTokens: used.tokens,
      ...rest,
    })),
    requestsToday: today.requests,
    inputTokensToday: today.inputTokens,
    outputTokensToday: today.outputTokens,
    createdAtMs,
    ...(account.group !== undefined && { group: account.group }),
    ...(account.billingDay !== undefined && { billingDay: account.billingDay }),
    ...(account.kind === 'oauth-device' && account.linkedFile !== undefined && { linkedFile: account.linkedFile }),
  };
}

/** The accounts' part of a snapshot. */
export function countAccounts(accounts: readonly AccountSummary[]): Pick<ProxySnapshot, 'accounts' | 'requestsToday'> {
  return { accounts, requestsToday: accounts.reduce((sum, account) => sum + account.requestsToday, 0) };
}

/** The server's part of a snapshot. */
export function describeService(
  { state, port, problem }: Pick<HttpService, 'state' | 'port' | 'problem'>,
  settings: Pick<ProxySettings, 'host' | 'port'>,
): Pick<ProxySnapshot, 'state' | 'host' | 'port' | 'url' | 'problem'> {
  const { host } = settings;
  // A server on all addresses is reached by this machine's clients on loopback.
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const authority = reachable.includes(':') && !reachable.startsWith('[') ? `[${reachable}]` : reachable;
  return {
    state,
    host,
    port: port ?? settings.port,
    ...(port !== undefined && { url: `http://${authority}:${port}` }),
    ...(problem && { problem }),
  };
}
