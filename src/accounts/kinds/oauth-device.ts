import type { Clock } from '../../core/contracts.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Endpoints } from '../../core/upstream.ts';
import type { AccountOf } from '../account.ts';
import type { IssuedTokens, OAuthClient } from '../oauth-client.ts';
import type { AccountStore } from '../store.ts';
import type { AccountKind, Credential } from './kind.ts';

type OAuthAccount = AccountOf<'oauth-device'>;

export interface OAuthDeviceKindOptions {
  readonly client: OAuthClient;
  readonly store: AccountStore;
  readonly clock: Clock;
  readonly refreshBufferMs: () => number;
  readonly endpointsOf: (resourceUrl: string | undefined) => Endpoints;
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
  const { client, store, clock } = options;
  const refreshing = new Map<string, Promise<OAuthAccount>>();
  /** Access tokens that a refresh after a 401 brought: a 401 for one of them ends the matter. */
  const renewedAfterRefusal = new Map<string, string>();

  const credentialOf = (account: OAuthAccount): Credential => ({
    authorization: `Bearer ${account.secret.accessToken}`,
    endpoints: options.endpointsOf(account.secret.resourceUrl),
  });
  const lifeLeftMs = (account: OAuthAccount) => account.secret.expiresAtMs - clock.now();

  const stored = async (account: OAuthAccount): Promise<OAuthAccount> => {
    const current = await store.reread(account.id);
    if (current?.kind !== 'oauth-device')
      throw new GatewayError('no_account', `The account ${account.label} was removed.`);
    return current;
  };

  /** Renews `account` unless its stored token already differs from `spent`. */
  const renew = (account: OAuthAccount, spent: string): Promise<OAuthAccount> => {
    const running = refreshing.get(account.id);
    if (running !== undefined) return running;
    const renewal = renewOnce(account, spent).finally(() => refreshing.delete(account.id));
    refreshing.set(account.id, renewal);
    return renewal;
  };

  const renewOnce = async (account: OAuthAccount, spent: string): Promise<OAuthAccount> => {
    const current = await stored(account);
    if (current.secret.accessToken !== spent) return current;
    // The refresh belongs to every request that waits for it: none of them may abort it for the others.
    const signal = AbortSignal.timeout(30_000);
    let tokens: IssuedTokens;
    try {
      tokens = await client.refresh(current.secret.refreshToken, signal);
    } catch (error) {
      const later = await stored(account);
      if (later.secret.accessToken !== spent) return later;
      throw error;
    }
    const renewed: OAuthAccount = {
      ...current,
      secret: {
        accessToken: tokens.accessToken,
        refreshToken: tokens.refreshToken ?? current.secret.refreshToken,
        expiresAtMs: tokens.expiresAtMs,
        ...((tokens.resourceUrl ?? current.secret.resourceUrl)
          ? { resourceUrl: tokens.resourceUrl ?? current.secret.resourceUrl }
          : {}),
      },
    };
    await store.put(renewed);
    return renewed;
  };

  return {
    name: 'oauth-device',
    async credential(leased) {
      // The lease may be older than a renewal that another request finished meanwhile.
      const known = store.get(leased.id);
      const account = known?.kind === 'oauth-device' ? known : leased;
      if (lifeLeftMs(account) > options.refreshBufferMs()) return credentialOf(account);
      try {
        return credentialOf(await renew(account, account.secret.accessToken));
      } catch (error) {
        const isDead = error instanceof GatewayError && error.scope === 'account';
        if (isDead || lifeLeftMs(account) <= 0) throw error;
        return credentialOf(account);
      }
    },

    async recover(account, used, error) {
      if (error.code !== 'token_expired' && error.code !== 'unauthorized') return error;
      const spent = used.authorization.slice('Bearer '.length);
      if (renewedAfterRefusal.get(account.id) === spent) return serviceEnded(error);
      try {
        const renewed = await renew(account, spent);
        renewedAfterRefusal.set(account.id, renewed.secret.accessToken);
        return credentialOf(renewed);
      } catch (failure) {
        if (failure instanceof GatewayError) return failure;
        throw failure;
      }
    },
  };
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
