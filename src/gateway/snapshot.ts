import type { Account } from '../accounts/account.ts';
import type { Standing } from '../accounts/health.ts';
import type { AccountSummary, ProxySnapshot } from '../core/control.ts';
import type { ProxySettings } from '../core/settings.ts';
import { plan } from '../upstream/plans.ts';
import type { DayCount } from '../usage/ledger.ts';
import type { HttpService } from './http-service.ts';

/** An account as hosts may see it: everything but its credential. */
export function summariseAccount(account: Account, standing: Standing, today: DayCount): AccountSummary {
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
    requestsToday: today.requests,
    inputTokensToday: today.inputTokens,
    outputTokensToday: today.outputTokens,
    createdAtMs,
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
