import type { Account, OAuthSecret } from '../accounts/account.ts';
import type { LinkedCredentials } from '../accounts/linked-credentials.ts';
import { type RefreshableTokens, requireRefreshToken, type SignIns } from '../accounts/sign-in.ts';
import type { AccountStore } from '../accounts/store.ts';
import type { Clock } from '../core/contracts.ts';
import type { AccountSummary, ProbeVerdict, ProxyControl } from '../core/control.ts';
import { toGatewayError } from '../core/errors.ts';
import type { SignInPoll } from '../core/sign-in.ts';
import { freeId, newId, newPlace } from './account-input.ts';

export interface AccountSignInsOptions {
  readonly store: AccountStore;
  readonly signIns: SignIns;
  readonly clock: Clock;
  readonly linked: LinkedCredentials;
  readonly probe: (account: Account) => Promise<ProbeVerdict>;
  readonly summarise: (account: Account) => AccountSummary;
  /** Ends what is remembered against an account. */
  readonly clear: (id: string) => void;
}

const signInTimeoutMs = 30_000;

/** The device flow as a user runs it: for a new account, or to renew the tokens of one. */
export function createAccountSignIns(
  options: AccountSignInsOptions,
): Pick<ProxyControl, 'startSignIn' | 'pollSignIn' | 'cancelSignIn'> {
  const { store, signIns, clock } = options;
  const polls = new Map<string, Promise<SignInPoll>>();
  /** Flows that were begun for an account there was. */
  const renewals = new Set<string>();

  const pollOnce = async (handle: string): Promise<SignInPoll> => {
    try {
      const step = await signIns.poll(handle, AbortSignal.timeout(signInTimeoutMs));
      if (step.status === 'pending') return step;
      const isRenewal = renewals.delete(handle);
      if (step.status !== 'issued') return step;
      const tokens = requireRefreshToken(step.tokens);
      const renewed =
        isRenewal && step.accountId !== undefined ? await renewSignedIn(tokens, step.accountId) : undefined;
      const account = renewed ?? (await addSignedIn(tokens, step.accountId));
      return { status: 'complete', account: options.summarise(account), verdict: await options.probe(account) };
    } catch (error) {
      return { status: 'failed', message: messageOf(error) };
    }
  };

  /** The account keeps its place, label and switch; `undefined` where it was removed meanwhile. */
  const renewSignedIn = async (tokens: RefreshableTokens, id: string): Promise<Account | undefined> => {
    const current = await store.reread(id);
    if (current?.kind !== 'oauth-device') return undefined;
    if (current.linkedFile !== undefined) await options.linked.store(current.linkedFile, tokens);
    const renewed = await store.update(id, (stored) =>
      stored.kind !== 'oauth-device'
        ? stored
        : {
            ...stored,
            clearedAtMs: clock.now(),
            ...(stored.linkedFile === undefined && { secret: secretOf(tokens) }),
          },
    );
    options.clear(id);
    return renewed;
  };

  /** The tokens are good for one account only: where the wanted id was taken meanwhile, they get the next free one. */
  const addSignedIn = async (tokens: RefreshableTokens, wantedId: string | undefined): Promise<Account> => {
    while (true) {
      const id = freeId(store, wantedId ?? 'qwen');
      const account: Account = {
        ...newPlace({ store, clock }, id, wantedId === undefined ? 'Qwen account' : undefined),
        plan: 'oauth',
        kind: 'oauth-device',
        secret: secretOf(tokens),
      };
      if (await store.add(account)) return account;
      await store.reload();
    }
  };

  return {
    async startSignIn({ id }) {
      const isRenewal = id !== undefined && store.get(id)?.kind === 'oauth-device';
      const accountId = id === undefined || isRenewal ? id : newId(store, id, 'qwen');
      try {
        const { handle, device, expiresAtMs, intervalMs } = await signIns.start(
          accountId,
          AbortSignal.timeout(signInTimeoutMs),
        );
        if (isRenewal) renewals.add(handle);
        return {
          handle,
          userCode: device.userCode,
          verificationUri: device.verificationUri,
          verificationUriComplete: device.verificationUriComplete,
          expiresAtMs,
          intervalMs,
        };
      } catch (error) {
        throw new Error(messageOf(error), { cause: error });
      }
    },
    pollSignIn(handle) {
      // Two lookers at one flow are told the same; the account is added once.
      const running = polls.get(handle);
      if (running !== undefined) return running;
      const poll = pollOnce(handle).finally(() => polls.delete(handle));
      polls.set(handle, poll);
      return poll;
    },
    async cancelSignIn(handle) {
      renewals.delete(handle);
      signIns.cancel(handle);
    },
  };
}

function secretOf({ accessToken, refreshToken, expiresAtMs, resourceUrl }: RefreshableTokens): OAuthSecret {
  return { accessToken, refreshToken, expiresAtMs, ...(resourceUrl !== undefined && { resourceUrl }) };
}

function messageOf(error: unknown): string {
  const { message, fix } = toGatewayError(error);
  return fix === undefined ? message : `${message} ${fix}`;
}
