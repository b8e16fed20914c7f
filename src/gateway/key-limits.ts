import { checkModel, type NamedClientKey } from '../core/client-key.ts';
import { GatewayError } from '../core/errors.ts';
import type { KeyRates, KeyVerdict, OwnKeyRates } from '../core/key-rates.ts';
import { createLabelBound } from './label-bound.ts';

const dayMs = 86_400_000;

export interface KeyLimitsOptions {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Tokens that the key of this name used since 00:00 UTC. */
  readonly tokensToday: (name: string) => number;
  readonly defaultModel: () => string;
  /** Of this process, or of the team. */
  readonly rates: KeyRates;
  /** Of each program without a key of its own; 0 = as many as it likes. */
  readonly requestsPerMinute: () => number;
  /** Those of programs: of this process, because a belt of one machine is no matter of the team. */
  readonly programRates: OwnKeyRates;
}

/** Programs that are told apart; however many names a client makes up, the rest shares one place. */
const maximumPrograms = 100;

/**
 * Lets a request begin, or refuses it; the returned function is called at its end.
 * @param userAgent Tells programs apart that have no key of their own: a runaway one must not stop the others.
 * @throws GatewayError `too_many_requests` with the time to wait, or `forbidden` for a model that is not the key's.
 */
export type AdmitKey = (
  key: NamedClientKey | undefined,
  model: string | undefined,
  userAgent: string | undefined,
) => Release | Promise<Release>;
type Release = () => void;

const nothing = () => {};

export function createKeyLimits(options: KeyLimitsOptions): AdmitKey {
  const { now, tokensToday, defaultModel, rates } = options;
  const programOf = createLabelBound(maximumPrograms);
  const admitProgram = (userAgent: string | undefined) => {
    const requestsPerMinute = options.requestsPerMinute();
    if (requestsPerMinute === 0) return;
    const program = programOf(userAgent?.split(/[ /]/, 1)[0]?.slice(0, 80) || 'a nameless program', true);
    const verdict = options.programRates.begin(program, { requestsPerMinute });
    if (verdict.refusedBy === undefined) return;
    throw new GatewayError('too_many_requests', `${program} is limited to ${requestsPerMinute} requests a minute.`, {
      retryAfterMs: verdict.retryAfterMs,
      fix: 'Wait, or raise the setting requestsPerMinute (REQUESTS_PER_MINUTE).',
    });
  };
  return (key, model, userAgent) => {
    if (key === undefined) {
      admitProgram(userAgent);
      return nothing;
    }
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
