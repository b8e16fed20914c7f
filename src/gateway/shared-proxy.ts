import type { ProxySnapshot } from '../core/control.ts';
import type { HostedProxy } from '../core/worker-protocol.ts';
import { findOwner } from './find-owner.ts';
import { sayLast } from './say-last.ts';
import type { LocalProxy, SharedProxy, SharedProxyOptions } from './shared-proxy-parts.ts';
import { isNewer } from './version.ts';
import { type ForwardedCall, forwardCalls, ownCalls } from './window-calls.ts';
import type { Follower } from './window-follower.ts';

interface Following {
  readonly follower: Follower;
  readonly leave: AbortController;
  /** Resolves when the owner is gone and this window has done what follows from it. */
  readonly ended: Promise<void>;
}

/** A window that yields to a newer one lets open answers run this long. */
const yieldDrainMs = 10_000;
const yieldPauseMs = 1_000;
/** Whoever hangs with the port in hand is asked again at least this often. */
const longestPauseMs = 5_000;

/**
 * One owner, many windows. The bind of the port is the lock: who loses it follows whoever holds it, if that is a window of
 * the same install, shows its state, sends every change there, and takes over when it goes.
 */
export function createSharedProxy(local: LocalProxy, options: SharedProxyOptions): SharedProxy {
  const { clock, logger } = options;
  let { settings } = options;
  let following: Following | undefined;
  let ownerSnapshot: ProxySnapshot | undefined;
  /** The owner's credentials, until they are adopted. */
  let handed: Readonly<Record<string, string>> | undefined;
  /** How this window was last asked to serve; absent = it was not, or was stopped. */
  let wanted: { readonly port?: number } | undefined;
  /** Ends the waits of a takeover or a yield that a stop has overtaken. */
  let waits = new AbortController();
  let isElecting = false;
  let yielding: Promise<void> | undefined;
  /** Starts, stops, moves and takeovers take turns. */
  let turn: Promise<unknown> = Promise.resolve();
  /** Until then it is not known who serves: a change that was made here now would be lost. */
  let settled: Promise<unknown> = Promise.resolve();
  const disposed = new AbortController();

  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = turn.then(work);
    turn = result.catch(() => {});
    settled = turn;
    return result;
  };
  const endWaits = () => {
    waits.abort();
    waits = new AbortController();
  };
  const snapshotOf = (): Promise<ProxySnapshot> | ProxySnapshot => {
    if (following === undefined || ownerSnapshot === undefined) return local.snapshot();
    const { pid, version } = following.follower.owner;
    return { ...ownerSnapshot, state: 'following', version: options.version, owner: { pid, version } };
  };
  const announce = async () => options.onSnapshot?.(await snapshotOf());
  const adoptHanded = async () => {
    const secrets = handed;
    handed = undefined;
    if (secrets !== undefined) await local.adoptSecrets(secrets);
  };

  /** Binds the port or follows who holds it; a stranger stays an error with its name. */
  const serveOrFollow = async (): Promise<ProxySnapshot> => {
    isElecting = true;
    try {
      await adoptHanded();
      // An owner that goes while it is asked who it is leaves the port free for the second try.
      for (let triesLeft = 2; ; triesLeft--) {
        if (wanted === undefined || following !== undefined) return await snapshotOf();
        const { port } = wanted;
        const snapshot = await local.start(wanted);
        if (snapshot.problem?.code !== 'port_taken') return snapshot;
        const follower = await findOwner(options, { host: settings.host, port: port ?? settings.port });
        if (follower !== undefined) return await join(follower);
        if (triesLeft === 1) return snapshot;
      }
    } finally {
      isElecting = false;
    }
  };

  const join = async (follower: Follower): Promise<ProxySnapshot> => {
    // Its own server must not bind a port beside the owner's when the settings change.
    await local.stop();
    if (wanted === undefined) return local.snapshot();
    const { pid, version } = follower.owner;
    logger.info('Another window serves; this one follows it.', { pid, version });
    const leave = new AbortController();
    const first = Promise.withResolvers<void>();
    const mine: Following = { follower, leave, ended: Promise.resolve().then(() => follow(mine, first.resolve)) };
    following = mine;
    await first.promise;
    if (isNewer(options.version, version)) void follower.call('yield', []).catch(() => {});
    return snapshotOf();
  };

  /** Lives as long as the owner does; then this window tries to take its place. */
  const follow = async (mine: Following, ready: () => void): Promise<void> => {
    const { follower, leave } = mine;
    let end: 'gone' | 'stopped' | 'yielding' = 'gone';
    try {
      for await (const event of follower.events(AbortSignal.any([leave.signal, disposed.signal]))) {
        if (event.type === 'stopped' || event.type === 'yielding') {
          end = event.type;
          break;
        }
        if (event.type === 'snapshot') ownerSnapshot = event.snapshot;
        if (event.type === 'secrets') handed = event.secrets;
        if (event.type === 'requests') local.feed.adopt(event.records);
        if (ownerSnapshot !== undefined && handed !== undefined) ready();
        if (event.type === 'snapshot') await announce();
      }
    } catch (error) {
      logger.debug('The conversation with the owner ended.', { reason: String(error) });
    } finally {
      if (following === mine && !disposed.signal.aborted) {
        following = undefined;
        ownerSnapshot = undefined;
        local.feed.abandonOpen();
        if (end === 'stopped') wanted = undefined;
        void succeed(end === 'yielding' && isNewer(options.version, follower.owner.version));
      }
      ready();
    }
  };

  /** What follows from the owner's end: this window takes its place, or follows who did; after a stop it rests. */
  const succeed = async (isFirst: boolean): Promise<void> => {
    const signal = AbortSignal.any([waits.signal, disposed.signal]);
    const tryAfter = async (pauseMs: number) => {
      // A stop ends the pause; the credentials are kept all the same.
      if (wanted !== undefined) await clock.sleep(pauseMs, signal).catch(() => {});
      const snapshot = disposed.signal.aborted ? undefined : await inTurn(serveOrFollow);
      if (following === undefined) await announce();
      return snapshot?.problem?.code === 'port_taken' && !signal.aborted;
    };
    try {
      // Windows that lose their owner at the same moment shall not all bind at the same moment.
      let pauseMs = isFirst ? 10 : 50 + options.random() * 450;
      const first = tryAfter(pauseMs);
      settled = first.catch(() => {});
      // Who hangs with the port in hand still holds it: it is taken over, or followed again, when that ends.
      for (let isTaken = await first; isTaken; isTaken = await tryAfter(pauseMs))
        pauseMs = Math.min(isFirst ? 100 : pauseMs * 2, longestPauseMs);
    } catch (error) {
      if (!disposed.signal.aborted)
        logger.error('Taking over from the other window failed.', { reason: String(error) });
    }
  };

  const yieldOnce = async (): Promise<void> => {
    const signal = AbortSignal.any([waits.signal, disposed.signal]);
    if (following !== undefined || wanted === undefined) return;
    // A token that was renewed a moment ago must be there before this window goes.
    await local.handOut().catch((error) => logger.warn('Other windows could not be told.', { reason: String(error) }));
    await sayLast(local, { type: 'yielding' });
    await local.stop({ drainMs: yieldDrainMs });
    // Who asked for the port shall get it; if it went away meanwhile, this window serves again.
    await clock.sleep(yieldPauseMs, signal).catch(() => {});
    await serveOrFollow();
    await announce();
  };

  const forward = <Name extends ForwardedCall>(name: Name): HostedProxy[Name] =>
    // A boundary: the owner runs the same method with the same arguments, so its answer has the same type.
    (async (...args: unknown[]) => {
      if (following === undefined) await settled;
      return following === undefined
        ? (local[name] as (...args: unknown[]) => Promise<unknown>)(...args)
        : following.follower.call(name, args);
    }) as unknown as HostedProxy[Name];

  /** Tells the owner. One that does not answer, or does not end, is left alone: this window has stopped. */
  const stopOwner = async ({ follower, leave, ended }: Following): Promise<ProxySnapshot> => {
    try {
      await Promise.race([follower.call('stop', []), ended]);
      await Promise.race([ended, clock.sleep(longestPauseMs, disposed.signal)]);
    } catch (error) {
      logger.warn('The window that serves could not be stopped.', { reason: String(error) });
    }
    leave.abort();
    await ended;
    await settled;
    return local.snapshot();
  };

  const proxy: HostedProxy = {
    ...forwardCalls(forward),
    ...ownCalls(local),
    async start(startOptions = {}) {
      if (disposed.signal.aborted) return local.snapshot();
      wanted = startOptions;
      return inTurn(serveOrFollow);
    },
    async stop(stopOptions) {
      wanted = undefined;
      endWaits();
      if (following !== undefined) return stopOwner(following);
      return inTurn(async () => {
        await sayLast(local, { type: 'stopped' });
        return local.stop(stopOptions);
      });
    },
    snapshot: async () => snapshotOf(),
    async updateSettings(next) {
      const moves = next.host !== settings.host || next.port !== settings.port;
      settings = next;
      // A port that was named at the start lasts until the user sets another one.
      if (moves && wanted !== undefined) wanted = {};
      return inTurn(async () => {
        const snapshot = await local.updateSettings(next);
        if (!moves || wanted === undefined || snapshot.state === 'serving') return snapshotOf();
        following?.leave.abort();
        following = undefined;
        ownerSnapshot = undefined;
        return serveOrFollow();
      });
    },
    async secretsChanged() {
      // A follower's own store is not what serves: the owner's is, and it tells its changes.
      if (following === undefined) await local.secretsChanged();
    },
    async dispose() {
      wanted = undefined;
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
    yieldPort() {
      yielding ??= inTurn(yieldOnce)
        .catch((error) => logger.error('The port could not be handed over.', { reason: String(error) }))
        .finally(() => {
          yielding = undefined;
        });
      return yielding;
    },
  };
}
