import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Account } from '../accounts/account.ts';
import { createLinkedCredentials } from '../accounts/linked-credentials.ts';
import { createPool } from '../accounts/pool.ts';
import { createSignIns } from '../accounts/sign-in.ts';
import { createAccountStore } from '../accounts/store.ts';
import { systemClock } from '../core/clock.ts';
import type { Clock, Logger, SecretStore } from '../core/contracts.ts';
import type { ProxySnapshot } from '../core/control.ts';
import { isLoopbackHost, type ProxySettings } from '../core/settings.ts';
import type { Endpoints } from '../core/upstream.ts';
import type { WindowCall } from '../core/window-protocol.ts';
import { openAiChat } from '../dialects/openai-chat/index.ts';
import { createApp } from '../server/app.ts';
import { createWindowOwner, type WindowOwner } from '../server/window-owner.ts';
import type { Plan } from '../upstream/plans.ts';
import { createTransport, type Transport } from '../upstream/transport.ts';
import { createLedger } from '../usage/ledger.ts';
import { createRequestLog } from '../usage/request-log.ts';
import { createAccountControl } from './account-control.ts';
import { createAccountKinds } from './account-kinds.ts';
import { readControlSecret } from './control-secret.ts';
import { createDoctor } from './doctor.ts';
import { createGateway } from './gateway.ts';
import { createHandedOverSecrets } from './handed-over-secrets.ts';
import { readHealth } from './health-file.ts';
import { createHealthKeeper } from './health-keeper.ts';
import { createHttpService, readLocalKey } from './http-service.ts';
import { createLanes } from './lanes.ts';
import { createMetering } from './metering.ts';
import { createModelDirectory } from './models.ts';
import { createProbe } from './probe.ts';
import { createQuotas } from './quotas.ts';
import { servedAccounts } from './served-accounts.ts';
import type { LocalProxy } from './shared-proxy.ts';
import { createShownTerms } from './shown-terms.ts';
import { countAccounts, describeService, summariseAccount } from './snapshot.ts';
import { createStateFiles, writePrivateFile } from './state-files.ts';
import { createUpstreamCheck } from './upstream-check.ts';

export interface ProxyOptions {
  readonly settings: ProxySettings;
  /** Folder of ledger, health and logs; made with 0700. */
  readonly stateDirectory: string;
  readonly version: string;
  readonly mode: 'editor' | 'headless';
  readonly secrets: SecretStore;
  readonly logger: Logger;
  readonly onSnapshot?: (snapshot: ProxySnapshot) => void;
  /** Environment of the process, for its proxy variables. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
  readonly transport?: Transport;
  readonly random?: () => number;
  /** Waiting streams are pinged this often; upstreams silent for `idleMs` count as stalled. */
  readonly pingMs?: number;
  readonly idleMs?: number;
  readonly bodyLimitBytes?: number;
  readonly concurrencyLimit?: number;
  /** Sends the requests of a plan elsewhere; tests stand their own upstream in for Qwen's hosts. */
  readonly planEndpoints?: (plan: Plan) => Endpoints | undefined;
  /** Where qwen-code keeps its files; `~/.qwen` unless told. */
  readonly qwenDirectory?: string;
}

