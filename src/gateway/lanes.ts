import type { Account } from '../accounts/account.ts';
import { type AccountKinds, type BoundKind, type Credential, kindOf } from '../accounts/kinds/kind.ts';
import type { Lease } from '../accounts/pool.ts';
import type { Clock } from '../core/contracts.ts';
import type { GenerationRequest } from '../core/dialect.ts';
import { GatewayError, toGatewayError } from '../core/errors.ts';
import { type JsonObject, numberField } from '../core/json.ts';
import type { UpstreamRequest, UpstreamResponse } from '../core/upstream.ts';
import { createWatchdog } from '../core/watchdog.ts';
import { stalled } from '../upstream/body-reads.ts';
import { createModelEcho } from '../upstream/chat-echo.ts';
import { type ChatFixes, createChatFixes } from '../upstream/chat-fixes.ts';
import { offeredTools } from '../upstream/chat-leaked-call.ts';
import { createLeakEditor, type LeakEditor } from '../upstream/chat-leaks.ts';
import { openChatStream } from '../upstream/chat-stream.ts';
import { createToolCallEditor } from '../upstream/chat-tool-deltas.ts';
import { toolRenames } from '../upstream/chat-tools.ts';
import { leaksToolCalls } from '../upstream/models.ts';
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
 * format, and the answer's bytes as they come but for tool calls that no client could put together.
 */
export function createLanes(options: LaneOptions): (attempt: Attempt) => Promise<OpenedAnswer> {
  const fixes = createChatFixes();
  return async ({ lease, request, exchange }) => {
    const kind = kindOf(options.kinds, lease.account);
    const send = (body: JsonObject) => {
      const text = JSON.stringify(body);
      return withCredential(kind, exchange.signal, async (credential) => {
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
          body: text,
        };
        const response = await sendWatched(kind.send ?? options.transport.send, upstreamRequest, {
          ...options,
          signal: exchange.signal,
        });
        return openChatStream(response, {
          signal: exchange.signal,
          clock: options.clock,
          idleMs: options.idleMs,
          choices: numberField(body, 'n') ?? 1,
        });
      });
    };
    const stream = await sendFixed(fixes, lease, {
      body: editChatRequest(request.body, lease.model, surfaceOf(lease.account)),
      send,
    });
    const edit = answerEditor(request, lease);
    const leaks = leakEditor(request, lease);
    return {
      lane: 'native',
      async *batches(batchOptions) {
        if (leaks === undefined) {
          for await (const batch of stream.batches(batchOptions)) yield batch.map(edit);
          return;
        }
        try {
          for await (const batch of stream.batches(batchOptions)) yield batch.flatMap(leaks.push).map(edit);
        } catch (error) {
          yield leaks.flush().map(edit);
          throw error;
        }
        yield leaks.flush().map(edit);
      },
      get usage() {
        return stream.usage;
      },
    };
  };
}

/** Sends a body, and once more where the upstream refused a field that can be mended; the second refusal stands. */
async function sendFixed<T>(
  fixes: ChatFixes,
  { account, model }: Lease,
  { body, send }: { readonly body: JsonObject; readonly send: (body: JsonObject) => Promise<T> },
): Promise<T> {
  const target = JSON.stringify([account.plan, account.baseUrl, model]);
  const known = fixes.apply(target, body);
  try {
    return await send(known);
  } catch (error) {
    const mended = error instanceof GatewayError ? fixes.afterRefusal(known, error) : undefined;
    if (mended === undefined) throw error;
    const answer = await send(mended.body);
    mended.remember(target);
    return answer;
  }
}

/** Looks for calls in the text of models that are known to write them there. */
function leakEditor({ body }: GenerationRequest, { model }: Lease): LeakEditor | undefined {
  if (!leaksToolCalls(model) || body.tool_choice === 'none') return undefined;
  const tools = offeredTools(body);
  return tools.size === 0 ? undefined : createLeakEditor(tools);
}

/** What an answer's events go through on their way to the client; sound ones keep their bytes. */
function answerEditor({ model, body }: GenerationRequest, lease: Lease): (event: Buffer) => Buffer {
  const clientNames = new Map([...toolRenames(body)].map(([client, upstream]) => [upstream, client]));
  const mend = createToolCallEditor(clientNames);
  // Who asked for no model is told which one answered.
  if (model === undefined || model === lease.model) return mend;
  const echo = createModelEcho(model);
  return (event) => echo(mend(event));
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
