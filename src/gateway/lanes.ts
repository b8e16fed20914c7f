import type { Account } from '../accounts/account.ts';
import { type AccountKinds, type BoundKind, type Credential, kindOf } from '../accounts/kinds/kind.ts';
import type { Clock } from '../core/contracts.ts';
import { GatewayError, toGatewayError } from '../core/errors.ts';
import { numberField } from '../core/json.ts';
import type { UpstreamRequest, UpstreamResponse } from '../core/upstream.ts';
import { createWatchdog } from '../core/watchdog.ts';
import { stalled } from '../upstream/body-reads.ts';
import { openChatStream } from '../upstream/chat-stream.ts';
import { type ChatSurface, editChatRequest } from '../upstream/request.ts';
import type { Transport } from '../upstream/transport.ts';
import type { Attempt, OpenedAnswer } from './attempt.ts';

export interface LaneOptions {
  readonly kinds: AccountKinds;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Our own name, where the client gave none. */
  readonly userAgent: string;
  /** Silence after which an upstream counts as stalled. */
  readonly idleMs: number;
}

/**
 * Sends an attempt down its lane. The native one: the client's body with minimal edits, to the endpoint of the same
 * format, and the answer's bytes as they come.
 */
export function createLanes(options: LaneOptions): (attempt: Attempt) => Promise<OpenedAnswer> {
  return async ({ lease, request, exchange }) => {
    const kind = kindOf(options.kinds, lease.account);
    const body = JSON.stringify(editChatRequest(request.body, lease.model, surfaceOf(lease.account)));
    const stream = await withCredential(kind, exchange.signal, async (credential) => {
      const upstreamRequest: UpstreamRequest = {
        method: 'POST',
        url: `${credential.endpoints.openai}/chat/completions`,
        headers: {
          authorization: credential.authorization,
          'content-type': 'application/json',
          accept: 'text/event-stream',
          // Plan hosts gate by tool: the caller's own name goes along, none is made up.
          'user-agent': exchange.userAgent ?? options.userAgent,
          'x-dashscope-cachecontrol': 'enable',
        },
        body,
      };
      const response = await sendWatched(kind.send ?? options.transport.send, upstreamRequest, {
        ...options,
        signal: exchange.signal,
      });
      return openChatStream(response, {
        signal: exchange.signal,
        clock: options.clock,
        idleMs: options.idleMs,
        choices: numberField(request.body, 'n') ?? 1,
      });
    });
    return {
      lane: 'native',
      batches: (batchOptions) => stream.batches(batchOptions),
      get usage() {
        return stream.usage;
      },
    };
  };
}

/** Sends a request and gives it up when its headers do not come: silence before them is a stall like any other. */
async function sendWatched(
  send: Transport['send'],
  request: UpstreamRequest,
  { signal, clock, idleMs }: { readonly signal: AbortSignal; readonly clock: Clock; readonly idleMs: number },
): Promise<UpstreamResponse> {
  const silent = new AbortController();
  const watchdog = createWatchdog(clock, idleMs, () => silent.abort(stalled(idleMs)));
  try {
    return await send(request, AbortSignal.any([signal, silent.signal]));
  } finally {
    watchdog.stop();
  }
}

/** Runs `attempt` with the account's credential, and again with a renewed one as long as the account's kind offers one. */
export async function withCredential<T>(
  kind: BoundKind,
  signal: AbortSignal,
  attempt: (credential: Credential) => Promise<T>,
): Promise<T> {
  let credential = await kind.credential(signal);
  while (true) {
    try {
      return await attempt(credential);
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      const error = toGatewayError(thrown);
      if (error.code !== 'unauthorized' && error.code !== 'token_expired') throw error;
      const recovered = await kind.recover(credential, error, signal);
      if (recovered instanceof GatewayError) throw recovered;
      credential = recovered;
    }
  }
}

/** Which rules an account's host has for bodies. */
export function surfaceOf(account: Pick<Account, 'kind'>): ChatSurface {
  return account.kind === 'oauth-device' ? 'portal' : 'general';
}
