import { setTimeout as pause } from 'node:timers/promises';
import {
  costMsOf,
  createKeyRates,
  type KeyRateLimits,
  type KeyRates,
  type KeyUse,
  type KeyVerdict,
  refuseBegin,
} from '../core/key-rates.ts';
import { useScript } from './key-use-script.ts';
import type { RedisLink } from './link.ts';

/** A Redis that has not answered by then is not waited for: the replica decides alone until it has. */
const patienceMs = 250;
/** What was over elsewhere a moment ago may not have been told yet. */
const graceMs = 30;
/** Requests of a replica that says nothing for this long are over, whatever became of it. */
const lifeMs = 15_000;
const tellMs = 5_000;

/** How a key stood in the team, and whether the request that asked fits. */
interface TeamUse extends KeyUse {
  readonly fits: boolean;
}

/**
 * The limits of client keys over all replicas: Redis counts and decides in one step, one question a request. Every question
 * says how the key stands here, so that a Redis which was away or emptied is told by the way; meanwhile each replica holds
 * the key to its limits alone, from the last state that it knows.
 */
export function openKeyRates(link: RedisLink, replica: string): KeyRates & { close(): void } {
  const own = createKeyRates(() => performance.now());
  /** Questions that are overdue. */
  let overdue = 0;

  const send = (key: string, mine: KeyUse, limits?: KeyRateLimits) =>
    link.send(
      ...['EVAL', useScript, '1', link.key(`key-use:${key}`), replica],
      ...[mine.open, mine.owedMs * 1_000, lifeMs * 1_000].map((amount) => amount.toFixed(0)),
      ...(limits === undefined
        ? []
        : [costMsOf(limits) * 1_000, limits.concurrentRequests ?? 0].map((amount) => amount.toFixed(0))),
    );
  const tell = (key: string) => {
    if (link.isUp) void send(key, own.use(key)).catch(() => {});
  };
  const tellAll = (isToldOf: (use: KeyUse) => boolean) => {
    for (const key of own.keys()) if (isToldOf(own.use(key))) tell(key);
  };
  /** `undefined` where Redis does not say in time. */
  const ask = async (key: string, limits: KeyRateLimits): Promise<TeamUse | undefined> => {
    if (!link.isUp || overdue > 0) return undefined;
    const answer = send(key, own.use(key), limits).then(decodeUse, () => undefined);
    const inTime = new AbortController();
    const late = Symbol('late');
    const first = await Promise.race([
      answer,
      pause(patienceMs, late, { signal: inTime.signal, ref: false }).catch(() => undefined),
    ]);
    inTime.abort();
    if (first !== late) return typeof first === 'symbol' ? undefined : first;
    overdue++;
    void answer.then(() => {
      overdue--;
      tellAll(() => true);
    });
    return undefined;
  };

  /** Questions about one key go one after the other: each says how many requests the ones before have let begin. */
  const turns = new Map<string, Promise<unknown>>();
  const inTurn = <Result>(key: string, work: () => Promise<Result>): Promise<Result> => {
    const result = (turns.get(key) ?? Promise.resolve()).then(work);
    turns.set(
      key,
      result.catch(() => {}),
    );
    return result;
  };
  const begin = async (key: string, limits: KeyRateLimits): Promise<KeyVerdict> => {
    const team = await ask(key, limits);
    if (team === undefined) return own.begin(key, limits);
    const { open } = own.use(key);
    own.learn(key, {
      open: open + (team.fits && limits.concurrentRequests !== undefined ? 1 : 0),
      owedMs: team.owedMs + (team.fits ? costMsOf(limits) : 0),
    });
    return team.fits ? {} : refuseBegin(limits, team);
  };

  link.onDidReconnect(() => tellAll(({ open, owedMs }) => open > 0 || owedMs > 0));
  const telling = setInterval(() => tellAll(({ open }) => open > 0), tellMs).unref();
  return {
    async begin(key, limits) {
      const verdict = await inTurn(key, () => begin(key, limits));
      if (verdict.refusedBy !== 'concurrentRequests') return verdict;
      await pause(graceMs);
      return inTurn(key, () => begin(key, limits));
    },
    end(key) {
      own.end(key);
      void inTurn(key, async () => tell(key));
    },
    close: () => clearInterval(telling),
  };
}

function decodeUse(answer: unknown): TeamUse | undefined {
  if (!Array.isArray(answer)) return undefined;
  const [open, owedUs, fits] = answer.map(Number);
  return open === undefined || owedUs === undefined ? undefined : { open, owedMs: owedUs / 1_000, fits: fits === 1 };
}
