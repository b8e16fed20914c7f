import type { Account } from '../accounts/account.ts';
import { type AccountKinds, kindOf } from '../accounts/kinds/kind.ts';
import type { Lease } from '../accounts/pool.ts';
import type { Clock } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';
import { type JsonObject, numberField } from '../core/json.ts';
import { spliceJson } from '../core/json-splice.ts';
import type { LeakRepair, ProxySettings } from '../core/settings.ts';
import type { Usage } from '../core/usage.ts';
import { markForCache, takesCacheMarks } from '../upstream/chat-cache-marks.ts';
import { type ChatFixes, createChatFixes } from '../upstream/chat-fixes.ts';
import { offeredTools } from '../upstream/chat-leaked-call.ts';
import { createLeakEditor, type LeakEditor } from '../upstream/chat-leaks.ts';
import { showsSomething } from '../upstream/chat-messages.ts';
import { chatModel } from '../upstream/chat-model.ts';
import type { ChatFlowOptions, ChatPassOptions } from '../upstream/chat-passing.ts';
import { type ChatWrite, openChatStream } from '../upstream/chat-stream.ts';
import { createThinkTagEditor } from '../upstream/chat-think-tags.ts';
import { createToolCallEditor, createToolCallMender } from '../upstream/chat-tool-deltas.ts';
import { toolRenames } from '../upstream/chat-tools.ts';
import { leaksToolCalls, modelInfo } from '../upstream/models.ts';
import { type ChatSurface, editChatRequest } from '../upstream/request.ts';
import type { Transport } from '../upstream/transport.ts';
import type { ChunkSink } from '../wire/chunk-mould.ts';
import type { Exchange } from './exchange.ts';
import { sendWatched, withCredential } from './send.ts';

export interface ChatLaneOptions {
  readonly kinds: AccountKinds;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly settings: () => Pick<ProxySettings, 'leakRepair' | 'visionFallback' | 'cacheMarkers'>;
  /** The account's first model that sees. */
  readonly visionModel: (account: Account) => string | undefined;
  /** Our own name, where the client gave none. */
  readonly userAgent: string;
  /** Silence after which an upstream counts as stalled. */
  readonly idleMs: number;
}

/** The events of a Chat Completions answer as they came, but for tool calls that no client could put together. */
export interface ChatAnswer {
  batches(options: ChatPassOptions): AsyncGenerator<readonly Buffer[], void>;
  /** The same, written as it comes; absent where the events have to be looked into. */
  readonly flow: ((options: ChatFlowOptions, write: ChatWrite) => Promise<void>) | undefined;
  /** What the events say instead of their bytes; absent where those have to be looked into. */
  readonly pour: ((sink: ChunkSink) => Promise<void>) | undefined;
  usage(): Usage | undefined;
  /** The model that was asked in the end. */
  readonly model: string;
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
    const settings = options.settings();
    const model = modelToAsk(body, lease, settings.visionFallback ? options.visionModel : undefined);
    const kind = kindOf(options.kinds, lease.account);
    const send = (edited: JsonObject) => {
      const bytes = spliceJson(edited, body);
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
              ...exchange.traceHeaders,
              'x-dashscope-cachecontrol': 'enable',
            },
            body: bytes,
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
    const edited = editChatRequest(body, model, surfaceOf(lease.account));
    const stream = await sendFixed(fixes, JSON.stringify([lease.account.plan, lease.account.baseUrl, model]), {
      body: settings.cacheMarkers && takesCacheMarks(model) ? markForCache(edited) : edited,
      send,
    });
    const clientNames = new Map([...toolRenames(body)].map(([client, upstream]) => [upstream, client]));
    const mendChunk = createToolCallMender(clientNames);
    const mend = createToolCallEditor(mendChunk);
    const leaks = leakEditors(body, model, settings.leakRepair);
    /** What models write in the wrong place, put right. */
    async function* repaired(edit: (event: Buffer) => Buffer, batchOptions: ChatPassOptions) {
      try {
        const mayJoin = () => leaks.every(({ isOver }) => isOver?.() === true) && batchOptions.mayJoin?.() === true;
        for await (const batch of stream.batches({ ...batchOptions, mayJoin }))
          yield leaks.reduce<readonly Buffer[]>((events, { push }) => events.flatMap(push), batch).map(edit);
      } catch (error) {
        yield flushAll(leaks).map(edit);
        throw error;
      }
      yield flushAll(leaks).map(edit);
    }
    return {
      model,
      batches({ edit: editLast, ...batchOptions }) {
        const edits = mendingEdits(mend, editLast);
        return leaks.length === 0 ? stream.batches({ ...batchOptions, ...edits }) : repaired(edits.edit, batchOptions);
      },
      flow:
        leaks.length > 0
          ? undefined
          : ({ edit, ...flowOptions }, write) => stream.flow({ ...flowOptions, ...mendingEdits(mend, edit) }, write),
      pour:
        leaks.length > 0
          ? undefined
          : (sink) =>
              stream.pour({
                text: (text, mould) => sink.text(text, mould),
                chunk: (chunk) => sink.chunk(mendChunk(chunk)),
              }),
      usage: stream.usage,
    };
  };
}

/** Sends a body, and once more where the upstream refused a field that can be mended; the second refusal stands. */
async function sendFixed<T>(
  fixes: ChatFixes,
  target: string,
  { body, send }: { readonly body: JsonObject; readonly send: (body: JsonObject) => Promise<T> },
): Promise<T> {
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

/** Looks for calls and thinking in the text of models that are known to write them there. */
function leakEditors(body: JsonObject, model: string, repair: LeakRepair): readonly LeakEditor[] {
  // The editors read one text; several alternate in one stream.
  if (repair === 'never' || (numberField(body, 'n') ?? 1) > 1) return [];
  const always = repair === 'always';
  const editors: LeakEditor[] = [];
  if (always || modelInfo(model).thinking !== 'none') editors.push(createThinkTagEditor());
  const tools = offeredTools(body);
  if ((always || leaksToolCalls(model)) && body.tool_choice !== 'none' && tools.size > 0)
    editors.push(createLeakEditor(tools));
  return editors;
}

type Edit = (event: Buffer) => Buffer;

/** Text alone holds no tool call to mend. */
function mendingEdits(mend: Edit, last: Edit | undefined): { readonly edit: Edit; readonly editText: Edit } {
  return last === undefined
    ? { edit: mend, editText: (event) => event }
    : { edit: (event) => last(mend(event)), editText: last };
}

/** What the editors still hold, each one's through those behind it. */
function flushAll(editors: readonly LeakEditor[]): readonly Buffer[] {
  return editors.reduce<readonly Buffer[]>((events, { push, flush }) => [...events.flatMap(push), ...flush()], []);
}

/** Pictures for a model that cannot see them go to one of the account that can, where there is one. */
function modelToAsk(
  body: JsonObject,
  { account, model }: Lease,
  visionModel: ((account: Account) => string | undefined) | undefined,
): string {
  if (visionModel === undefined || !chatModel(model).isTextOnly || !showsSomething(body)) return model;
  return visionModel(account) ?? model;
}

/** Which rules an account's host has for bodies. */
export function surfaceOf(account: Pick<Lease['account'], 'kind'>): ChatSurface {
  return account.kind === 'oauth-device' ? 'portal' : 'general';
}
