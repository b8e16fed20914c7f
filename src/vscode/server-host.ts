import type { RequestRecord } from '../core/activity.ts';
import type { Clock, Event } from '../core/contracts.ts';
import type { ProxySnapshot } from '../core/control.ts';
import { createEmitter } from '../core/emitter.ts';
import { messageOf } from '../core/message-of.ts';
import type { ProxySettings } from '../core/settings.ts';
import type { HostedProxy } from '../core/worker-protocol.ts';
import { refuseAfterAbort, untilAborted } from './closing-ports.ts';
import { forwardControl } from './forwarded-control.ts';
import { endWhenSilent } from './heartbeat.ts';
import { createHostSnapshots } from './host-snapshots.ts';
import {
  connectInProcess,
  connectThread,
  type HostedProxyOptions,
  type ServerConnection,
} from './server-connection.ts';

/** What {@link createServerHost} needs; nothing of it is the editor's API, so tests drive the host without an editor. */
export interface ServerHostOptions extends Omit<HostedProxyOptions, 'onSnapshot' | 'onRequests'> {
  /** The bundle of the server. */
  readonly serverPath: string;
  readonly environment: () => NodeJS.ProcessEnv;
  /** The same server on the caller's own thread, where no thread can be made. */
  readonly createInProcess: (options: HostedProxyOptions) => HostedProxy | Promise<HostedProxy>;
  /** The team gateway of the settings; where there is one, no server is started here. */
  readonly gateway?: () => string | undefined;
  readonly connectGateway?: (gateway: string, options: HostedProxyOptions) => Promise<ServerConnection>;
  readonly clock: Clock;
  /** How a thread is made; tests bring one that cannot be. */
  readonly connectThread?: typeof connectThread;
  /** Waits before a dead server is started again; the last one repeats. */
  readonly restartDelaysMs?: readonly number[];
  /** How often a server thread is asked whether it still answers. */
  readonly heartbeatMs?: number;
}

/** The proxy as the editor sees it: always there, whatever becomes of the thread behind it. */
export interface ServerHost extends HostedProxy {
  readonly lastSnapshot: ProxySnapshot;
  readonly onDidChangeSnapshot: Event<ProxySnapshot>;
  /** Requests that are new or changed, while they are watched. */
  readonly onDidChangeRequests: Event<readonly RequestRecord[]>;
  /** Loads the server without binding the port, so that its accounts are known. */
  open(): Promise<void>;
  /** Serves again on the port it had, with a new thread, or follows the gateway anew; or, told so, only loads the server. */
  restart(options?: { readonly isServing?: boolean }): Promise<ProxySnapshot>;
}

const defaultRestartDelaysMs = [500, 1_000, 2_000, 5_000, 10_000, 30_000];
/** A server that lived this long is taken for healthy. */
const quietMs = 60_000;
const restartGraceMs = 3_000;
/** The editor gives `deactivate` five seconds for all extensions together; a closing window often less. */
const disposeGraceMs = 700;

