import { GatewayError } from '../core/errors.ts';
import {
  isJsonObject,
  type JsonObject,
  numberField,
  objectField,
  objectItems,
  parseJson,
  stringField,
} from '../core/json.ts';
import type { Usage } from '../core/usage.ts';
import { parseSseEvent } from '../wire/sse.ts';
import { hiddenStatus } from './chat-events.ts';
import { classifyStreamError } from './errors.ts';
import type { NativeEventMeaning } from './native-stream.ts';

const nothing: NativeEventMeaning = { commits: false, isLast: false };

/** Reads the events of one answer of a Responses surface. What only says that an answer has begun commits nothing. */
export function readResponsesEvent(bytes: Buffer): NativeEventMeaning {
  const { event, data, comments } = parseSseEvent(bytes);
  if (data === '' && event !== 'error') return nothing;
  const failure = (message: string) => ({
    ...nothing,
    error: classifyStreamError({ message, status: hiddenStatus(comments) }),
  });
  const body = parseJson(data);
  if (!isJsonObject(body)) {
    if (event === 'error') return failure(data);
    return { ...nothing, error: new GatewayError('upstream_protocol', 'Qwen sent a stream event that is not JSON.') };
  }
  const type = stringField(body, 'type') ?? event ?? '';
  const response = objectField(body, 'response') ?? {};
  if (type === 'response.failed') return failure(JSON.stringify({ error: response.error ?? {} }));
  const isFlat = stringField(body, 'code') !== undefined && typeof body.message === 'string';
  if (event === 'error' || type === 'error' || isFlat || isJsonObject(body.error)) return failure(data);
  const isLast = type === 'response.completed' || type === 'response.incomplete';
  return {
    commits: isLast || type.endsWith('.delta') || type.endsWith('.done') || /_call\./.test(type),
    isLast,
    ...(isLast && { usage: readResponsesUsage(objectField(response, 'usage') ?? {}) }),
  };
}

function readResponsesUsage(usage: JsonObject): Usage {
  return {
    inputTokens: numberField(usage, 'input_tokens') ?? 0,
    outputTokens: numberField(usage, 'output_tokens') ?? 0,
    cachedTokens: numberField(objectField(usage, 'input_tokens_details') ?? {}, 'cached_tokens') ?? 0,
    reasoningTokens: numberField(objectField(usage, 'output_tokens_details') ?? {}, 'reasoning_tokens') ?? 0,
  };
}

const responseKey = Buffer.from('"response"');

/**
 * Edits the events that carry the whole response: the model as it was asked for, and whole seconds, because Qwen writes
 * `created_at` with a fraction and clients read an integer. All others keep their bytes.
 */
export function createResponsesEditor({ model }: { readonly model: string | undefined }): (event: Buffer) => Buffer {
  return (event) => {
    if (event.indexOf(responseKey) === -1) return event;
    const body = parseJson(parseSseEvent(event).data);
    const response = isJsonObject(body) ? objectField(body, 'response') : undefined;
    if (!isJsonObject(body) || response === undefined) return event;
    const createdAt = numberField(response, 'created_at');
    const edited = {
      ...response,
      ...(createdAt !== undefined && { created_at: Math.floor(createdAt) }),
      ...(model !== undefined && { model }),
    };
    return encode({ ...body, response: edited });
  };
}

const encode = (body: JsonObject) => Buffer.from(`event: ${String(body.type)}\ndata: ${JSON.stringify(body)}\n\n`);

/** The stream that an answer in one document would have been at least. */
export function responseAsStream(document: JsonObject): string | undefined {
  if (document.object !== 'response' || !Array.isArray(document.output)) return undefined;
  if (document.status === 'failed')
    return encode({ type: 'response.failed', sequence_number: 0, response: document }).toString();
  const begun = { ...document, status: 'in_progress', output: [], usage: null };
  const items = objectItems(document, 'output').map((item, index) =>
    encode({ type: 'response.output_item.done', sequence_number: index + 1, output_index: index, item }).toString(),
  );
  const type = document.status === 'incomplete' ? 'response.incomplete' : 'response.completed';
  return [
    encode({ type: 'response.created', sequence_number: 0, response: begun }).toString(),
    ...items,
    encode({ type, sequence_number: items.length + 1, response: document }).toString(),
  ].join('');
}

/** The response that a stream ended with. */
export function foldResponsesStream(events: readonly Buffer[]): JsonObject {
  const last = events.at(-1);
  const body = last === undefined ? undefined : parseJson(parseSseEvent(last).data);
  return (isJsonObject(body) ? objectField(body, 'response') : undefined) ?? {};
}
