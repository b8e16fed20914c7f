import type { Account } from '../accounts/account.ts';
import { createPool } from '../accounts/pool.ts';
import { createSignIns } from '../accounts/sign-in.ts';
import { createAccountStore } from '../accounts/store.ts';
import { systemClock } from '../core/clock.ts';
import type { ProxySnapshot } from '../core/control.ts';
import { isLoopbackHost } from '../core/loopback-host.ts';
import type { WindowOwner } from '../server/window-owner.ts';
import { createTransport } from '../upstream/transport.ts';
import { exportLedgerCsv } from '../usage/csv.ts';
import { createAccountControl } from './account-control.ts';
import { createAnnouncer, createPacer } from './announcer.ts';
import { createClientKeys } from './client-keys.ts';
import { createDoctor } from './doctor.ts';
import { createGateway } from './gateway.ts';
import { createTeamGateway } from './gateway-surface.ts';
import { createHandedOverSecrets } from './handed-over-secrets.ts';
import { readHeadlessAccounts } from './headless-home.ts';
import { readHealth } from './health-file.ts';
import { createHealthKeeper } from './health-keeper.ts';
import { createObserving } from './observing.ts';
import { openWindows } from './own-windows.ts';
import { createProbe } from './probe.ts';
import type { ProxyOptions, SharingOptions } from './proxy-options.ts';
import { createRefreshing } from './refreshing.ts';
import { servedAccounts } from './served-accounts.ts';
import { createServing } from './serving.ts';
import type { LocalProxy } from './shared-proxy-parts.ts';
import { createShownTerms } from './shown-terms.ts';
import { countAccounts, createSummariser, describeService } from './snapshot.ts';
import { createStateFiles } from './state-files.ts';
import { createTeamParts, guardStore } from './team-parts.ts';
import { createUpstreamParts } from './upstream-parts.ts';
import { createUsageParts } from './usage-parts.ts';
import { accountControlWhenOpen, createWhenOpen } from './when-open.ts';

/** The composition root: the one list of dialects and account kinds, and who is given what. */
export function createLocalProxy(options: ProxyOptions & SharingOptions): LocalProxy {
  const { logger, version, onUnwritten, planEndpoints, qwenDirectory } = options;
  const secrets = createHandedOverSecrets({ base: options.secrets, logger, ...(onUnwritten && { onUnwritten }) });
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  let settings = options.settings;
  const keys = createClientKeys(secrets, () => settings);

  const transport =
    options.transport ?? createTransport({ environment: options.environment ?? {}, network: settings.network });
  const files = createStateFiles(options.stateDirectory, logger);
  const team = options.team && createTeamParts(options.team, clock);
  const state = team?.state ?? files;
  const keptHealth = createHealthKeeper(files);
  const store = guardStore(team, createAccountStore(secrets, logger));
  const usage = createUsageParts({
    ...{ team: options.team, stateDirectory: options.stateDirectory, state, clock, logger },
    settings: () => settings,
    obstacles: (account) => pool.obstacles(account),
    onCounted: () => changed(),
  });
  const mayDemo = () => options.mode === 'headless' && isLoopbackHost(settings.host);
  const accounts = () => team?.accounts(store.list()) ?? servedAccounts(store, { mayDemo: mayDemo() });

  const activity = createObserving({
    ...{ clock, logger, version, mode: options.mode, team: options.team?.status },
    accounts: () => accounts().map(summarise),
    state: () => http.state,
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
    requestsToday: (id) => usage.today(id).requests,
    quotaLeft: usage.quotas.left,
    modelFor: models.modelFor,
    affinity: team?.affinity,
    onChange: () => onHealth(),
  });
  const onHealth = () => {
    sharedHealth?.note();
    keptHealth.save(pool.health);
    for (const account of accounts()) void usage.quotas.learn(account);
    changed();
  };
  const sharedHealth = team?.shareHealth(pool, onHealth);
  const gateway = createGateway({
    ...{ pool, clock, logger, random, ledger: usage.ledger },
    open: upstream.open,
    countInput: upstream.countInput,
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
    teamGateway.changed();
    if (options.onSnapshot === undefined && windows === undefined) return;
    const now = snapshot();
    options.onSnapshot?.(now);
    windows?.broadcast({ type: 'snapshot', snapshot: now });
  });
  const changedByRequest = createPacer(50, () => changed());
  let windows: WindowOwner | undefined;
  const handOut = async () => void windows?.broadcast({ type: 'secrets', secrets: await secrets.entries() });

  const teamGateway = createTeamGateway({ clock, snapshot, team: options.team, activity, usage });
  const http = createServing({
    options,
    teamGateway: teamGateway.surface,
    settings: () => settings,
    clientKeys: keys.list,
    gateway: inspector.aroundGateway(gateway),
    metrics: activity.metrics,
    usage,
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
  const timing = { clock, random, refreshBufferMs: () => settings.oauth.refreshBufferMs };
  const refreshing = createRefreshing({ ...timing, accounts, renew, logger });
  const opened = (async () => {
    await Promise.all([store.reload(), usage.open(), team?.affinity.open()]);
    pool.restore(await readHealth(files));
    sharedHealth?.open();
    store.onDidChange(() => {
      changed();
      void handOut().catch((error) => logger.warn('Other windows could not be told.', { reason: String(error) }));
    });
    windows = await openWindows(options, {
      port: () => http.port ?? settings.port,
      firstEvents: async () => [
        { type: 'secrets', secrets: await secrets.entries() },
        { type: 'snapshot', snapshot: snapshot() },
        { type: 'requests', records: feed.list() },
      ],
    });
    secrets.onDidChange(
      () =>
        void Promise.all([store.reload(), keys.refresh()]).catch((error) =>
          logger.warn('The accounts could not be read again.', { reason: String(error) }),
        ),
    );
  })();
  opened.catch(() => {});

  const whenOpen = createWhenOpen(opened);
  return {
    start: whenOpen(async ({ port } = {}) => {
      const endsBefore = ends;
      await keys.adopt();
      if (ends === endsBefore && !isDisposed) await http.start(port);
      refreshing.follow(http.state === 'serving');
      usage.follow(http.state === 'serving');
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
    localKey: whenOpen(keys.local),
    rotateKey: whenOpen(keys.rotate),
    updateSettings: whenOpen(async (next) => {
      // A port that is bound already, such as a free one that the user keeps, is no move.
      const moves = next.host !== settings.host || (next.port !== settings.port && next.port !== http.port);
      settings = next;
      const endsBefore = ends;
      await keys.adopt();
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
      pool.restore(await readHealth(files));
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
      await usage.close();
      await upstream.close();
    },
  };
}
