import { type AccountKinds, kindOf } from '../accounts/kinds/kind.ts';
import type { Lease } from '../accounts/pool.ts';
import type { Clock } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';
import { type JsonObject, numberField } from '../core/json.ts';
import type { Usage } from '../core/usage.ts';
import { type ChatFixes, createChatFixes } from '../upstream/chat-fixes.ts';
import { offeredTools } from '../upstream/chat-leaked-call.ts';
import { createLeakEditor, type LeakEditor } from '../upstream/chat-leaks.ts';
import { openChatStream } from '../upstream/chat-stream.ts';
import { createToolCallEditor } from '../upstream/chat-tool-deltas.ts';
import { toolRenames } from '../upstream/chat-tools.ts';
import { leaksToolCalls } from '../upstream/models.ts';
import { type ChatSurface, editChatRequest } from '../upstream/request.ts';
import type { Transport } from '../upstream/transport.ts';
import type { Exchange } from './exchange.ts';
import { sendWatched, withCredential } from './send.ts';

export interface ChatLaneOptions {
  readonly kinds: AccountKinds;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Our own name, where the client gave none. */
  readonly userAgent: string;
  /** Silence after which an upstream counts as stalled. */
  readonly idleMs: number;
}

/** The events of a Chat Completions answer as they came, but for tool calls that no client could put together. */
export interface ChatAnswer {
  batches(options: { readonly includeUsage: boolean }): AsyncGenerator<readonly Buffer[], void>;
  readonly usage: Usage | undefined;
}

/** Sends a Chat Completions body through a lease, and resolves at the answer's commit point. */
export type OpenChat = (
  body: JsonObject,
  attempt: { readonly lease: Lease; readonly exchange: Exchange },
) => Promise<ChatAnswer>;

/** The way to the one format that every plan speaks; both lanes go it. */
export function createChatLane(options: ChatLaneOptions): OpenChat {
  const fixes = createChatFixes();
  return async (body, { lease, exchange }) => {
    const kind = kindOf(options.kinds, lease.account);
    const send = (edited: JsonObject) => {
      const text = JSON.stringify(edited);
      return withCredential(kind, exchange.signal, async (credential) => {
        const response = await sendWatched(
          kind.send ?? options.transport.send,
          {
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
          },
          { ...options, signal: exchange.signal },
        );
        return openChatStream(response, {
          signal: exchange.signal,
          clock: options.clock,
          idleMs: options.idleMs,
          choices: numberField(edited, 'n') ?? 1,
          mayBeEmpty: numberField(edited, 'max_tokens') === 1,
        });
      });
    };
    const stream = await sendFixed(fixes, lease, {
      body: editChatRequest(body, lease.model, surfaceOf(lease.account)),
      send,
    });
    const clientNames = new Map([...toolRenames(body)].map(([client, upstream]) => [upstream, client]));
    const mend = createToolCallEditor(clientNames);
    const leaks = leakEditor(body, lease);
    return {
      async *batches(batchOptions) {
        if (leaks === undefined) {
          for await (const batch of stream.batches(batchOptions)) yield batch.map(mend);
          return;
        }
        try {
          for await (const batch of stream.batches(batchOptions)) yield batch.flatMap(leaks.push).map(mend);
        } catch (error) {
          yield leaks.flush().map(mend);
          throw error;
        }
        yield leaks.flush().map(mend);
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
function leakEditor(body: JsonObject, { model }: Lease): LeakEditor | undefined {
  if (!leaksToolCalls(model) || body.tool_choice === 'none') return undefined;
  const tools = offeredTools(body);
  return tools.size === 0 ? undefined : createLeakEditor(tools);
}

/** Which rules an account's host has for bodies. */
export function surfaceOf(account: Pick<Lease['account'], 'kind'>): ChatSurface {
  return account.kind === 'oauth-device' ? 'portal' : 'general';
}
