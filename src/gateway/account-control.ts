import { type Account, accountIdPattern } from '../accounts/account.ts';
import { requireRefreshToken, type SignIns } from '../accounts/sign-in.ts';
import type { AccountStore } from '../accounts/store.ts';
import type { Clock } from '../core/contracts.ts';
import type { AccountSummary, AddAccountInput, PlanSummary, ProbeVerdict, ProxyControl } from '../core/control.ts';
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
    if (account === undefined) throw new InputError(`There is no account "${id}".`);
    return account;
  };
  const freeId = (base: string): string => {
    if (store.get(base) === undefined) return base;
    for (let number = 2; ; number++) if (store.get(`${base}-${number}`) === undefined) return `${base}-${number}`;
  };
  const newId = (asked: string | undefined, base: string): string => {
    if (asked === undefined) return freeId(base);
    if (!accountIdPattern.test(asked))
      throw new InputError(
        `"${asked}" cannot be an account id: use lower-case letters, digits, "-", "_" and ".", 64 at most.`,
      );
    if (store.get(asked) !== undefined)
      throw new InputError(`There is already an account "${asked}". Remove it first, or choose another id.`);
    return asked;
  };
  const place = (id: string, label: string | undefined) => ({
    version: 1 as const,
    id,
    label: label?.trim() || id,
    enabled: true,
    order: Math.max(-1, ...store.list().map((account) => account.order)) + 1,
    createdAtMs: clock.now(),
  });

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
      await store.put(account);
      const verdict = input.probe ? await options.probe(account) : undefined;
      return { account: options.summarise(account), ...(verdict && { verdict }) };
    },

    async removeAccount(id) {
      found(id);
      await store.remove(id);
      options.forget(id);
    },
    async setAccountEnabled(id, enabled) {
      await store.put({ ...found(id), enabled });
    },
    async moveAccount(id, index) {
      const moved = found(id);
      const others = store.list().filter((account) => account.id !== id);
      const ordered = others.toSpliced(Math.max(0, Math.min(index, others.length)), 0, moved);
      for (const [order, account] of ordered.entries())
        if (account.order !== order) await store.put({ ...account, order });
    },
    async clearAccount(id) {
      found(id);
      options.clear(id);
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
    async pollSignIn(handle) {
      try {
        const step = await options.signIns.poll(handle, AbortSignal.timeout(signInTimeoutMs));
        if (step.status !== 'issued') return step;
        const { accessToken, refreshToken, expiresAtMs, resourceUrl } = requireRefreshToken(step.tokens);
        const account: Account = {
          ...place(step.accountId ?? freeId('qwen'), step.accountId === undefined ? 'Qwen account' : undefined),
          plan: 'oauth',
          kind: 'oauth-device',
          secret: { accessToken, refreshToken, expiresAtMs, ...(resourceUrl !== undefined && { resourceUrl }) },
        };
        await store.put(account);
        return { status: 'complete', account: options.summarise(account), verdict: await options.probe(account) };
      } catch (error) {
        return { status: 'failed', message: messageOf(error) };
      }
    },
    async cancelSignIn(handle) {
      options.signIns.cancel(handle);
    },
  };
}

function checkedKey(given: string | undefined): string {
  const key = given?.trim() ?? '';
  if (key === '') throw new InputError('The API key is empty.');
  if (!/^[\x21-\x7e]+$/.test(key)) throw new InputError('The API key holds characters that no key has. Copy it again.');
  const owner = foreignKeyOwner(key);
  if (owner !== undefined) throw new InputError(`This is a key of ${owner}, not of Qwen. It was not sent anywhere.`);
  return key;
}

function checkedUrls(chosen: Plan, input: AddAccountInput) {
  if (!chosen.needsBaseUrl) {
    if (input.baseUrl !== undefined)
      throw new InputError(`${chosen.label} has a fixed address; leave the base URL out, or use the plan "custom".`);
    return {};
  }
  if (input.baseUrl === undefined || input.baseUrl.trim() === '')
    throw new InputError(`${chosen.label} needs a base URL.`);
  const checked = (url: string | undefined) => {
    if (url === undefined) return undefined;
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