/** The composition root: the one list of dialects and account kinds, and who is given what. */
export function createLocalProxy(
  options: ProxyOptions & { readonly windowCalls?: (call: WindowCall) => Promise<unknown> },
): LocalProxy {
  const { logger, version, windowCalls } = options;
  const secrets = createHandedOverSecrets(options.secrets, logger);
  const clock = options.clock ?? systemClock;
  const userAgent = `QwenProxy/${version}`;
  let settings = options.settings;
  let clientKeys: readonly string[] = [];

  const transport = options.transport ?? createTransport({ environment: options.environment ?? {} });
  const state = createStateFiles(options.stateDirectory, logger);
  const keptHealth = createHealthKeeper(state);
  const store = createAccountStore(secrets, logger);
  const usageDirectory = join(options.stateDirectory, 'usage');
  const ledger = createLedger({ directory: usageDirectory, clock, logger });
  const metering = createMetering({ directory: usageDirectory, clock, logger });
  const quotas = createQuotas({
    clock,
    state,
    history: metering.history,
    health: (account) => pool.obstacles(account),
  });
  const requestLog = createRequestLog({
    directory: join(options.stateDirectory, 'logs'),
    isOn: () => settings.debugLog,
    fileLimit: () => settings.logFileLimit,
    writeFile: writePrivateFile,
    logger,
  });
  const linked = createLinkedCredentials(clock);
  const { planEndpoints, qwenDirectory } = options;
  const { kinds, oauth } = createAccountKinds({
    settings: () => settings,
    store,
    clock,
    transport,
    userAgent,
    linked,
    ...(planEndpoints && { planEndpoints }),
  });

  const accounts = () =>
    servedAccounts(store, { mayDemo: options.mode === 'headless' && isLoopbackHost(settings.host) });

  let pool = createPoolWith(new Map());
  const models = createModelDirectory({
    kinds,
    transport,
    clock,
    logger,
    userAgent,
    defaultModel: () => settings.defaultModel,
    accounts,
  });
  const check = createUpstreamCheck({
    kinds,
    transport,
    clock,
    userAgent,
    modelFor: (account) => models.modelFor(account, undefined),
  });
  const gateway = createGateway({
    pool: {
      acquire: (asked) => pool.acquire(asked),
      report: (lease, outcome) => pool.report(lease, outcome),
      committed: (lease) => pool.committed(lease),
      hasReady: (asked) => pool.hasReady(asked),
    },
    ledger,
    clock,
    logger,
    open: createLanes({ kinds, transport, clock, userAgent, idleMs: options.idleMs ?? 300_000 }),
    random: options.random ?? Math.random,
    pingMs: options.pingMs ?? 10_000,
    onServed(entry, body) {
      metering.add(entry);
      void requestLog.write(entry, body);
      changed();
    },
  });

  const summarise = (account: Account) =>
    summariseAccount(account, {
      standing: pool.standing(account),
      obstacles: pool.obstacles(account),
      windows: quotas.windows(account),
      today: ledger.today(account.id),
    });
  const snapshot = (): ProxySnapshot => ({
    ...describeService(http, settings),
    version,
    ...countAccounts(accounts().map(summarise)),
  });

  let isAnnouncing = false;
  /** Many changes of one moment become one snapshot. */
  const changed = () => {
    if (isAnnouncing) return;
    isAnnouncing = true;
    setImmediate(() => {
      isAnnouncing = false;
      options.onSnapshot?.(snapshot());
      windows?.broadcast({ type: 'snapshot', snapshot: snapshot() });
    });
  };

  let windows: WindowOwner | undefined;
  const openWindows = async (call: (call: WindowCall) => Promise<unknown>) =>
    createWindowOwner({
      controlSecret: await readControlSecret(options.stateDirectory),
      port: () => http.port ?? settings.port,
      identity: { version, mode: options.mode },
      firstEvents: async () => [
        { type: 'secrets', secrets: await secrets.entries() },
        { type: 'snapshot', snapshot: snapshot() },
      ],
      call,
    });
  const handOut = async () => windows?.broadcast({ type: 'secrets', secrets: await secrets.entries() });

  let openRequests = 0;
  const http = createHttpService({
    address: () => settings,
    openRequests: () => openRequests,
    logger,
    onChange: changed,
    createListener: (stopping) =>
      createApp({
        policy: () => ({
          // An address, unlike a name, cannot be made to point here by a foreign name server.
          allowedHosts: isOneAddress(settings.host) ? [settings.host, ...settings.allowedHosts] : settings.allowedHosts,
          corsOrigins: settings.corsOrigins,
          clientKeys: settings.apiKeys === 'off' ? 'off' : clientKeys,
          adminKey: settings.adminKey,
          isLoopback: isLoopbackHost(settings.host),
        }),
        settings: () => settings,
        dialects: [openAiChat],
        errors: openAiChat,
        gateway,
        models: models.list,
        signIn: control,
        now: clock.now,
        health: () => ({ status: 'ok', name: 'qwen-proxy', version, mode: options.mode, pid: process.pid }),
        stopping,
        logger,
        windows: () => windows,
        onOpenRequests: (count) => {
          openRequests = count;
        },
        ...(options.bodyLimitBytes !== undefined && { bodyLimitBytes: options.bodyLimitBytes }),
        ...(options.concurrencyLimit !== undefined && { concurrencyLimit: options.concurrencyLimit }),
      }),
  });

  const control = createAccountControl({
    store,
    signIns: createSignIns(oauth, clock),
    clock,
    linked,
    doctor: createDoctor({ check, ...(planEndpoints && { planEndpoints }) }),
    terms: createShownTerms(state),
    ...(qwenDirectory !== undefined && { qwenDirectory }),
    probe: createProbe(check),
    summarise,
    clear: (id) => pool.clear(id),
    forget(id) {
      pool.forget(id);
      models.forget(id);
    },
  });

  function createPoolWith(health: Parameters<typeof createPool>[0]['health'] & {}) {
    return createPool({
      clock,
      accounts,
      strategy: () => settings.accountStrategy,
      requestsToday: (id) => ledger.today(id).requests,
      quotaLeft: quotas.left,
      modelFor: (account, asked) => models.modelFor(account, asked),
      health,
      onChange: () => {
        keptHealth.save(pool.health);
        for (const account of accounts()) quotas.learn(account);
        changed();
      },
    });
  }

  const adoptKeys = async () => {
    clientKeys = typeof settings.apiKeys === 'string' ? [await readLocalKey(secrets)] : settings.apiKeys;
  };
  const opened = (async () => {
    await Promise.all([store.reload(), ledger.reload(), quotas.open()]);
    void metering.load().then(changed);
    pool = createPoolWith(await readHealth(state));
    store.onDidChange(() => {
      changed();
      void handOut().catch((error) => logger.warn('Other windows could not be told.', { reason: String(error) }));
    });
    if (windowCalls) windows = await openWindows(windowCalls);
    secrets.onDidChange(
      () =>
        void store
          .reload()
          .catch((error) => logger.warn('The accounts could not be read again.', { reason: String(error) })),
    );
  })();
  opened.catch(() => {});

  const whenOpen =
    <Arguments extends unknown[], Result>(work: (...args: Arguments) => Promise<Result>) =>
    async (...args: Arguments): Promise<Result> => {
      await opened;
      return await work(...args);
    };

  return {
    start: whenOpen(async ({ port } = {}) => {
      await adoptKeys();
      await http.start(port);
      return snapshot();
    }),
    stop: whenOpen(async ({ drainMs } = {}) => {
      await http.stop(drainMs ?? 0);
      return snapshot();
    }),
    snapshot: whenOpen(async () => snapshot()),
    plans: whenOpen(control.plans),
    addAccount: whenOpen(control.addAccount),
    removeAccount: whenOpen(control.removeAccount),
    setAccountEnabled: whenOpen(control.setAccountEnabled),
    moveAccount: whenOpen(control.moveAccount),
    setAccountGroup: whenOpen(control.setAccountGroup),
    clearAccount: whenOpen(control.clearAccount),
    testAccount: whenOpen(control.testAccount),
    diagnoseKey: whenOpen(control.diagnoseKey),
    findPlan: whenOpen(control.findPlan),
    exportAccounts: whenOpen(control.exportAccounts),
    importAccounts: whenOpen(control.importAccounts),
    linkableFiles: whenOpen(control.linkableFiles),
    linkAccount: whenOpen(control.linkAccount),
    startSignIn: whenOpen(control.startSignIn),
    pollSignIn: whenOpen(control.pollSignIn),
    cancelSignIn: whenOpen(control.cancelSignIn),
    localKey: whenOpen(async () =>
      typeof settings.apiKeys === 'string' ? readLocalKey(secrets) : (settings.apiKeys[0] ?? ''),
    ),
    updateSettings: whenOpen(async (next) => {
      const moves = next.host !== settings.host || next.port !== settings.port;
      settings = next;
      await adoptKeys();
      if (moves && http.state !== 'stopped') {
        await http.stop(0);
        await http.start();
      }
      changed();
      return snapshot();
    }),
    secretsChanged: whenOpen(async () => {
      secrets.refresh();
      await store.reload();
    }),
    adoptSecrets: whenOpen(async (entries: Readonly<Record<string, string>>) => {
      await secrets.adopt(entries);
      await Promise.all([store.reload(), ledger.reload(), quotas.open()]);
      void metering.load().then(changed);
      pool = createPoolWith(await readHealth(state));
    }),
    windows: () => windows,
    dispose: async () => {
      await opened.catch(() => {});
      windows?.close();
      await http.stop(0);
      await keptHealth.settled();
      await ledger.close();
      await transport.close();
    },
  };
}

const isOneAddress = (host: string) => isIP(host) !== 0 && host !== '0.0.0.0' && host !== '::';
