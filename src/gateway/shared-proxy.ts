import type { Clock, Logger } from '../core/contracts.ts';
import type { ProxyControl, ProxySnapshot } from '../core/control.ts';
import type { WindowEvent } from '../core/window-protocol.ts';
import type { HostedProxy } from '../core/worker-protocol.ts';
import type { WindowOwner } from '../server/window-owner.ts';
import type { Transport } from '../upstream/transport.ts';
import { readControlSecret } from './control-secret.ts';
import { isNewer } from './version.ts';
import type { ForwardedCall } from './window-calls.ts';
import { type Follower, followOwner } from './window-follower.ts';

/** A proxy that serves by itself, with what windows need of one another. */
export interface LocalProxy extends HostedProxy {
  /** Takes over what the last owner handed out: into memory, and into this window's own store where it takes it. */
  adoptSecrets(secrets: Readonly<Record<string, string>>): Promise<void>;
  /** The owner's side of the conversation; absent until the proxy is open. */
  windows(): WindowOwner | undefined;
}

export interface SharedProxyOptions {
  readonly stateDirectory: string;
  readonly version: string;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly onSnapshot?: (snapshot: ProxySnapshot) => void;
}

/** A shared proxy, and where the local one's snapshots go. */
export interface SharedProxy {
  readonly proxy: HostedProxy;
  /** While another window serves, or that is being found out, the local state is nobody's business. */
  onLocalSnapshot(snapshot: ProxySnapshot): void;
}

interface Following {
  readonly follower: Follower;
  readonly leave: AbortController;
  /** Resolves when the owner is gone and this window has done what follows from it. */
  readonly ended: Promise<void>;
}

/** After a window yields, its port is free within this time. */
const yieldPatienceMs = 5_000;

/**
 * One owner, many windows. The bind of the port is the lock: who loses it follows whoever holds it, if that is a window of
 * the same install, shows its state, sends every change there, and takes over when it goes.
 */
