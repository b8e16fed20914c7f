import type { Logger } from '../core/contracts.ts';
import type { Ending, TracedRequest } from './trace.ts';

/** One line for a request that is over: names and numbers that say what became of it, no text of it. */
export function logRequest(
  logger: Logger,
  { dialect, request, exchange, trace }: TracedRequest,
  { outcome, status, usage, error }: Ending,
): void {
  const { lease, lane, attempts, startedMs, firstOutputMs, endedMs } = trace;
  logger.info('Request.', {
    request: exchange.requestId,
    // The id of the trace; the rest of the header is about spans.
    trace: exchange.traceHeaders?.traceparent?.slice(3, 35),
    key: exchange.clientKey,
    dialect: dialect.id,
    lane,
    stream: request.stream,
    model: lease?.model,
    account: lease?.account.id,
    attempts: attempts.length,
    outcome,
    status,
    error,
    ttftMs: firstOutputMs === undefined ? undefined : firstOutputMs - startedMs,
    durationMs: endedMs === undefined ? undefined : endedMs - startedMs,
    inputTokens: usage?.inputTokens,
    outputTokens: usage?.outputTokens,
  });
}
