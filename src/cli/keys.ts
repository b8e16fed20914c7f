import { createHash } from 'node:crypto';
import type { ClientKeyLimits, NamedClientKey } from '../core/client-key.ts';
import { createClientKey, readKeyCounts } from '../gateway/main.ts';
import { withProxy } from './host.ts';
import { printTable } from './table.ts';
import { printJson, processTerminal } from './terminal.ts';
import { t } from './translate.ts';
import { UsageError } from './usage-error.ts';

const dayMs = 86_400_000;

/** `keys add NAME`: a key with limits of its own. It is printed once and kept nowhere. */
export async function addKey(name: string, limits: ClientKeyLimits): Promise<number> {
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name))
    throw new UsageError(t('A name has lower-case letters, digits, "-", "_" and ".", 64 at most.'));
  return withProxy(async (_proxy, { keys }) => {
    const key = createClientKey();
    const digest = createHash('sha256').update(key).digest('hex');
    const isNew = await keys.add({ name, digest, createdAtMs: Date.now(), limits });
    if (!isNew) throw new UsageError(t('There is a key named {0} already. Revoke it first.', name));
    processTerminal.out(`${key}\n`);
    processTerminal.say(`${t('This is the only time that the key is shown.')}\n`);
    return 0;
  });
}

/** `keys list`: names, limits and what they used today. */
export async function listKeys({ json }: { readonly json?: boolean }): Promise<number> {
  return withProxy(async (proxy, { keys, team }) => {
    const untilMs = Date.now();
    const sinceMs = untilMs - (untilMs % dayMs);
    const usage = await proxy.usageSummary({ sinceMs, untilMs, bucket: 'day', utcOffsetMinutes: 0, byKey: true });
    const elsewhere = await (team && readKeyCounts(team, untilMs));
    const rows = (await keys.read()).map(({ digest: _digest, ...key }) => {
      const used = [...usage.filter((bucket) => bucket.key === key.name), elsewhere?.get(key.name) ?? []].flat();
      return {
        ...key,
        requestsToday: used.reduce((sum, { requests }) => sum + requests, 0),
        tokensToday: used.reduce((sum, { inputTokens, outputTokens }) => sum + inputTokens + outputTokens, 0),
      };
    });
    if (json) printJson(rows);
    else if (rows.length === 0) processTerminal.say(`${t('No named key yet: qwen-openai-proxy keys add NAME')}\n`);
    else
      printTable(
        rows.map((row) => ({
          [t('name')]: row.name,
          [t('created')]: new Date(row.createdAtMs).toISOString().slice(0, 10),
          [t('limits')]: describeLimits(row.limits),
          [t('requests today')]: String(row.requestsToday),
          [t('tokens today')]: String(row.tokensToday),
        })),
      );
    return 0;
  });
}

/** `keys revoke NAME`: a running server refuses it within a second. */
export const revokeKey = (name: string): Promise<number> =>
  withProxy(async (_proxy, { keys }) => {
    if (!(await keys.remove(name))) throw new UsageError(t('There is no key named {0}.', name));
    processTerminal.out(`${t('revoked {0}', name)}\n`);
    return 0;
  });

function describeLimits({
  requestsPerMinute,
  tokensPerDay,
  concurrentRequests,
  models,
}: NamedClientKey['limits']): string {
  return [
    ...(requestsPerMinute === undefined ? [] : [t('{0} requests/min', requestsPerMinute)]),
    ...(tokensPerDay === undefined ? [] : [t('{0} tokens/day', tokensPerDay)]),
    ...(concurrentRequests === undefined ? [] : [t('{0} at once', concurrentRequests)]),
    ...(models === undefined ? [] : [models.join(' ')]),
  ].join(', ');
}
