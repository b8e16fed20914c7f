import { accountIdPattern } from '../accounts/account.ts';
import type { AccountStore } from '../accounts/store.ts';
import type { Clock } from '../core/contracts.ts';
import type { AddAccountInput } from '../core/control.ts';
import { InputError } from '../core/input-error.ts';
import { foreignKeyOwner, type Plan, validateBaseUrl } from '../upstream/plans.ts';

/** The key as people paste it, trimmed; refuses what cannot be a key of Qwen. */
export function checkedKey(given: string | undefined): string {
  const key = given?.trim() ?? '';
  if (key === '') throw new InputError('The API key is empty.');
  if (!/^[\x21-\x7e]+$/.test(key)) throw new InputError('The API key holds characters that no key has. Copy it again.');
  const owner = foreignKeyOwner(key);
  if (owner !== undefined) throw new InputError(`This is a key of ${owner}, not of Qwen. It was not sent anywhere.`);
  return key;
}

const isBlank = (text: string | undefined) => text === undefined || text.trim() === '';

/** The base URLs of a new account, normalised; refuses those that its plan cannot have. */
export function checkedUrls(chosen: Plan, input: AddAccountInput) {
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

/** The first of `base`, `base-2`, `base-3` … that no account has. */
export function freeId(store: Pick<AccountStore, 'isTaken'>, base: string): string {
  if (!store.isTaken(base)) return base;
  for (let number = 2; ; number++) if (!store.isTaken(`${base}-${number}`)) return `${base}-${number}`;
}

/** The id that was asked for, or a free one. */
export function newId(store: Pick<AccountStore, 'isTaken'>, asked: string | undefined, base: string): string {
  if (asked === undefined) return freeId(store, base);
  if (!accountIdPattern.test(asked))
    throw new InputError(
      `"${asked}" cannot be an account id: use lower-case letters, digits, "-", "_" and ".", 64 at most.`,
    );
  if (store.isTaken(asked)) throw takenId(asked);
  return asked;
}

/** There is no account of this id. */
export const missingAccount = (id: string) => new InputError(`There is no account "${id}".`);

/** The id belongs to another account. */
export const takenId = (id: string) =>
  new InputError(`There is already an account "${id}". Remove it first, or choose another id.`);

/** What every new account begins with: last in the user's order, and switched on. */
export function newPlace(
  { store, clock }: { readonly store: Pick<AccountStore, 'list'>; readonly clock: Pick<Clock, 'now'> },
  id: string,
  label: string | undefined,
) {
  return {
    version: 1 as const,
    id,
    label: label?.trim() || id,
    enabled: true,
    order: Math.max(-1, ...store.list().map((account) => account.order)) + 1,
    createdAtMs: clock.now(),
  };
}
