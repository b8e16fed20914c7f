import type { Lease, Pool } from '../accounts/pool.ts';
import type { Clock, Logger } from '../core/contracts.ts';
import type { Dialect, GenerationRequest } from '../core/dialect.ts';
import { type GatewayError, toGatewayError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Usage } from '../core/usage.ts';
import { createWatchdog } from '../core/watchdog.ts';
import type { Ledger } from '../usage/ledger.ts';
import type { LedgerEntry } from '../usage/ledger-entry.ts';
import type { Attempt, OpenedAnswer } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import { judge, mostTelling } from './judge.ts';
import { sessionKey } from './session-key.ts';
import { type AttemptTrace, type Ending, ledgerEntryOf, type Trace, type TracedRequest } from './trace.ts';

export interface GatewayOptions {
  readonly pool: Pick<Pool, 'acquire' | 'report' | 'committed' | 'hasReady'>;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sends one attempt and resolves at its commit point. */
  readonly open: (attempt: Attempt) => Promise<OpenedAnswer>;
  /** The prompt tokens of a request, where its client has to be told. */
  readonly countInput: (request: GenerationRequest, model: string) => Promise<number | undefined>;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  /** A waiting stream gets a ping this often. */
  readonly pingMs: number;
  /** Called when a request is over and recorded. */
  readonly onServed: (entry: LedgerEntry, body: JsonObject) => void;
  /** Told of every step of a request; with its ending, of the last one. */
  readonly onTrace?: (traced: TracedRequest, ending?: Ending) => void;
}

/** However many accounts there are, a request ends: clients retry too, and their patience is not ours to spend. */
const maximumAttempts = 8;
const maximumRetryingMs = 60_000;

/** Serves one client request: attempts until one commits, then delivery. Never rejects; the exchange is always answered. */
export interface Gateway {
  run(dialect: Dialect, request: GenerationRequest, exchange: Exchange): Promise<void>;
}

