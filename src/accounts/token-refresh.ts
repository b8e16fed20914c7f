import type { Clock, Logger } from '../core/contracts.ts';
import type { Account, AccountOf } from './account.ts';

/** A look around at least this often: accounts come and go, and machines sleep. */
const lookMs = 60_000;
/** After a failed renewal; the requests that need the token try again by themselves. */
const pauseMs = 30_000;
const minimumPauseMs = 100;

export interface TokenRefreshOptions {
  readonly clock: Clock;
  readonly accounts: () => readonly Account[];
  /** Gets a usable token, renewing it when less life is left than the buffer; concurrent callers share the renewal. */
  readonly renew: (account: AccountOf<'oauth-device'>, signal: AbortSignal) => Promise<unknown>;
  readonly refreshBufferMs: () => number;
  /** 0 to 1, for jitter: accounts that were signed in together do not renew together. */
  readonly random: () => number;
  readonly logger: Logger;
}

/**
 * Renews tokens shortly before they expire, so that no request waits for it. Runs in the owner alone, until `signal`
 * aborts; an account whose renewal failed is left alone for a while.
 */
export async function keepTokensFresh(options: TokenRefreshOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger } = options;
  /** When an account is due: within the buffer before its expiry, at a point of its own. */
  const dueMs = new Map<string, number>();
  const keyOf = (account: AccountOf<'oauth-device'>) => `${account.id} ${account.secret.expiresAtMs}`;
  const isOAuth = (account: Account): account is AccountOf<'oauth-device'> =>
    // Tokens in qwen-code's own file are looked at, and renewed, when a request needs them.
    account.kind === 'oauth-device' && account.enabled && account.linkedFile === undefined;

  while (!signal.aborted) {
    const accounts = options.accounts().filter(isOAuth);
    const known = new Set(accounts.map(keyOf));
    for (const key of [...dueMs.keys()]) if (!known.has(key)) dueMs.delete(key);
    for (const account of accounts) {
      const key = keyOf(account);
      const due =
        dueMs.get(key) ?? account.secret.expiresAtMs - options.refreshBufferMs() * (0.5 + options.random() / 2);
      dueMs.set(key, due);
      // A token that died long ago is renewed by the request that wants it, if any does.
      if (account.secret.expiresAtMs < clock.now()) dueMs.set(key, Number.POSITIVE_INFINITY);
      else if (due <= clock.now()) await renew(account, key);
    }
    const next = Math.min(...dueMs.values(), clock.now() + lookMs);
    try {
      await clock.sleep(Math.max(minimumPauseMs, next - clock.now()), signal);
    } catch {
      return;
    }
  }

  async function renew(account: AccountOf<'oauth-device'>, key: string): Promise<void> {
    try {
      await options.renew(account, signal);
    } catch (error) {
      if (signal.aborted) return;
      logger.warn('A token could not be renewed ahead of its expiry.', { account: account.id, reason: String(error) });
    }
    // A new token has a key of its own. While the token server is down, the old one is given out without an error.
    dueMs.set(key, clock.now() + pauseMs);
  }
}
