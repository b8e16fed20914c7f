import type { Account } from '../accounts/account.ts';
import { createPool } from '../accounts/pool.ts';
import { createSignIns } from '../accounts/sign-in.ts';
import { createAccountStore } from '../accounts/store.ts';
import { systemClock } from '../core/clock.ts';
import type { ProxySnapshot } from '../core/control.ts';
import { isLoopbackHost } from '../core/settings.ts';
import { createWindowOwner, type WindowOwner } from '../server/window-owner.ts';
import { createTransport } from '../upstream/transport.ts';
import { exportLedgerCsv } from '../usage/csv.ts';
import { createAccountControl } from './account-control.ts';
import { createActivity } from './activity.ts';
import { createAnnouncer, createPacer } from './announcer.ts';
import { readControlSecret } from './control-secret.ts';
import { createDoctor } from './doctor.ts';
import { createGateway } from './gateway.ts';
import { createHandedOverSecrets } from './handed-over-secrets.ts';
import { readHeadlessAccounts } from './headless-home.ts';
import { readHealth } from './health-file.ts';
import { createHealthKeeper } from './health-keeper.ts';
import { readLocalKey } from './http-service.ts';
import { createProbe } from './probe.ts';
import type { ProxyOptions, SharingOptions } from './proxy-options.ts';
import { createRefreshing } from './refreshing.ts';
import { servedAccounts } from './served-accounts.ts';
import { createServing } from './serving.ts';
import type { LocalProxy } from './shared-proxy-parts.ts';
import { createShownTerms } from './shown-terms.ts';
import { countAccounts, createSummariser, describeService } from './snapshot.ts';
import { createStateFiles } from './state-files.ts';
import { createUpstreamParts } from './upstream-parts.ts';
import { createUsageParts } from './usage-parts.ts';
import { accountControlWhenOpen, createWhenOpen } from './when-open.ts';