export function createGateway(options: GatewayOptions): Gateway {
  const { pool, ledger, clock, logger } = options;

  return {
    async run(dialect, request, exchange) {
      const trace: Trace = { startedMs: clock.now(), attempts: [] };
      let isFinished = false;
      // A client that leaves between the ledger line and the last byte has still been answered.
      const finish: Call['finish'] = async (ending) => {
        if (isFinished) return;
        isFinished = true;
        trace.endedMs = clock.now();
        const entry = ledgerEntryOf({ dialect, request, exchange, trace }, ending, trace.endedMs);
        options.onTrace?.(call, ending);
        await ledger.append(entry);
        options.onServed(entry, request.body);
      };
      const pinger = request.stream
        ? createWatchdog(clock, options.pingMs, () => exchange.ping(dialect.ping))
        : undefined;
      const call: Call = { dialect, request, exchange, trace, touch: () => pinger?.touch(), finish };
      options.onTrace?.(call);
      try {
        await attempts(call);
      } catch (thrown) {
        await answerError(call, toGatewayError(thrown));
      } finally {
        pinger?.stop();
      }
    },
  };

  /** Tries accounts until an answer has been delivered. @throws what the client has to be told. */
  async function attempts(call: Call): Promise<void> {
    const { dialect, request, exchange, trace } = call;
    const session = dialect.isStateless ? undefined : sessionKey(exchange.session, request.body, request.model);
    const tried = new Set<string>();
    const errors: GatewayError[] = [];
    while (true) {
      let lease: Lease;
      try {
        lease = pool.acquire({ model: request.model, format: dialect.id, tried, session });
      } catch (error) {
        throw mostTelling(errors, toGatewayError(error));
      }
      tried.add(lease.account.id);
      trace.lease = lease;
      const error = await tryAccount(call, lease, tried);
      if (error === undefined) return;
      errors.push(error);
      if (!hasPatience(trace)) throw mostTelling(errors);
      logger.info('Trying another account.', {
        request: exchange.requestId,
        account: lease.account.id,
        reason: error.code,
      });
    }
  }

  function hasPatience({ attempts, startedMs }: Trace): boolean {
    return attempts.length < maximumAttempts && clock.now() - startedMs < maximumRetryingMs;
  }

  /** All attempts on one account. Resolves to the error that ended them, or to nothing when the client was answered. */
  async function tryAccount(call: Call, lease: Lease, tried: ReadonlySet<string>): Promise<GatewayError | undefined> {
    const { dialect, request, exchange, trace } = call;
    for (let failuresOfAccount = 1; ; failuresOfAccount++) {
      const attempt: AttemptTrace = { account: lease.account.id };
      trace.attempts.push(attempt);
      options.onTrace?.(call);
      let isDelivering = false;
      try {
        const answer = await options.open({ lease, dialect, request, exchange });
        trace.lane = answer.lane;
        attempt.committed = true;
        pool.committed(lease);
        trace.firstOutputMs ??= clock.now();
        options.onTrace?.(call);
        if (request.stream) {
          isDelivering = true;
          call.begun = answer;
          await deliverStream(call, answer);
        } else {
          const document = await (answer.whole?.() ?? collected(answer));
          isDelivering = true;
          await deliverJson(call, document, answer.usage());
        }
        pool.report(lease, { kind: 'answered' });
        return undefined;
      } catch (thrown) {
        const error = exchange.signal.aborted ? toGatewayError(exchange.signal.reason) : toGatewayError(thrown);
        attempt.error = error.code;
        if (isDelivering || error.scope === 'local' || error.scope === 'request') {
          // What the client has seen is never replayed.
          pool.report(lease, error.scope === 'local' ? { kind: 'released' } : { kind: 'failed', error });
          throw error;
        }
        const verdict = judge(error, {
          failuresOfAccount,
          hasOther: pool.hasReady({ model: request.model, format: dialect.id, tried }),
          random: options.random(),
        });
        if (verdict.action !== 'retry' || !hasPatience(trace)) {
          pool.report(lease, { kind: 'failed', error });
          return error;
        }
        try {
          await clock.sleep(verdict.afterMs, exchange.signal);
        } catch {
          pool.report(lease, { kind: 'released' });
          throw toGatewayError(exchange.signal.reason);
        }
      }
    }
  }

  async function deliverStream({ request, exchange, touch, finish }: Call, answer: OpenedAnswer): Promise<void> {
    if (!exchange.isOpen()) exchange.openStream();
    const { includeUsage } = request;
    const write = (bytes: Buffer) => {
      touch();
      return exchange.write(bytes);
    };
    if (answer.flow) await answer.flow({ includeUsage }, write);
    else
      for await (const batch of answer.batches({ includeUsage })) {
        const [only] = batch;
        if (only !== undefined) await write(batch.length === 1 ? only : Buffer.concat(batch));
      }
    await finish({ outcome: 'answered', status: 200, usage: answer.usage() });
    await exchange.endStream(answer.end());
  }

  async function deliverJson({ exchange, finish }: Call, body: JsonObject, usage: Usage | undefined): Promise<void> {
    await finish({ outcome: 'answered', status: 200, usage });
    await exchange.sendJson(200, {}, body);
  }

  async function answerError(call: Call, error: GatewayError): Promise<void> {
    const { dialect, exchange, finish, begun, request, trace } = call;
    if (error.code === 'internal')
      logger.error('Unexpected error.', { request: exchange.requestId, reason: String(error.cause) });
    const isTooLong = error.code === 'context_too_long' && trace.lease !== undefined;
    const inputTokens = isTooLong ? await options.countInput(request, trace.lease?.model ?? '') : undefined;
    const { requestId, userAgent } = exchange;
    const context = { requestId, userAgent, ...(inputTokens !== undefined && { inputTokens }) };
    const { status, headers, body } = dialect.encodeError(error, context);
    if (error.code === 'client_gone') return finish({ outcome: 'aborted', status, error: error.code });
    await finish(
      exchange.isOpen()
        ? { outcome: 'cut', status: 200, error: error.code }
        : { outcome: 'failed', status, error: error.code },
    );
    try {
      if (exchange.isOpen()) {
        const lastWords = begun?.fail?.(error) ?? dialect.encodeStreamError(error, exchange.requestId);
        await (dialect.breaksFailedStreams ? exchange.breakStream(lastWords) : exchange.endStream(lastWords));
      } else await exchange.sendJson(status, headers, body);
    } catch (failure) {
      logger.debug('The client left before it could be told.', {
        request: exchange.requestId,
        reason: String(failure),
      });
    }
  }
}

async function collected(answer: OpenedAnswer): Promise<JsonObject> {
  const events: Buffer[] = [];
  for await (const batch of answer.batches({ includeUsage: true })) events.push(...batch);
  return answer.document(events);
}

interface Call extends TracedRequest {
  readonly touch: () => void;
  readonly finish: (ending: Ending) => Promise<void>;
  /** The answer whose stream the client has seen the beginning of. */
  begun?: OpenedAnswer;
}
