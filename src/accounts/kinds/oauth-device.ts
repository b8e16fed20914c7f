import type { Clock, Exclusively } from '../../core/contracts.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Endpoints } from '../../core/upstream.ts';
import type { AccountOf } from '../account.ts';
import type { LinkedCredentials } from '../linked-credentials.ts';
import type { IssuedTokens, OAuthClient } from '../oauth-client.ts';
import type { AccountStore } from '../store.ts';
import type { AccountKind, Credential } from './kind.ts';

type OAuthAccount = AccountOf<'oauth-device'>;

/** What a wish for a newer token brought: one that was refreshed for it, or one that somebody had stored already. */
interface Renewal {
  readonly account: OAuthAccount;
  readonly isRefreshed: boolean;
}

const refreshTimeoutMs = 30_000;
/** A 401 this soon after a refresh is no token that died of old age or of a sign-out elsewhere. */
const justRenewedMs = 10 * 60_000;

export interface OAuthDeviceKindOptions {
  readonly client: OAuthClient;
  readonly store: AccountStore;
  readonly clock: Clock;
  readonly refreshBufferMs: () => number;
  readonly endpointsOf: (resourceUrl: string | undefined) => Endpoints;
  /** The tokens of accounts that are linked to another program's file. */
  readonly linked: LinkedCredentials;
  /** Keeps other processes with the same accounts from renewing the same tokens. */
  readonly exclusively?: Exclusively | undefined;
}

/**
 * Accounts of the device flow. Policy of the token:
 *
 * | life left            | what happens                                                         |
 * |----------------------|----------------------------------------------------------------------|
 * | more than the buffer | used as it is                                                        |
 * | less                 | refreshed first; if nothing is known about the refresh and life is left, used all the same |
 * | refused with 401     | refreshed once; refused again = the service ended, not a loop        |
 *
 * Refreshes of one account share one request. Before it the stored token is read again, and after a refusal once more:
 * another window may have renewed it, and only an unchanged token is called dead.
 */
