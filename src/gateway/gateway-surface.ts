import type { UsageBucket } from '../core/activity.ts';
import type { NamedClientKey } from '../core/client-key.ts';
import type { Clock } from '../core/contracts.ts';
import type { ProxySnapshot } from '../core/control.ts';
import { createEmitter } from '../core/emitter.ts';
import { type GatewayState, gatewayProtocol } from '../core/gateway-protocol.ts';
import type { Team } from '../core/team.ts';
import type { GatewaySurface } from '../server/gateway-routes.ts';
import type { GatewayViewer } from '../server/gateway-viewer.ts';
import type { Activity } from './activity.ts';
import type { UsageParts } from './usage-parts.ts';

export interface GatewaySurfaceOptions {
  readonly clock: Clock;
  readonly snapshot: () => ProxySnapshot;
  readonly team: Pick<Team, 'status'> | undefined;
  readonly activity: Pick<Activity, 'feed' | 'control' | 'onDidChangeRequests'>;
  readonly usage: Pick<UsageParts, 'ledger' | 'tokensOfKey'>;
}

/** The surface, and how it is told what to tell. */
export interface TeamGateway {
  readonly surface: GatewaySurface;
  changed(): void;
}

/** A cooldown that ends is told by no change. */
const seenMs = 1_000;

/** Accounts are the administrator's business: a client sees the name of its key in their place. */
const standIn = ({ key }: GatewayViewer) => key?.name ?? 'gateway';

/** What editors that follow this server see of it. */
export function createTeamGateway({ clock, snapshot, team, activity, usage }: GatewaySurfaceOptions): TeamGateway {
  const { feed, control } = activity;
  const changed = createEmitter<void>();
  let seen: { readonly snapshot: ProxySnapshot; readonly atMs: number } | undefined;
  /** One for all who look: hundreds of editors ask after each change. */
  const look = (): ProxySnapshot => {
    const nowMs = clock.now();
    if (seen === undefined || nowMs - seen.atMs >= seenMs) seen = { snapshot: snapshot(), atMs: nowMs };
    return seen.snapshot;
  };
  return {
    changed() {
      seen = undefined;
      changed.fire();
    },
    surface: {
      onDidChange: changed.event,
      onDidChangeRequests: activity.onDidChangeRequests,
      requests: feed.list,
      replica: () => team?.status().replica,
      accountModels: control.accountModels,
      state(viewer): GatewayState {
        const { version, accounts, requestsToday } = look();
        const { scope, serves, key } = viewer;
        const left = key && tokensLeft(key, usage.tokensOfKey(key.name));
        return {
          name: 'qwen-proxy',
          protocol: gatewayProtocol,
          version,
          ...(team && { replica: team.status().replica }),
          scope,
          serves,
          readiness: {
            ready: accounts.filter(({ state }) => state === 'ready').length,
            total: accounts.length,
            ...(left !== undefined && { left }),
          },
          accounts: scope === 'admin' ? accounts.map(({ linkedFile: _, ...account }) => account) : [],
          requestsToday: scope === 'admin' ? requestsToday : usage.ledger.ofKey(key?.name).requests,
          ...(key && { key: { name: key.name, limits: key.limits } }),
        };
      },
      visible(viewer, records) {
        if (viewer.scope === 'admin') return records;
        return records
          .filter(({ key }) => key === viewer.key?.name)
          .map(({ account, ...record }) => ({
            ...record,
            ...(account !== undefined && { account: standIn(viewer) }),
            attempts: [],
          }));
      },
      async usage(viewer, query) {
        if (viewer.scope === 'admin') return control.usageSummary(query);
        const counted = await control.usageSummary({ ...query, byKey: true });
        return joined(viewer, counted);
      },
    },
  };
}

/** What is left of the day's tokens, 0 to 1; `undefined` where they are not limited. */
function tokensLeft({ limits: { tokensPerDay } }: NamedClientKey, used: number): number | undefined {
  return tokensPerDay === undefined ? undefined : Math.max(0, 1 - used / tokensPerDay);
}

/** The buckets of one key, whichever accounts served it. */
function joined(viewer: GatewayViewer, buckets: readonly UsageBucket[]): readonly UsageBucket[] {
  const sums = new Map<string, UsageBucket>();
  for (const { key, account: _, ...bucket } of buckets) {
    if (key !== viewer.key?.name) continue;
    const id = JSON.stringify([bucket.startMs, bucket.model]);
    const before = sums.get(id);
    sums.set(id, {
      ...bucket,
      account: standIn(viewer),
      requests: bucket.requests + (before?.requests ?? 0),
      failed: bucket.failed + (before?.failed ?? 0),
      inputTokens: bucket.inputTokens + (before?.inputTokens ?? 0),
      outputTokens: bucket.outputTokens + (before?.outputTokens ?? 0),
      cachedTokens: bucket.cachedTokens + (before?.cachedTokens ?? 0),
    });
  }
  return [...sums.values()];
}
