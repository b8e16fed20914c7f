import { GatewayError } from '../core/errors.ts';

/** What the attempt loop does after a failed attempt. */
export type Verdict =
  /** The error is the client's to see. */
  | { readonly action: 'answer' }
  /** Another account. */
  | { readonly action: 'rotate' }
  /** The same account once more, after a pause. */
  | { readonly action: 'retry'; readonly afterMs: number };

export interface AttemptHistory {
  /** Attempts that this account has failed in this request, the present one included. */
  readonly failuresOfAccount: number;
  /** Another account could still be tried. */
  readonly hasOther: boolean;
  /** 0 to 1, for jitter. */
  readonly random: number;
}

/** Pauses longer than this are left to the client, who is told how long. */
const longestPauseMs = 5_000;

/**
 * The one switch over error scopes. Retries are bounded: a provider fault gets one more try on the same account, a burst
 * or concurrency limit two when there is nobody else to ask.
 */
export function judge(error: GatewayError, history: AttemptHistory): Verdict {
  const { failuresOfAccount, hasOther, random } = history;
  switch (error.scope) {
    case 'request':
    case 'local':
      return { action: 'answer' };
    case 'account': {
      if (hasOther) return { action: 'rotate' };
      // Qwen's burst guard asks for smoother starts, not for another key.
      const isMomentary = error.code === 'burst' || error.code === 'concurrency';
      const pauseMs = error.retryAfterMs ?? failuresOfAccount * 1_000 + random * 1_000;
      return isMomentary && failuresOfAccount <= 2 && pauseMs <= longestPauseMs
        ? { action: 'retry', afterMs: pauseMs }
        : { action: 'answer' };
    }
    case 'provider': {
      // A refused connection will be refused again at once; a server that failed often answers the second time.
      if (error.code === 'upstream_unreachable' && hasOther) return { action: 'rotate' };
      const pauseMs = error.retryAfterMs ?? 300 + random * 400;
      if (failuresOfAccount <= 1 && pauseMs <= longestPauseMs) return { action: 'retry', afterMs: pauseMs };
      return hasOther ? { action: 'rotate' } : { action: 'answer' };
    }
  }
}

/** From what a client can wait out to what only the user can mend. */
const preference: readonly GatewayError['code'][] = [
  'burst',
  'concurrency',
  'rate_limited',
  'token_rate_limited',
  'upstream_overloaded',
  'upstream_error',
  'upstream_timeout',
  'upstream_protocol',
  'model_output',
  'upstream_unreachable',
  'accounts_cooling',
  'quota_soft',
  'quota_exhausted',
  'billing',
];

/**
 * Of all the errors that the accounts gave, the one that tells the client most truly what to do; with the shortest wait
 * that is known, if it names none itself.
 * @param refusal The pool's own word, where it had nobody left to try. It counts as an answer only where an account
 * recovers soon, or none was asked.
 */
export function mostTelling(errors: readonly GatewayError[], refusal?: GatewayError): GatewayError {
  const place = (error: GatewayError) => {
    const found = preference.indexOf(error.code);
    return found === -1 ? preference.length : found;
  };
  const counts = refusal !== undefined && (refusal.code === 'accounts_cooling' || errors.length === 0);
  const [best] = [...errors, ...(counts ? [refusal] : [])].toSorted((a, b) => place(a) - place(b));
  if (best === undefined) throw new TypeError('There is no error to tell.');
  const waits = [...errors, refusal].map((error) => error?.retryAfterMs).filter((waitMs) => waitMs !== undefined);
  if (best.retryAfterMs !== undefined || waits.length === 0) return best;
  return new GatewayError(best.code, best.message, { ...best, cause: best.cause, retryAfterMs: Math.min(...waits) });
}