export function createSharedProxy(local: LocalProxy, options: SharedProxyOptions): SharedProxy {
  const { clock, logger } = options;
  let following: Following | undefined;
  let ownerSnapshot: ProxySnapshot | undefined;
  let handed: Readonly<Record<string, string>> | undefined;
  let isWanted = false;
  let isElecting = false;
  const disposed = new AbortController();

  const snapshotOf = (): Promise<ProxySnapshot> | ProxySnapshot => {
    if (following === undefined || ownerSnapshot === undefined) return local.snapshot();
    const { pid, version } = following.follower.owner;
    return { ...ownerSnapshot, state: 'following', version: options.version, owner: { pid, version } };
  };
  const announce = async () => options.onSnapshot?.(await snapshotOf());

  /** Binds the port or follows who holds it; a stranger stays an error with its name. */
  const serveOrFollow = async (startOptions: { readonly port?: number } = {}): Promise<ProxySnapshot> => {
    isElecting = true;
    try {
      return await elect(startOptions);
    } finally {
      isElecting = false;
    }
  };

  const elect = async (startOptions: { readonly port?: number }): Promise<ProxySnapshot> => {
    const snapshot = await local.start(startOptions);
    if (snapshot.problem?.code !== 'port_taken') return snapshot;
    const follower = await findOwner(snapshot);
    if (follower === undefined) return snapshot;
    const leave = new AbortController();
    logger.info('Another window serves; this one follows it.', {
      pid: follower.owner.pid,
      version: follower.owner.version,
    });
    const first = Promise.withResolvers<void>();
    following = { follower, leave, ended: Promise.resolve() };
    following = { follower, leave, ended: follow(follower, leave, first.resolve) };
    await first.promise;
    if (isNewer(options.version, follower.owner.version)) void follower.call('yield', []).catch(() => {});
    return snapshotOf();
  };

  const findOwner = async ({ port }: ProxySnapshot): Promise<Follower | undefined> => {
    try {
      const controlSecret = await readControlSecret(options.stateDirectory);
      const url = `http://127.0.0.1:${port}`;
      return await followOwner({
        controlSecret,
        version: options.version,
        transport: options.transport,
        clock,
        url,
        port,
      });
    } catch (error) {
      logger.warn('The owner of the port could not be asked.', { reason: String(error) });
      return undefined;
    }
  };

  /** Lives as long as the owner does; then this window tries to take its place. */
  const follow = async (follower: Follower, leave: AbortController, ready: () => void): Promise<void> => {
    let end: 'gone' | 'stopped' | 'yielding' = 'gone';
    try {
      for await (const event of follower.events(AbortSignal.any([leave.signal, disposed.signal]))) {
        if (event.type === 'stopped' || event.type === 'yielding') {
          end = event.type;
          break;
        }
        adopt(event);
        if (ownerSnapshot !== undefined && handed !== undefined) ready();
        if (event.type === 'snapshot') await announce();
      }
    } catch (error) {
      logger.debug('The conversation with the owner ended.', { reason: String(error) });
    } finally {
      ready();
    }
    if (leave.signal.aborted || disposed.signal.aborted) return;
    following = undefined;
    ownerSnapshot = undefined;
    if (end === 'stopped') {
      isWanted = false;
      await local.stop();
      return announce();
    }
    await takeOver(end);
  };

  const adopt = (event: WindowEvent) => {
    if (event.type === 'snapshot') ownerSnapshot = event.snapshot;
    if (event.type === 'secrets') handed = event.secrets;
  };

  const takeOver = async (end: 'gone' | 'yielding'): Promise<void> => {
    try {
      // Windows that lose their owner at the same moment shall not all bind at the same moment.
      await clock.sleep(end === 'yielding' ? 10 : 50 + options.random() * 450, disposed.signal);
      if (handed !== undefined) await local.adoptSecrets(handed);
      const deadlineMs = clock.now() + yieldPatienceMs;
      while (isWanted && following === undefined) {
        const snapshot = await serveOrFollow();
        const isYielded = end === 'yielding' && snapshot.state === 'error' && clock.now() < deadlineMs;
        if (!isYielded) break;
        await clock.sleep(100, disposed.signal);
      }
      await announce();
    } catch (error) {
      if (!disposed.signal.aborted)
        logger.error('Taking over from the other window failed.', { reason: String(error) });
    }
  };

  const forward = <Name extends ForwardedCall>(name: Name): ProxyControl[Name] =>
    // A boundary: the owner runs the same method with the same arguments, so its answer has the same type.
    ((...args: unknown[]) =>
      following === undefined
        ? (local[name] as (...args: unknown[]) => Promise<unknown>)(...args)
        : following.follower.call(name, args).catch((error: Error) => {
            throw following === undefined
              ? new Error('The window that served has closed. Try again in a moment.')
              : error;
          })) as unknown as ProxyControl[Name];

  const stopLocal: HostedProxy['stop'] = async (stopOptions) => {
    local.windows()?.broadcast({ type: 'stopped' });
    isWanted = false;
    return local.stop(stopOptions);
  };

  const proxy: HostedProxy = {
    async start(startOptions) {
      isWanted = true;
      if (following !== undefined) return snapshotOf();
      return serveOrFollow(startOptions);
    },
    async stop(stopOptions) {
      if (following === undefined) return stopLocal(stopOptions);
      isWanted = false;
      const { follower, ended } = following;
      await follower.call('stop', []);
      await ended;
      return local.snapshot();
    },
    snapshot: async () => snapshotOf(),
    plans: forward('plans'),
    addAccount: forward('addAccount'),
    removeAccount: forward('removeAccount'),
    setAccountEnabled: forward('setAccountEnabled'),
    moveAccount: forward('moveAccount'),
    clearAccount: forward('clearAccount'),
    testAccount: forward('testAccount'),
    diagnoseKey: forward('diagnoseKey'),
    findPlan: forward('findPlan'),
    setAccountGroup: forward('setAccountGroup'),
    setAccountLimit: forward('setAccountLimit'),
    exportUsage: forward('exportUsage'),
    exportAccounts: forward('exportAccounts'),
    importAccounts: forward('importAccounts'),
    importHeadlessAccounts: forward('importHeadlessAccounts'),
    linkableFiles: forward('linkableFiles'),
    linkAccount: forward('linkAccount'),
    startSignIn: forward('startSignIn'),
    pollSignIn: forward('pollSignIn'),
    cancelSignIn: forward('cancelSignIn'),
    localKey: forward('localKey'),
    async updateSettings(settings) {
      const snapshot = await local.updateSettings(settings);
      return following === undefined ? snapshot : snapshotOf();
    },
    async secretsChanged() {
      // A follower's own store is not what serves: the owner's is, and it tells its changes.
      if (following === undefined) await local.secretsChanged();
    },
    async dispose() {
      disposed.abort();
      following?.leave.abort();
      await local.dispose();
    },
  };
  return {
    proxy,
    onLocalSnapshot(snapshot) {
      if (following === undefined && !isElecting) options.onSnapshot?.(snapshot);
    },
  };
}
