import type { Clock } from '../core/contracts.ts';

/** Sessions that were silent this long start anew: Qwen's prompt cache lives five minutes, renewed by each hit. */
const idleMs = 60 * 60_000;
/** More conversations than one person has open; the longest silent one gives way. */
const maximumSessions = 5_000;

/**
 * Which account a conversation is on. Qwen's prompt cache belongs to an account and a model, so a conversation that hops
 * pays its whole context again.
 */
export interface Affinity {
  /** The account that served the session last, if it was not long ago. */
  accountOf(session: string): string | undefined;
  bind(session: string, accountId: string): void;
  /** Forgets every session of an account that is gone. */
  forget(accountId: string): void;
  /** Sessions per account, for spreading new ones. */
  sessionsOf(accountId: string): number;
}

export function createAffinity(clock: Clock): Affinity {
  /** In order of last use: a Map keeps insertion order, and every use re-inserts. */
  const sessions = new Map<string, { readonly accountId: string; readonly usedMs: number }>();
  const counts = new Map<string, number>();

  const drop = (session: string) => {
    const bound = sessions.get(session);
    if (bound === undefined) return;
    sessions.delete(session);
    const left = (counts.get(bound.accountId) ?? 1) - 1;
    if (left === 0) counts.delete(bound.accountId);
    else counts.set(bound.accountId, left);
  };
  const dropSilent = () => {
    for (const [session, { usedMs }] of sessions) {
      if (sessions.size <= maximumSessions && clock.now() - usedMs < idleMs) return;
      drop(session);
    }
  };

  return {
    accountOf(session) {
      dropSilent();
      return sessions.get(session)?.accountId;
    },
    bind(session, accountId) {
      const isBound = sessions.get(session)?.accountId === accountId;
      if (isBound) sessions.delete(session);
      else drop(session);
      sessions.set(session, { accountId, usedMs: clock.now() });
      if (!isBound) counts.set(accountId, (counts.get(accountId) ?? 0) + 1);
      dropSilent();
    },
    forget(accountId) {
      for (const [session, bound] of [...sessions]) if (bound.accountId === accountId) drop(session);
    },
    sessionsOf: (accountId) => counts.get(accountId) ?? 0,
  };
}