/** Keeps a server running in a thread, restarts a dead one, and goes on in-process where threads cannot be made. */
export function createServerHost(options: ServerHostOptions): ServerHost {
  const { clock } = options;
  const delaysMs = options.restartDelaysMs ?? defaultRestartDelaysMs;
  const requests = createEmitter<readonly RequestRecord[]>((error) => options.logger.error(String(error)));
  let isWatching = false;
  const lifetime = new AbortController();
  const logger = untilAborted(lifetime.signal, options.logger);
  const secrets = refuseAfterAbort(lifetime.signal, options.secrets);
  let { settings } = options;
  let connection: Promise<ServerConnection> | undefined;
  /** The server behind `connection` once it runs; an end of any other one was asked for. */
  let live: ServerConnection | undefined;
  /** The end of the last one: it may still hold the port. */
  let closing: Promise<void> | undefined;
  /** It died and nobody has asked it to serve again yet. */
  let isDown = false;
  /** Counts what the user asked for: a restart that is overtaken by a stop must not serve again. */
  let wishes = 0;
  /** How it was last asked to serve; absent = it was not, or was stopped. */
  let wanted: { readonly port?: number } | undefined;
  let failures = 0;
  const snapshots = createHostSnapshots({ ...options, address: () => settings }, lifetime.signal);
  const { publish, publishStarting, publishProblem } = snapshots;

  async function connect(): Promise<ServerConnection> {
    await closing;
    let current: ServerConnection | undefined;
    const ports: HostedProxyOptions = {
      settings,
      stateDirectory: options.stateDirectory,
      version: options.version,
      secrets,
      logger,
      onSnapshot: (snapshot) => void ((current === undefined || live === current) && publish(snapshot)),
      onRequests: requests.fire,
    };
    const gateway = options.gateway?.();
    try {
      const thread = { ...ports, serverPath: options.serverPath, environment: options.environment() };
      current =
        gateway !== undefined && options.connectGateway !== undefined
          ? await options.connectGateway(gateway, ports)
          : await (options.connectThread ?? connectThread)(thread);
    } catch (error) {
      if (gateway !== undefined) throw error;
      logger.warn(`No server thread could be made (${messageOf(error)}); the server runs in the extension host`);
      current = connectInProcess(await options.createInProcess(ports));
    }
    const opened = current;
    live = opened;
    if (isWatching) void opened.proxy.watchRequests(true).then(requests.fire, () => {});
    logger.info(`Server loaded (${opened.where})`);
    void clock.sleep(quietMs, lifetime.signal).then(
      () => {
        if (live === opened) failures = 0;
      },
      () => {},
    );
    void opened.ended.then((reason) => live === opened && onDeath(reason));
    void endWhenSilent(opened, { clock, heartbeatMs: options.heartbeatMs, signal: lifetime.signal, logger });
    return opened;
  }

  function connected(): Promise<ServerConnection> {
    if (lifetime.signal.aborted) return Promise.reject(new Error('The extension is shutting down.'));
    if (connection === undefined) {
      const opening = connect();
      connection = opening;
      opening.catch(() => {
        if (connection === opening) connection = undefined;
      });
    }
    return connection;
  }

  function onDeath(reason: string): void {
    live = undefined;
    connection = undefined;
    isDown = true;
    const delayMs = delaysMs[Math.min(failures, delaysMs.length - 1)] ?? 0;
    failures += 1;
    logger.error(`The server ended unexpectedly (${reason}); it is started again in ${delayMs / 1_000} s`);
    publishProblem('crashed', `The server ended unexpectedly (${reason}). It starts again in ${delayMs / 1_000} s.`);
    void clock.sleep(delayMs, lifetime.signal).then(resume, () => {});
  }

  async function resume(): Promise<void> {
    // A user's own click may have been faster.
    if (!isDown) return;
    try {
      if (wanted === undefined) await open();
      else await start(wanted);
    } catch (error) {
      logger.error(`The server could not be started again: ${messageOf(error)}`);
    }
  }

  async function open(): Promise<void> {
    isDown = false;
    const { proxy } = await connected();
    publish(await proxy.snapshot());
  }

  async function start(startOptions: { readonly port?: number } = {}): Promise<ProxySnapshot> {
    wanted = startOptions;
    isDown = false;
    if (snapshots.last.state !== 'serving' && snapshots.last.state !== 'following') publishStarting();
    try {
      const { proxy } = await connected();
      const snapshot = publish(await proxy.start(startOptions));
      // The port it got is the one clients know from now on, also where any free one was asked for.
      if (snapshot.state === 'serving' && wanted === startOptions) wanted = { port: snapshot.port };
      return snapshot;
    } catch (error) {
      if (live === undefined && connection === undefined && snapshots.last.problem?.code === 'crashed')
        return snapshots.last;
      return publishProblem('failed', messageOf(error));
    }
  }

  async function stop(): Promise<ProxySnapshot> {
    wishes += 1;
    wanted = undefined;
    isDown = false;
    return publish(await (await connected()).proxy.stop());
  }

  /** Takes the connection out first, so that its end is nobody's surprise. */
  async function close(graceMs: number): Promise<void> {
    const last = connection;
    connection = undefined;
    live = undefined;
    closing = last?.then((open) => open.close(graceMs)).catch(() => {});
    await closing;
  }

  const control = forwardControl(async () => (await connected()).proxy);

  return {
    ...control,
    snapshot: async () => publish(await (await connected()).proxy.snapshot()),
    get lastSnapshot() {
      return snapshots.last;
    },
    onDidChangeSnapshot: snapshots.onDidChange,
    onDidChangeRequests: requests.event,
    async watchRequests(isOn) {
      isWatching = isOn ?? isWatching;
      return (await connected()).proxy.watchRequests(isOn);
    },
    open,
    start,
    stop,
    async restart({ isServing = true } = {}) {
      const again = wanted ?? {};
      wishes += 1;
      const wish = wishes;
      publishStarting();
      await close(restartGraceMs);
      failures = 0;
      if (isServing && wish === wishes) return start(again);
      if (!isServing && wish === wishes) wanted = undefined;
      await open();
      return snapshots.last;
    },
    async updateSettings(next: ProxySettings) {
      // A port taken by a click lasts until the user sets another one.
      if (next.port !== settings.port && wanted !== undefined) wanted = {};
      settings = next;
      if (connection === undefined) return snapshots.last;
      return publish(await (await connection).proxy.updateSettings(next));
    },
    async secretsChanged() {
      if (connection !== undefined) await (await connection).proxy.secretsChanged();
    },
    async dispose() {
      lifetime.abort();
      await close(disposeGraceMs);
    },
  };
}
