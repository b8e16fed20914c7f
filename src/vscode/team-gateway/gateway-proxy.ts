import type { RequestRecord, UsageBucket, UsageQuery } from '../../core/activity.ts';
import type { Clock } from '../../core/contracts.ts';
import type { ProxySnapshot } from '../../core/control.ts';
import type { GatewayState } from '../../core/gateway-protocol.ts';
import { gatewayPaths } from '../../core/gateway-protocol.ts';
import type { HostedProxy } from '../../core/worker-protocol.ts';
import { type GatewayKeys, readGatewayKeys } from '../gateway-keys.ts';
import { type GatewayUrlFault, parseGatewayUrl } from '../gateway-url.ts';
import type { HostedProxyOptions } from '../server-connection.ts';
import { followGateway } from './follow-gateway.ts';
import { GatewayFault, type GatewayPlace, readGateway } from './gateway-request.ts';

export interface GatewayProxyOptions extends HostedProxyOptions {
  /** As the settings say it. */
  readonly gateway: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** Refuses what is the gateway's own business. */
  readonly refusal: string;
}

const answerTimeoutMs = 20_000;
const keptRequests = 200;
/** As many servers as a team has; where connections are balanced, not requests, none of the tries may reach the right one. */
const replicaTries = 8;

const urlFaults: Readonly<Record<GatewayUrlFault, string>> = {
  'no-url': 'it must be an https URL',
  'not-plain': 'it must have no user, query or fragment',
  'not-secure': 'http would send the key in clear; use https, or http to this machine',
};

/** A team gateway in the place of a server of our own: the same calls, but for those that administer. */
export function createGatewayProxy(options: GatewayProxyOptions): HostedProxy {
  const { version, secrets, clock, random } = options;
  const address = parseGatewayUrl(options.gateway);
  const url = typeof address === 'string' ? '' : address.url;
  const records = new Map<string, RequestRecord>();
  let isWatched = false;
  let following: { readonly end: AbortController; readonly retryNow: () => void } | undefined;
  let known: GatewayState | undefined;
  let status: Pick<ProxySnapshot, 'state' | 'problem'> = { state: 'stopped' };
  /** Asked for by every request of the chat: read once, until there may be others. */
  let keys: GatewayKeys | undefined;
  /** Resolves with the next word on how it stands. */
  let next = Promise.withResolvers<void>();

  const place = async (): Promise<GatewayPlace> => {
    if (typeof address === 'string')
      throw new GatewayFault('gateway_url', `The gateway's address cannot be used: ${urlFaults[address]}.`);
    keys ??= await readGatewayKeys(secrets, address.origin);
    if (keys === undefined)
      throw new GatewayFault('gateway_key_missing', `No key for ${address.origin} was given here yet.`);
    return { url, keys, userAgent: `QwenProxy/${version}` };
  };
  const snapshot = (): ProxySnapshot => {
    const { hostname, port, protocol } = new URL(url === '' ? 'https://invalid' : url);
    return {
      ...status,
      version,
      host: hostname,
      port: Number(port) || (protocol === 'https:' ? 443 : 80),
      ...(status.state === 'following' && { url }),
      accounts: known?.accounts ?? [],
      requestsToday: known?.requestsToday ?? 0,
      gateway: {
        url,
        ...(known && { version: known.version, scope: known.scope, readiness: known.readiness }),
        ...(known?.replica !== undefined && { replica: known.replica }),
      },
    };
  };
  const become = (now: typeof status) => {
    status = now;
    options.onSnapshot(snapshot());
    if (now.state === 'starting') return;
    next.resolve();
    next = Promise.withResolvers();
  };
  const begin = () => {
    const end = new AbortController();
    const { retryNow } = followGateway(
      {
        ...{ place, clock, random },
        onState(state) {
          if (known === undefined || status.state !== 'following')
            options.logger.info('The team gateway is followed.', { version: state.version, scope: state.scope });
          known = state;
          become({ state: 'following' });
        },
        onRequests(told) {
          for (const record of told) {
            records.delete(record.id);
            records.set(record.id, record);
          }
          for (const id of records.keys()) {
            if (records.size <= keptRequests) break;
            records.delete(id);
          }
          if (isWatched) options.onRequests(told);
        },
        onFault({ code, message }) {
          keys = undefined;
          if (status.problem?.message !== message) options.logger.warn(message);
          become({ state: 'error', problem: { code, message } });
        },
      },
      end.signal,
    );
    following = { end, retryNow };
  };
  const stop = () => {
    following?.end.abort();
    following = undefined;
  };
  const refuse = async () => {
    throw new Error(options.refusal);
  };
  /** Asks the server whose requests are told, so that both fit together; a load balancer gives the others a try first. */
  const readOfReplica = async (path: string) => {
    for (let tries = replicaTries; tries > 0 && known?.replica !== undefined; tries--) {
      try {
        return await read(`${path}&replica=${encodeURIComponent(known.replica)}`);
      } catch (error) {
        if (!(error instanceof GatewayFault && error.status === 421)) throw error;
      }
    }
    return read(path);
  };
  const read = async (path: string) => readGateway(await place(), path, AbortSignal.timeout(answerTimeoutMs));

  return {
    async start() {
      keys = undefined;
      const { promise } = next;
      become({ state: 'starting' });
      if (following === undefined) begin();
      else following.retryNow();
      await promise;
      return snapshot();
    },
    async stop() {
      stop();
      known = undefined;
      become({ state: 'stopped' });
      return snapshot();
    },
    snapshot: async () => snapshot(),
    async updateSettings() {
      return snapshot();
    },
    async secretsChanged() {
      keys = undefined;
      following?.retryNow();
    },
    async dispose() {
      stop();
      next.resolve();
    },
    localKey: async () => (await place()).keys.clientKey,
    async watchRequests(isOn) {
      isWatched = isOn ?? isWatched;
      return [...records.values()].sort((one, other) => one.startedMs - other.startedMs);
    },
    async usageSummary({ sinceMs, untilMs, bucket, utcOffsetMinutes }: UsageQuery) {
      const query = `since=${sinceMs}&until=${untilMs}&bucket=${bucket}&utc_offset=${utcOffsetMinutes}`;
      const { buckets } = await readOfReplica(`${gatewayPaths.usage}?${query}`);
      return Array.isArray(buckets) ? buckets.filter(isBucket) : [];
    },
    async accountModels(id) {
      const { models } = await read(`${gatewayPaths.accountModels}?account=${encodeURIComponent(id)}`);
      return Array.isArray(models) ? models.filter((model) => typeof model === 'string') : [];
    },
    inspectRequest: async () => null,
    linkableFiles: async () => [],
    plans: refuse,
    addAccount: refuse,
    removeAccount: refuse,
    setAccountEnabled: refuse,
    moveAccount: refuse,
    setAccountGroup: refuse,
    setAccountLimit: refuse,
    setAccountBillingDay: refuse,
    exportUsage: refuse,
    clearAccount: refuse,
    testAccount: refuse,
    diagnoseKey: refuse,
    findPlan: refuse,
    exportAccounts: refuse,
    importAccounts: refuse,
    importHeadlessAccounts: refuse,
    linkAccount: refuse,
    startSignIn: refuse,
    pollSignIn: refuse,
    cancelSignIn: refuse,
    setInspecting: refuse,
    rotateKey: refuse,
  };
}

const isBucket = (value: unknown): value is UsageBucket =>
  typeof value === 'object' && value !== null && 'startMs' in value && 'account' in value && 'model' in value;