export function createOAuthDeviceKind(options: OAuthDeviceKindOptions): AccountKind<'oauth-device'> {
  const { client, store, clock, linked } = options;
  const refreshing = new Map<string, Promise<Renewal>>();
  /** Access tokens that a refresh after a 401 brought: a 401 for one of them soon after ends the matter. */
  const renewedAfterRefusal = new Map<string, { readonly accessToken: string; readonly atMs: number }>();

  const credentialOf = (account: OAuthAccount): Credential => ({
    authorization: `Bearer ${account.secret.accessToken}`,
    endpoints: options.endpointsOf(account.secret.resourceUrl),
  });
  const lifeLeftMs = (account: OAuthAccount) => account.secret.expiresAtMs - clock.now();

  const stored = async (account: OAuthAccount): Promise<OAuthAccount> => {
    const current = await store.reread(account.id);
    if (current?.kind !== 'oauth-device') throw removed(account);
    return current;
  };
  /** The account with the tokens of its file, where they live in one. */
  const withTokens = async (account: OAuthAccount): Promise<OAuthAccount> =>
    account.linkedFile === undefined ? account : { ...account, secret: await linked.read(account.linkedFile) };

  /** Renews `account` unless its stored token already differs from `spent`. */
  const renew = (account: OAuthAccount, spent: string, signal: AbortSignal): Promise<Renewal> => {
    if (signal.aborted) return Promise.reject(signal.reason);
    let renewal = refreshing.get(account.id);
    if (renewal === undefined) {
      const work = () => renewOnce(account, spent);
      const renewing = options.exclusively ? options.exclusively(`refresh:${account.id}`, work) : work();
      renewal = renewing.finally(() => refreshing.delete(account.id));
      // Every request that waits may have left by the time it fails.
      renewal.catch(() => {});
      refreshing.set(account.id, renewal);
    }
    return unlessAborted(renewal, signal);
  };

  const renewOnce = async (account: OAuthAccount, spent: string): Promise<Renewal> => {
    const current = await stored(account);
    if (current.linkedFile !== undefined) {
      const { secret, isRefreshed } = await linked.renew(current.linkedFile, spent, (refreshToken) =>
        client.refresh(refreshToken, AbortSignal.timeout(refreshTimeoutMs)),
      );
      return { account: { ...current, secret }, isRefreshed };
    }
    if (current.secret.accessToken !== spent) return { account: current, isRefreshed: false };
    let tokens: IssuedTokens;
    try {
      // The refresh belongs to every request that waits for it: none of them may abort it for the others.
      tokens = await client.refresh(current.secret.refreshToken, AbortSignal.timeout(refreshTimeoutMs));
    } catch (error) {
      const later = await stored(account);
      if (later.secret.accessToken !== spent) return { account: later, isRefreshed: false };
      throw error;
    }
    return { account: await keep(account, spent, tokens), isRefreshed: true };
  };

  /**
   * Puts the tokens in place of those that were spent for them, beside whatever else was changed meanwhile. An account that
   * was removed stays removed, and tokens that are newer than these stay too: a lock may have been lost on the way.
   */
  const keep = async (account: OAuthAccount, spent: string, tokens: IssuedTokens): Promise<OAuthAccount> => {
    const kept = await store.update(account.id, (current) => {
      if (current.kind !== 'oauth-device' || current.secret.accessToken !== spent) return current;
      const resourceUrl = tokens.resourceUrl ?? current.secret.resourceUrl;
      return {
        ...current,
        secret: {
          accessToken: tokens.accessToken,
          refreshToken: tokens.refreshToken ?? current.secret.refreshToken,
          expiresAtMs: tokens.expiresAtMs,
          ...(resourceUrl !== undefined && { resourceUrl }),
        },
      };
    });
    if (kept?.kind !== 'oauth-device') throw removed(account);
    return kept;
  };

  return {
    name: 'oauth-device',
    async credential(leased, signal) {
      // The lease may be older than a renewal that another request finished meanwhile.
      const known = store.get(leased.id);
      const account = await withTokens(known?.kind === 'oauth-device' ? known : leased);
      if (lifeLeftMs(account) > options.refreshBufferMs()) return credentialOf(account);
      try {
        return credentialOf((await renew(account, account.secret.accessToken, signal)).account);
      } catch (error) {
        const isUndecided = error instanceof GatewayError && error.scope === 'provider';
        if (isUndecided && !signal.aborted && lifeLeftMs(account) > 0) return credentialOf(account);
        throw error;
      }
    },

    async recover(account, used, error, signal) {
      if (error.code !== 'token_expired' && error.code !== 'unauthorized') return error;
      const spent = used.authorization.slice('Bearer '.length);
      const last = renewedAfterRefusal.get(account.id);
      if (last?.accessToken === spent && clock.now() - last.atMs < justRenewedMs) return serviceEnded(error);
      try {
        const { account: renewed, isRefreshed } = await renew(account, spent, signal);
        // A token that another window brought may be old: it proves nothing when it is refused.
        if (isRefreshed)
          renewedAfterRefusal.set(account.id, { accessToken: renewed.secret.accessToken, atMs: clock.now() });
        return credentialOf(renewed);
      } catch (failure) {
        if (failure instanceof GatewayError && !signal.aborted) return failure;
        throw failure;
      }
    },
  };
}

/** Lets one waiter go without touching what the others wait for. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function removed(account: OAuthAccount): GatewayError {
  return new GatewayError('no_account', `The account ${account.label} was removed.`);
}

function serviceEnded(error: GatewayError): GatewayError {
  return new GatewayError(
    'service_ended',
    'Qwen refuses this sign-in although it has just renewed it: the account gives no access to models.',
    {
      upstreamStatus: error.upstreamStatus,
      upstreamCode: error.upstreamCode,
      fix: 'Qwen’s free sign-in tier ended on 2026-04-15. Add an API key instead.',
      cause: error,
    },
  );
}
