import type { AccountStrategy } from '../core/settings.ts';

/** What a strategy may look at. The pool has already left out whoever cannot serve. */
export interface Candidate {
  readonly id: string;
  /** Client requests answered since 00:00 UTC. */
  readonly requestsToday: number;
  /** Requests being served right now. */
  readonly inFlight: number;
  /** What remains of the tightest quota window, 0 to 1; `undefined` where no limit is known. */
  readonly quotaLeft: number | undefined;
}

type Comparison = (a: Candidate, b: Candidate) => number;

const leastUsed: Comparison = (a, b) => a.inFlight - b.inFlight || a.requestsToday - b.requestsToday;
/** An unknown quota counts as full: such an account has no window that could run out. */
const mostQuotaLeft: Comparison = (a, b) => (b.quotaLeft ?? 1) - (a.quotaLeft ?? 1) || leastUsed(a, b);

/**
 * Orders the candidates, best first; they come in the user's own order, which decides between equals.
 * @param lastId The account picked before this one, for `round-robin`.
 * @param userOrder Every account's id in the user's order, the unavailable ones included.
 */
export function rank(
  strategy: AccountStrategy,
  candidates: readonly Candidate[],
  { lastId, userOrder }: { readonly lastId: string | undefined; readonly userOrder: readonly string[] },
): readonly Candidate[] {
  switch (strategy) {
    case 'fallback':
      return candidates;
    case 'least-used':
      return candidates.toSorted(leastUsed);
    case 'most-quota-left':
      return candidates.toSorted(mostQuotaLeft);
    case 'round-robin': {
      const last = lastId === undefined ? -1 : userOrder.indexOf(lastId);
      const turn = (candidate: Candidate) =>
        (userOrder.indexOf(candidate.id) - last - 1 + userOrder.length) % userOrder.length;
      return candidates.toSorted((a, b) => turn(a) - turn(b));
    }
  }
}
