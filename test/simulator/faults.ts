import { randomUUID } from 'node:crypto';
import type { Fault, InStreamForm } from './contract.ts';
import { isObject, type JsonObject } from './json.ts';
import { type CatalogueEntry, catalogueEntry, catalogueReply, firewallReply } from './refusal.ts';
import { bodyReply, type Reply } from './reply.ts';
import { dataEvent, doneEvent, errorFinishEvent, type Turn } from './stream-shape.ts';

/** What a fault needs to know of the answer it spoils. */
export interface FaultContext {
  readonly turn: Turn;
  /** The same answer without streaming. */
  readonly asJson: () => Reply;
}

/** Turns the answer into what the fault makes of it. */
export function applyFault(reply: Reply, fault: Fault, context: FaultContext): Reply {
  switch (fault.kind) {
    case 'error':
      return fault.inStream
        ? inStreamError(reply, naturalForm(fault.id), fault.id, 0, context)
        : refused(fault.id, context);
    case 'http':
      return httpReply(fault.status, fault.body, fault.headers ?? {});
    case 'in-stream-error':
      return inStreamError(reply, fault.form, fault.id ?? defaultIds[fault.form], fault.afterChunks, context);
    case 'stall':
      return { ...reply, chunks: reply.chunks.slice(0, fault.afterChunks), ending: 'stall', outcome: 'cut' };
    case 'cut':
      return { ...reply, cutAtByte: fault.atByte, outcome: 'cut' };
    case 'end-early':
      return { ...reply, chunks: unfinished(reply, fault.afterChunks), outcome: 'cut' };
    case 'slow-first-byte':
      return { ...reply, firstByteDelayMs: fault.delayMs, headersFirst: fault.headersFirst ?? false };
    case 'split':
      return { ...reply, pieceBytes: fault.bytes };
    case 'gzip':
    case 'br':
    case 'deflate':
      return { ...reply, encoding: fault.kind };
    case 'html':
      return firewallReply();
    case 'reset':
      return { ...reply, ending: 'reset', outcome: 'cut' };
    case 'json-instead-of-stream':
      return context.asJson();
    case 'no-done':
      return { ...reply, chunks: reply.chunks.filter((chunk) => chunk !== doneEvent) };
    case 'crlf':
      return { ...reply, chunks: reply.chunks.map((chunk) => chunk.replaceAll('\n', '\r\n')) };
    case 'retry-after':
      return withHeaders(refused(fault.id, context), { 'retry-after': String(fault.seconds) });
    default:
      return assertNever(fault);
  }
}

/** The entry shown when a fault names none: the one recorded or reported in that form. */
const defaultIds: Readonly<Record<InStreamForm, number>> = {
  'event-error': 44,
  'data-error': 41,
  'error-finish': 44,
  'anthropic-error': 44,
  'sse-body-on-non-2xx': 27,
};

function refused(id: number, context: FaultContext): Reply {
  return catalogueReply(id, { model: context.turn.model });
}

function withHeaders(reply: Reply, headers: Readonly<Record<string, string>>): Reply {
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

function httpReply(status: number, body: string | JsonObject, headers: Readonly<Record<string, string>>): Reply {
  const isText = typeof body === 'string';
  const reply = bodyReply(
    status,
    isText ? 'text/plain; charset=utf-8' : 'application/json',
    isText ? body : JSON.stringify(body),
  );
  return withHeaders(
    reply,
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
  );
}

/** Native envelopes travel as native events, OpenAI's as data lines. */
function naturalForm(id: number): InStreamForm {
  const { body } = catalogueEntry(id);
  return typeof body !== 'string' && isObject(body.error) ? 'data-error' : 'event-error';
}

function inStreamError(
  reply: Reply,
  form: InStreamForm,
  id: number,
  afterChunks: number,
  context: FaultContext,
): Reply {
  const entry = catalogueEntry(id, { model: context.turn.model });
  const { message, code } = flatten(entry);
  if (form === 'sse-body-on-non-2xx') {
    const event = nativeErrorEvent(entry.status, code, message);
    return bodyReply(entry.status, 'text/event-stream;charset=UTF-8', event);
  }
  if (!reply.streaming) return refused(id, context);
  const before = unfinished(reply, afterChunks);
  return { ...reply, chunks: [...before, ...errorEvents(form, entry, context.turn)], outcome: 'refused' };
}

function errorEvents(form: Exclude<InStreamForm, 'sse-body-on-non-2xx'>, entry: CatalogueEntry, turn: Turn): string[] {
  const { message, code } = flatten(entry);
  if (form === 'anthropic-error') {
    const error = { type: entry.status === 429 ? 'rate_limit_error' : 'api_error', message };
    return [`event:error\ndata:${JSON.stringify({ type: 'error', error })}\n\n`];
  }
  if (form === 'event-error') return [nativeErrorEvent(entry.status, code, message)];
  // The finish looks like a clean one up to its reason; only the text says that something failed.
  if (form === 'error-finish') return [errorFinishEvent(turn, message), doneEvent];
  return [dataEvent({ error: { code, type: code, message }, id: turn.id }).replace('data: ', 'data:')];
}

/** No space after the colons, and the status only in a comment line. */
function nativeErrorEvent(status: number, code: string, message: string): string {
  return `id:1\nevent:error\n:HTTP_STATUS/${status}\ndata:${JSON.stringify({ request_id: randomUUID(), code, message })}\n\n`;
}

function flatten({ body }: CatalogueEntry): { message: string; code: string } {
  if (typeof body === 'string') return { message: body, code: 'InternalError' };
  const inner = isObject(body.error) ? body.error : body;
  return {
    message: String(inner.message ?? body.error ?? ''),
    code: String(inner.code ?? body.errorType ?? 'InternalError'),
  };
}

/** The first chunks, never as far as the finish; of a JSON body the first half. */
function unfinished(reply: Reply, count: number): readonly string[] {
  if (!reply.streaming) {
    const body = reply.chunks.join('');
    return [body.slice(0, Math.ceil(body.length / 2))];
  }
  const finish = reply.chunks.findIndex(
    (chunk) => /"finish_reason":"|^event:message_delta/.test(chunk) || chunk === doneEvent,
  );
  return reply.chunks.slice(0, finish < 0 ? count : Math.min(count, finish));
}

function assertNever(fault: never): never {
  throw new TypeError(`unknown fault ${JSON.stringify(fault)}`);
}
