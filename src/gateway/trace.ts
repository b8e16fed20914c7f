import type { Lease } from '../accounts/pool.ts';
import type { Dialect, GenerationRequest } from '../core/dialect.ts';
import type { Usage } from '../core/usage.ts';
import type { LedgerEntry, RequestOutcome } from '../usage/ledger-entry.ts';
import type { Exchange } from './exchange.ts';

/** One try of a request: on which account, whether the upstream began to answer, and what ended it. */
export interface AttemptTrace {
  readonly account: string;
  committed?: boolean;
  error?: string;
}

/** What is known about a request when it is over; becomes its ledger line. */
export interface Trace {
  readonly startedMs: number;
  readonly attempts: AttemptTrace[];
  lease?: Lease;
  lane?: string;
  firstOutputMs?: number;
  endedMs?: number;
}

/** How a request ended. */
export interface Ending {
  readonly outcome: RequestOutcome;
  readonly status: number;
  readonly usage?: Usage | undefined;
  readonly error?: string;
}

/** A request on its way: what came in, and what is known of it by now. */
export interface TracedRequest {
  readonly dialect: Dialect;
  readonly request: GenerationRequest;
  readonly exchange: Exchange;
  readonly trace: Trace;
}

/** The ledger line of a request that is over. */
export function ledgerEntryOf(
  { dialect, request, exchange, trace }: TracedRequest,
  { outcome, status, usage, error }: Ending,
  nowMs: number,
): LedgerEntry {
  const { lease, lane, attempts, startedMs, firstOutputMs } = trace;
  return {
    v: 1,
    at: nowMs,
    id: exchange.requestId,
    ...(exchange.clientKey !== undefined && { key: exchange.clientKey }),
    ...(exchange.userAgent !== undefined && { client: exchange.userAgent.split(' ', 1)[0]?.slice(0, 80) ?? '' }),
    dialect: dialect.id,
    ...(lane !== undefined && { lane }),
    ...(request.model !== undefined && { modelAsked: request.model }),
    ...(lease && { model: lease.model, account: lease.account.id }),
    attempts,
    outcome,
    status,
    ...(error !== undefined && { error }),
    ...(firstOutputMs !== undefined && { ttftMs: firstOutputMs - startedMs }),
    durationMs: nowMs - startedMs,
    ...usage,
  };
}
