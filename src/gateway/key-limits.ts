import { checkModel, type NamedClientKey } from '../core/client-key.ts';
import { GatewayError } from '../core/errors.ts';
import type { KeyRates, KeyVerdict } from '../core/key-rates.ts';

const dayMs = 86_400_000;

export interface KeyLimitsOptions {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Tokens that the key of this name used since 00:00 UTC. */
  readonly tokensToday: (name: string) => number;
  readonly defaultModel: () => string;
  /** Of this process, or of the team. */
  readonly rates: KeyRates;
}

/**
 * Lets a request of a named key begin, or refuses it; the returned function is called at its end.
 * @throws GatewayError `too_many_requests` with the time to wait, or `forbidden` for a model that is not the key's.
 */
export type AdmitKey = (key: NamedClientKey | undefined, model: string | undefined) => Release | Promise<Release>;
type Release = () => void;

const nothing = () => {};

export function createKeyLimits({ now, tokensToday, defaultModel, rates }: KeyLimitsOptions): AdmitKey {
  return (key, model) => {
    if (key === undefined) return nothing;
    const { name, limits } = key;
    const { concurrentRequests, requestsPerMinute, tokensPerDay } = limits;
    checkModel(key, model ?? defaultModel());
    if (tokensPerDay !== undefined && tokensToday(name) >= tokensPerDay)
      throw tooMany(name, `${tokensPerDay} tokens a day`, dayMs - (now() % dayMs));
    if (concurrentRequests === undefined && requestsPerMinute === undefined) return nothing;

    // A key of the same name that was made anew begins anew.
    const id = `${name} ${key.digest}`;
    const conclude = (verdict: KeyVerdict): Release => {
      if (verdict.refusedBy === 'concurrentRequests')
        throw tooMany(name, `${concurrentRequests} requests at once`, verdict.retryAfterMs);
      if (verdict.refusedBy === 'requestsPerMinute')
        throw tooMany(name, `${requestsPerMinute} requests a minute`, verdict.retryAfterMs);
      let isOver = concurrentRequests === undefined;
      return () => {
        if (!isOver) rates.end(id);
        isOver = true;
      };
    };
    const verdict = rates.begin(id, limits);
    return verdict instanceof Promise ? verdict.then(conclude) : conclude(verdict);
  };
}

const tooMany = (name: string, limit: string, retryAfterMs: number) =>
  new GatewayError('too_many_requests', `The key "${name}" is limited to ${limit}.`, { retryAfterMs });
