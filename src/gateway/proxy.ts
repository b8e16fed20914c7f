import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Account } from '../accounts/account.ts';
import { createPool } from '../accounts/pool.ts';
import { createSignIns } from '../accounts/sign-in.ts';
import { createAccountStore } from '../accounts/store.ts';
import { systemClock } from '../core/clock.ts';
import type { Clock, Logger, SecretStore } from '../core/contracts.ts';
import type { ProxySnapshot } from '../core/control.ts';
import { isLoopbackHost, type ProxySettings } from '../core/settings.ts';
import type { WindowCall } from '../core/window-protocol.ts';
import type { HostedProxy } from '../core/worker-protocol.ts';
import { openAiChat } from '../dialects/openai-chat/index.ts';
import { createApp } from '../server/app.ts';
import { createWindowOwner, type WindowOwner } from '../server/window-owner.ts';
import { createTransport, type Transport } from '../upstream/transport.ts';
import { createLedger } from '../usage/ledger.ts';
import { createAccountControl } from './account-control.ts';
import { createAccountKinds } from './account-kinds.ts';
import { readControlSecret } from './control-secret.ts';
import { createGateway } from './gateway.ts';
import { createHandedOverSecrets } from './handed-over-secrets.ts';
import { readHealth } from './health-file.ts';
import { createHealthKeeper } from './health-keeper.ts';
import { createHttpService, readLocalKey } from './http-service.ts';
import { createLanes } from './lanes.ts';
import { createModelDirectory } from './models.ts';
import { createProbe } from './probe.ts';
import { servedAccounts } from './served-accounts.ts';
import { createSharedProxy, createWindowCalls, type LocalProxy } from './shared-proxy.ts';
import { countAccounts, describeService, summariseAccount } from './snapshot.ts';
import { createStateFiles } from './state-files.ts';

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
}

/** A window that yields to a newer one lets open answers run this long. */
const yieldDrainMs = 10_000;

/** A proxy for its host: headless it serves alone, in the editor the windows of an install share one. */
export function createHostedProxy(options: ProxyOptions): HostedProxy {
  if (options.mode === 'headless') return createLocalProxy(options);
  let shared: HostedProxy | undefined;
  let local: LocalProxy | undefined;
  const transport = options.transport ?? createTransport({ environment: options.environment ?? {} });
  const yieldPort = async () => {
    local?.windows()?.broadcast({ type: 'yielding' });
    await local?.stop({ drainMs: yieldDrainMs });
    await shared?.start();
  };
  local = createLocalProxy({ ...options, transport, windowCalls: createWindowCalls(() => shared, yieldPort) });
  shared = createSharedProxy(local, {
    ...options,
    transport,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  });
  return shared;
}

/** The composition root: the one list of dialects and account kinds, and who is given what. */
function createLocalProxy(
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
  const ledger = createLedger({ directory: join(options.stateDirectory, 'usage'), clock, logger });
  const { kinds, oauth } = createAccountKinds({ settings: () => settings, store, clock, transport, userAgent });

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
  const probe = createProbe({
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
      hasReady: (asked) => pool.hasReady(asked),
    },
    ledger,
    clock,
    logger,
    open: createLanes({ kinds, transport, clock, userAgent, idleMs: options.idleMs ?? 300_000 }),
    random: options.random ?? Math.random,
    pingMs: options.pingMs ?? 10_000,
    onServed: () => changed(),
  });

  const summarise = (account: Account) => summariseAccount(account, pool.standing(account), ledger.today(account.id));
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

  /** Every entry of the store, for followers. */
  const allSecrets = async (): Promise<Record<string, string>> => {
    const entries = await Promise.all(
      (await secrets.keys()).map(async (key) => [key, await secrets.get(key)] as const),
    );
    return Object.fromEntries(entries.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
  };
  let windows: WindowOwner | undefined;
  const openWindows = async (call: (call: WindowCall) => Promise<unknown>) =>
    createWindowOwner({
      controlSecret: await readControlSecret(options.stateDirectory),
      port: () => http.port ?? settings.port,
      identity: { version, mode: options.mode },
      firstEvents: async () => [
        { type: 'secrets', secrets: await allSecrets() },
        { type: 'snapshot', snapshot: snapshot() },
      ],
      call,
    });
  const handOut = async () => windows?.broadcast({ type: 'secrets', secrets: await allSecrets() });

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
    probe,
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
      modelFor: (account, asked) => models.modelFor(account, asked),
      health,
      onChange: () => {
        keptHealth.save(pool.health);
        changed();
      },
    });
  }

  const adoptKeys = async () => {
    clientKeys = typeof settings.apiKeys === 'string' ? [await readLocalKey(secrets)] : settings.apiKeys;
  };
  const opened = (async () => {
    await Promise.all([store.reload(), ledger.reload()]);
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
    clearAccount: whenOpen(control.clearAccount),
    testAccount: whenOpen(control.testAccount),
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
      await Promise.all([store.reload(), ledger.reload()]);
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
