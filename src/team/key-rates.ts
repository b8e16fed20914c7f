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

/** One that Redis has not answered in time was decided without it. */
interface Question {
  isLate: boolean;
}

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
  /** Questions that are on their way, by key, and how many of all are overdue. */
  const asking = new Map<string, number>();
  let overdue = 0;

  /** What arrives is taken in order: while questions are on their way, only Redis knows what they have let begin. */
  const send = (key: string, change: number, limits?: KeyRateLimits) => {
    const { open, owedMs } = own.use(key);
    return link.send(
      ...['EVAL', useScript, '1', link.key(`key-use:${key}`), replica, asking.has(key) ? `+${change}` : `=${open}`],
      ...[owedMs, lifeMs].map(inMicroseconds),
      ...(limits === undefined ? [] : [inMicroseconds(costMsOf(limits)), String(limits.concurrentRequests ?? 0)]),
    );
  };
  const tell = (key: string, change = 0) => {
    if (link.isUp) void send(key, change).catch(() => {});
  };
  const tellAll = (isToldOf: (use: KeyUse) => boolean) => {
    for (const key of own.keys()) if (isToldOf(own.use(key))) tell(key);
  };
  /** Takes the answer in at once, before anything else is sent; `undefined` for none, and for one that is too late. */
  const ask = async (key: string, limits: KeyRateLimits, question: Question): Promise<KeyVerdict | undefined> => {
    const answer = send(key, 0, limits);
    asking.set(key, (asking.get(key) ?? 0) + 1);
    try {
      const team = decodeUse(await answer);
      if (team === undefined || question.isLate) return undefined;
      own.learn(key, {
        open: own.use(key).open + (team.fits && limits.concurrentRequests !== undefined ? 1 : 0),
        owedMs: team.owedMs + (team.fits ? costMsOf(limits) : 0),
      });
      return team.fits ? {} : refuseBegin(limits, team);
    } catch {
      return undefined;
    } finally {
      const left = (asking.get(key) ?? 1) - 1;
      if (left > 0) asking.set(key, left);
      else asking.delete(key);
    }
  };
  const begin = async (key: string, limits: KeyRateLimits): Promise<KeyVerdict> => {
    if (!link.isUp || overdue > 0) return own.begin(key, limits);
    const question: Question = { isLate: false };
    const answer = ask(key, limits, question);
    const verdict = await new Promise<KeyVerdict | undefined>((resolve) => {
      const patience = setTimeout(() => {
        question.isLate = true;
        overdue++;
        resolve(undefined);
      }, patienceMs);
      void answer.then((answered) => {
        clearTimeout(patience);
        resolve(answered);
        if (!question.isLate) return;
        overdue--;
        // What was decided alone meanwhile counts.
        if (overdue === 0) tellAll(() => true);
      });
    });
    return verdict ?? own.begin(key, limits);
  };

  link.onDidReconnect(() => tellAll(({ open, owedMs }) => open > 0 || owedMs > 0));
  const telling = setInterval(() => tellAll(({ open }) => open > 0), tellMs).unref();
  return {
    async begin(key, limits) {
      const verdict = await begin(key, limits);
      if (verdict.refusedBy !== 'concurrentRequests') return verdict;
      await pause(graceMs);
      return begin(key, limits);
    },
    end(key) {
      own.end(key);
      tell(key, -1);
    },
    close: () => clearInterval(telling),
  };
}

const inMicroseconds = (ms: number) => (ms * 1_000).toFixed(0);

function decodeUse(answer: unknown): TeamUse | undefined {
  if (!Array.isArray(answer)) return undefined;
  const [open, owedUs, fits] = answer.map(Number);
  return open === undefined || owedUs === undefined ? undefined : { open, owedMs: owedUs / 1_000, fits: fits === 1 };
}