/** The composition root: the one list of dialects and account kinds, and who is given what. */
export function createLocalProxy(options: ProxyOptions & SharingOptions): LocalProxy {
  const { logger, version, windowCalls, onUnwritten, planEndpoints, qwenDirectory } = options;
  const secrets = createHandedOverSecrets({ base: options.secrets, logger, ...(onUnwritten && { onUnwritten }) });
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  let settings = options.settings;
  let clientKeys: readonly string[] = [];

  const transport =
    options.transport ?? createTransport({ environment: options.environment ?? {}, network: settings.network });
  const state = createStateFiles(options.stateDirectory, logger);
  const keptHealth = createHealthKeeper(state);
  const store = createAccountStore(secrets, logger);
  const usage = createUsageParts({
    stateDirectory: options.stateDirectory,
    state,
    clock,
    logger,
    settings: () => settings,
    obstacles: (account) => pool.obstacles(account),
    onCounted: () => changed(),
  });
  const accounts = () =>
    servedAccounts(store, { mayDemo: options.mode === 'headless' && isLoopbackHost(settings.host) });

  const activity = createActivity({
    clock,
    directory: () => usage.directory,
    accountModels: (id) => models.listOf(id),
    onRequests: (records) => windows?.broadcast({ type: 'requests', records }),
    onWatched: (records) => options.onRequests?.(records),
    onChange: () => changed(),
  });
  const { feed, inspector } = activity;
  const standing = (account: Account) => pool.standing(account);
  const shared = { settings: () => settings, store, accounts, standing, clock, transport, inspector };
  const upstream = createUpstreamParts({ options, ...shared });
  const { kinds, oauth, linked, models, check } = upstream;
  const pool = createPool({
    clock,
    accounts,
    strategy: () => settings.accountStrategy,
    requestsToday: (id) => usage.ledger.today(id).requests,
    quotaLeft: usage.quotas.left,
    modelFor: models.modelFor,
    onChange: () => {
      keptHealth.save(pool.health);
      for (const account of accounts()) usage.quotas.learn(account);
      changed();
    },
  });
  const gateway = createGateway({
    pool,
    ledger: usage.ledger,
    clock,
    logger,
    open: upstream.open,
    countInput: upstream.countInput,
    random,
    pingMs: options.pingMs ?? 10_000,
    onTrace: activity.note,
    onServed(entry, body) {
      void usage.note(entry, body);
      changedByRequest();
    },
  });

  const summarise = createSummariser({ pool, usage, lastError: activity.lastError });
  const snapshot = (): ProxySnapshot => ({
    ...describeService(http, settings),
    version,
    ...countAccounts(accounts().map(summarise)),
    ...(inspector.isOn && { isInspecting: true }),
  });

  const changed = createAnnouncer(() => {
    if (options.onSnapshot === undefined && windows === undefined) return;
    const now = snapshot();
    options.onSnapshot?.(now);
    windows?.broadcast({ type: 'snapshot', snapshot: now });
  });

  const changedByRequest = createPacer(50, () => changed());
  let windows: WindowOwner | undefined;
  const handOut = async () => void windows?.broadcast({ type: 'secrets', secrets: await secrets.entries() });

  const http = createServing({
    options,
    settings: () => settings,
    clientKeys: () => clientKeys,
    gateway: inspector.aroundGateway(gateway),
    models: models.list,
    countTokens: upstream.countTokens,
    signIn: () => control,
    windows: () => windows,
    now: clock.now,
    onChange: changed,
  });

  const control = createAccountControl({
    store,
    signIns: createSignIns(oauth, clock),
    clock,
    linked,
    doctor: createDoctor({ check, ...(planEndpoints && { planEndpoints }) }),
    terms: createShownTerms(state),
    headlessAccounts: () => readHeadlessAccounts(options.environment ?? {}),
    ...(qwenDirectory !== undefined && { qwenDirectory }),
    probe: createProbe(check),
    summarise,
    clear: (id) => pool.clear(id),
    forget(id) {
      pool.forget(id);
      models.forget(id);
    },
  });

  let isDisposed = false;
  /** A start that an end overtook must not serve. */
  let ends = 0;
  const renew = kinds['oauth-device'].credential;
  const refreshBufferMs = () => settings.oauth.refreshBufferMs;
  const refreshing = createRefreshing({ clock, accounts, renew, refreshBufferMs, random, logger });
  const adoptKeys = async () => {
    clientKeys = typeof settings.apiKeys === 'string' ? [await readLocalKey(secrets)] : settings.apiKeys;
  };
  const opened = (async () => {
    await Promise.all([store.reload(), usage.open()]);
    pool.restore(await readHealth(state));
    store.onDidChange(() => {
      changed();
      void handOut().catch((error) => logger.warn('Other windows could not be told.', { reason: String(error) }));
    });
    if (windowCalls)
      windows = createWindowOwner({
        controlSecret: await readControlSecret(options.stateDirectory),
        port: () => http.port ?? settings.port,
        identity: { version, mode: options.mode },
        firstEvents: async () => [
          { type: 'secrets', secrets: await secrets.entries() },
          { type: 'snapshot', snapshot: snapshot() },
          { type: 'requests', records: feed.list() },
        ],
        call: windowCalls,
      });
    secrets.onDidChange(
      () =>
        void store
          .reload()
          .catch((error) => logger.warn('The accounts could not be read again.', { reason: String(error) })),
    );
  })();
  opened.catch(() => {});

  const whenOpen = createWhenOpen(opened);
  return {
    start: whenOpen(async ({ port } = {}) => {
      const endsBefore = ends;
      await adoptKeys();
      if (ends === endsBefore && !isDisposed) await http.start(port);
      refreshing.follow(http.state === 'serving');
      return snapshot();
    }),
    stop: whenOpen(async ({ drainMs } = {}) => {
      ends++;
      refreshing.stop();
      await http.stop(drainMs ?? 0);
      return snapshot();
    }),
    snapshot: whenOpen(async () => snapshot()),
    ...accountControlWhenOpen(whenOpen, control),
    ...activity.control,
    feed,
    exportUsage: whenOpen(() => exportLedgerCsv(usage.directory)),
    localKey: whenOpen(async () =>
      typeof settings.apiKeys === 'string' ? readLocalKey(secrets) : (settings.apiKeys[0] ?? ''),
    ),
    updateSettings: whenOpen(async (next) => {
      // A port that is bound already, such as a free one that the user keeps, is no move.
      const moves = next.host !== settings.host || (next.port !== settings.port && next.port !== http.port);
      settings = next;
      const endsBefore = ends;
      await adoptKeys();
      if (moves && http.state !== 'stopped' && ends === endsBefore && !isDisposed) {
        await http.stop(0);
        if (ends === endsBefore && !isDisposed) await http.start();
        refreshing.follow(http.state === 'serving');
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
      await Promise.all([store.reload(), usage.open()]);
      pool.restore(await readHealth(state));
    }),
    handOut,
    windows: () => windows,
    dispose: async () => {
      isDisposed = true;
      await opened.catch(() => {});
      windows?.close();
      refreshing.stop();
      await http.stop(0);
      await keptHealth.settled();
      await usage.ledger.close();
      await upstream.close();
    },
  };
}
