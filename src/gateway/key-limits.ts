import type { NamedClientKey } from '../core/client-key.ts';
import { GatewayError } from '../core/errors.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

export interface KeyLimitsOptions {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Tokens that the key of this name used since 00:00 UTC. */
  readonly tokensToday: (name: string) => number;
  readonly defaultModel: () => string;
}

/**
 * Lets a request of a named key begin, or refuses it; the returned function is called at its end.
 * @throws GatewayError `too_many_requests` with the time to wait, or `forbidden` for a model that is not the key's.
 */
export type AdmitKey = (key: NamedClientKey | undefined, model: string | undefined) => () => void;

interface KeyState {
  /** Requests that may begin at once; fractions are on their way. */
  allowance: number;
  countedAtMs: number;
  open: number;
}

export function createKeyLimits({ now, tokensToday, defaultModel }: KeyLimitsOptions): AdmitKey {
  const states = new Map<string, KeyState>();
  return (key, model) => {
    if (key === undefined) return () => {};
    const { name, limits } = key;
    const { requestsPerMinute = Number.POSITIVE_INFINITY, concurrentRequests, tokensPerDay } = limits;
    const nowMs = now();
    // A key of the same name that was made anew begins anew.
    const id = `${name} ${key.digest}`;
    const state = states.get(id) ?? { allowance: requestsPerMinute, countedAtMs: nowMs, open: 0 };
    states.set(id, state);

    const asked = model ?? defaultModel();
    if (limits.models !== undefined && !limits.models.some((pattern) => matches(asked, pattern)))
      throw new GatewayError('forbidden', `The key "${name}" may not use the model ${asked}.`, {
        param: 'model',
        fix: `It may use ${limits.models.join(', ')}.`,
      });
    if (tokensPerDay !== undefined && tokensToday(name) >= tokensPerDay)
      throw tooMany(name, `${tokensPerDay} tokens a day`, dayMs - (nowMs % dayMs));
    if (concurrentRequests !== undefined && state.open >= concurrentRequests)
      throw tooMany(name, `${concurrentRequests} requests at once`, 1_000);
    const earned = ((nowMs - state.countedAtMs) * requestsPerMinute) / minuteMs;
    state.allowance =
      requestsPerMinute === Number.POSITIVE_INFINITY
        ? requestsPerMinute
        : Math.min(requestsPerMinute, state.allowance + Math.max(0, earned));
    state.countedAtMs = nowMs;
    if (state.allowance < 1)
      throw tooMany(
        name,
        `${requestsPerMinute} requests a minute`,
        Math.ceil(((1 - state.allowance) * minuteMs) / requestsPerMinute),
      );
    state.allowance -= 1;
    state.open += 1;
    let isOver = false;
    return () => {
      if (!isOver) state.open -= 1;
      isOver = true;
    };
  };
}

const tooMany = (name: string, limit: string, retryAfterMs: number) =>
  new GatewayError('too_many_requests', `The key "${name}" is limited to ${limit}.`, { retryAfterMs });

const matches = (model: string, pattern: string) =>
  pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : model === pattern;
