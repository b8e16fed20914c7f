import { type Account, accountIdPattern } from '../accounts/account.ts';
import { type RefreshableTokens, requireRefreshToken, type SignIns } from '../accounts/sign-in.ts';
import type { AccountStore } from '../accounts/store.ts';
import type { Clock } from '../core/contracts.ts';
import type {
  AccountSummary,
  AddAccountInput,
  PlanSummary,
  ProbeVerdict,
  ProxyControl,
  SignInPoll,
} from '../core/control.ts';
import { toGatewayError } from '../core/errors.ts';
import { foreignKeyOwner, type Plan, plan, planSummary, plans, validateBaseUrl } from '../upstream/plans.ts';

export interface AccountControlOptions {
  readonly store: AccountStore;
  readonly signIns: SignIns;
  readonly clock: Clock;
  readonly probe: (account: Account) => Promise<ProbeVerdict>;
  readonly summarise: (account: Account) => AccountSummary;
  /** Ends what is remembered against an account. */
  readonly clear: (id: string) => void;
  readonly forget: (id: string) => void;
}

export type AccountControl = Omit<ProxyControl, 'start' | 'stop' | 'snapshot' | 'localKey'>;

/** A mistake in what the user gave; the message says what to write instead. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

const signInTimeoutMs = 30_000;

/** What a user does with accounts. Adding stores first and probes then: the verdict is told, never held against the account. */
export function createAccountControl(options: AccountControlOptions): AccountControl {
  const { store, clock } = options;
  const found = (id: string): Account => {
    const account = store.get(id);
    if (account === undefined) throw missing(id);
    return account;
  };
  const freeId = (base: string): string => {
    if (!store.isTaken(base)) return base;
    for (let number = 2; ; number++) if (!store.isTaken(`${base}-${number}`)) return `${base}-${number}`;
  };
  const newId = (asked: string | undefined, base: string): string => {
    if (asked === undefined) return freeId(base);
    if (!accountIdPattern.test(asked))
      throw new InputError(
        `"${asked}" cannot be an account id: use lower-case letters, digits, "-", "_" and ".", 64 at most.`,
      );
    if (store.isTaken(asked)) throw takenId(asked);
    return asked;
  };
  const changed = async (id: string, change: (stored: Account) => Account): Promise<void> => {
    if ((await store.update(found(id).id, change)) === undefined) throw missing(id);
  };
  const place = (id: string, label: string | undefined) => ({
    version: 1 as const,
    id,
    label: label?.trim() || id,
    enabled: true,
    order: Math.max(-1, ...store.list().map((account) => account.order)) + 1,
    createdAtMs: clock.now(),
  });

  const polls = new Map<string, Promise<SignInPoll>>();
  const pollOnce = async (handle: string): Promise<SignInPoll> => {
    try {
      const step = await options.signIns.poll(handle, AbortSignal.timeout(signInTimeoutMs));
      if (step.status !== 'issued') return step;
      const account = await addSignedIn(requireRefreshToken(step.tokens), step.accountId);
      return { status: 'complete', account: options.summarise(account), verdict: await options.probe(account) };
    } catch (error) {
      return { status: 'failed', message: messageOf(error) };
    }
  };
  /** The tokens are good for one account only: where the wanted id was taken meanwhile, they get the next free one. */
  const addSignedIn = async (tokens: RefreshableTokens, wantedId: string | undefined): Promise<Account> => {
    const { accessToken, refreshToken, expiresAtMs, resourceUrl } = tokens;
    while (true) {
      const account: Account = {
        ...place(freeId(wantedId ?? 'qwen'), wantedId === undefined ? 'Qwen account' : undefined),
        plan: 'oauth',
        kind: 'oauth-device',
        secret: { accessToken, refreshToken, expiresAtMs, ...(resourceUrl !== undefined && { resourceUrl }) },
      };
      if (await store.add(account)) return account;
      await store.reload();
    }
  };

  return {
    plans: async (): Promise<readonly PlanSummary[]> =>
      plans.filter((candidate) => candidate.name !== 'oauth').map(planSummary),

    async addAccount(input) {
      const chosen = plan(input.plan);
      if (chosen === undefined || chosen.name === 'oauth')
        throw new InputError(
          `There is no plan "${input.plan}". Plans: ${plans
            .filter(({ name }) => name !== 'oauth')
            .map(({ name }) => name)
            .join(', ')}.`,
        );
      const common = {
        ...place(newId(input.id, chosen.name), input.label ?? (input.id === undefined ? chosen.label : undefined)),
        plan: chosen.name,
      };
      const account: Account =
        chosen.name === 'demo'
          ? { ...common, kind: 'demo' }
          : { ...common, kind: 'api-key', secret: { key: checkedKey(input.key) }, ...checkedUrls(chosen, input) };
      if (!(await store.add(account))) throw takenId(account.id);
      const verdict = input.probe ? await options.probe(account) : undefined;
      return { account: options.summarise(account), ...(verdict && { verdict }) };
    },

    async removeAccount(id) {
      found(id);
      await store.remove(id);
      options.forget(id);
    },
    async setAccountEnabled(id, enabled) {
      await changed(id, (stored) => ({ ...stored, enabled }));
    },
    async moveAccount(id, index) {
      const moved = found(id);
      const others = store.list().filter((account) => account.id !== id);
      const ordered = others.toSpliced(Math.max(0, Math.min(index, others.length)), 0, moved);
      for (const [order, account] of ordered.entries())
        if (account.order !== order) await store.update(account.id, (stored) => ({ ...stored, order }));
    },
    async clearAccount(id) {
      found(id);
      options.clear(id);
      // Written down as well: another process may hold the same cooldowns in its memory.
      await changed(id, (stored) => ({ ...stored, clearedAtMs: clock.now() }));
    },
    testAccount: async (id) => options.probe(found(id)),

    async startSignIn({ id }) {
      const accountId = id === undefined ? undefined : newId(id, 'qwen');
      try {
        const { handle, device, expiresAtMs, intervalMs } = await options.signIns.start(
          accountId,
          AbortSignal.timeout(signInTimeoutMs),
        );
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
      options.signIns.cancel(handle);
    },
  };
}

const missing = (id: string) => new InputError(`There is no account "${id}".`);
const takenId = (id: string) =>
  new InputError(`There is already an account "${id}". Remove it first, or choose another id.`);

function checkedKey(given: string | undefined): string {
  const key = given?.trim() ?? '';
  if (key === '') throw new InputError('The API key is empty.');
  if (!/^[\x21-\x7e]+$/.test(key)) throw new InputError('The API key holds characters that no key has. Copy it again.');
  const owner = foreignKeyOwner(key);
  if (owner !== undefined) throw new InputError(`This is a key of ${owner}, not of Qwen. It was not sent anywhere.`);
  return key;
}

const isBlank = (text: string | undefined) => text === undefined || text.trim() === '';

function checkedUrls(chosen: Plan, input: AddAccountInput) {
  if (!chosen.needsBaseUrl) {
    if (![input.baseUrl, input.anthropicBaseUrl, input.responsesBaseUrl].every(isBlank))
      throw new InputError(`${chosen.label} has a fixed address; leave the base URL out, or use the plan "custom".`);
    return {};
  }
  if (isBlank(input.baseUrl)) throw new InputError(`${chosen.label} needs a base URL.`);
  const checked = (url: string | undefined) => {
    if (url === undefined || isBlank(url)) return undefined;
    const verdict = validateBaseUrl(chosen.name, url);
    if (!verdict.ok) throw new InputError(verdict.message);
    return verdict.url;
  };
  const [baseUrl, anthropicBaseUrl, responsesBaseUrl] = [
    input.baseUrl,
    input.anthropicBaseUrl,
    input.responsesBaseUrl,
  ].map(checked);
  return {
    ...(baseUrl !== undefined && { baseUrl }),
    ...(anthropicBaseUrl !== undefined && { anthropicBaseUrl }),
    ...(responsesBaseUrl !== undefined && { responsesBaseUrl }),
  };
}

function messageOf(error: unknown): string {
  const { message, fix } = toGatewayError(error);
  return fix === undefined ? message : `${message} ${fix}`;
}
