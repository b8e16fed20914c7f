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
import { messageEvent } from '../wire/anthropic-messages.ts';
import { parseSseEvent } from '../wire/sse.ts';
import { signNative } from '../wire/thinking-signature.ts';
import { hiddenStatus } from './chat-events.ts';
import { classifyStreamError } from './errors.ts';
import type { NativeEventMeaning } from './native-stream.ts';

const nothing: NativeEventMeaning = { commits: false, isLast: false };
const output: NativeEventMeaning = { commits: true, isLast: false };

/** Reads the events of one answer of an Anthropic surface. Pings and `message_start` commit nothing. */
export function createAnthropicReader(): (event: Buffer) => NativeEventMeaning {
  const counts: Record<string, number> = {};
  return (bytes) => {
    if (isPlainDelta(bytes)) return output;
    const { event, data, comments } = parseSseEvent(bytes);
    if (data === '' && event !== 'error') return nothing;
    const body = parseJson(data);
    if (!isJsonObject(body)) {
      if (event === 'error') return { ...nothing, error: failure(data, comments) };
      const error = new GatewayError('upstream_protocol', 'Qwen sent a stream event that is not JSON.');
      return { ...nothing, error };
    }
    const type = stringField(body, 'type') ?? event;
    if (event === 'error' || type === 'error' || isJsonObject(body.error) || isFlatError(body))
      return { ...nothing, error: failure(data, comments) };
    const usage = objectField(type === 'message_start' ? (objectField(body, 'message') ?? {}) : body, 'usage');
    // Later counts are the newer ones; what an event does not name stands as it was.
    if (usage !== undefined)
      for (const name of Object.keys(usage)) counts[name] = numberField(usage, name) ?? counts[name] ?? 0;
    const isOutput = type === 'message_delta' || type?.startsWith('content_block_') === true;
    return {
      commits: isOutput,
      isLast: type === 'message_stop',
      ...(usage !== undefined && { usage: readAnthropicUsage(counts) }),
    };
  };
}

const failure = (data: string, comments: readonly string[]) =>
  classifyStreamError({ message: data, status: hiddenStatus(comments) });

/** DashScope's own envelope: `{"code":…,"message":…,"request_id":…}`. */
const isFlatError = (body: JsonObject) => stringField(body, 'code') !== undefined && typeof body.message === 'string';

/** Anthropic counts what the cache read and wrote beside the input; ours include it. */
function readAnthropicUsage(counts: Readonly<Record<string, number>>): Usage {
  const cachedTokens = counts.cache_read_input_tokens ?? 0;
  const cacheWriteTokens = counts.cache_creation_input_tokens ?? 0;
  return {
    inputTokens: (counts.input_tokens ?? 0) + cachedTokens + cacheWriteTokens,
    outputTokens: counts.output_tokens ?? 0,
    cachedTokens,
    cacheWriteTokens,
    reasoningTokens: 0,
  };
}

/** Most events are pieces of a block: told by their name, they need not be parsed. The space after the colon may lack. */
function isPlainDelta(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, 27).replace(': ', ':').startsWith('event:content_block_delta');
}

/**
 * Edits an answer's events for its client: the model as it was asked for, and signatures that say whose they are. Events
 * without either keep their bytes.
 */
export function createAnthropicEditor(options: {
  readonly model: string | undefined;
  /** The account whose endpoint signed. */
  readonly account: string;
}): (event: Buffer) => Buffer {
  const signed = new Set<unknown>();
  /** A signature may come in pieces: the first one carries the mark. */
  const sign = (index: unknown, signature: unknown) => {
    if (typeof signature !== 'string' || signature === '' || signed.has(index)) return signature;
    signed.add(index);
    return signNative(options.account, signature);
  };
  return (bytes) => {
    const isStart = bytes.indexOf(startName) !== -1;
    if (!isStart && bytes.indexOf(signatureKey) === -1 && bytes.indexOf(redactedName) === -1) return bytes;
    const body = parseJson(parseSseEvent(bytes).data);
    if (!isJsonObject(body)) return bytes;
    const message = objectField(body, 'message');
    if (body.type === 'message_start' && message !== undefined && options.model !== undefined)
      return edited({ ...body, message: { ...message, model: options.model } });
    const delta = objectField(body, 'delta');
    if (delta?.type === 'signature_delta')
      return edited({ ...body, delta: { ...delta, signature: sign(body.index, delta.signature) } });
    const block = objectField(body, 'content_block');
    const name = block?.type === 'thinking' ? 'signature' : block?.type === 'redacted_thinking' ? 'data' : undefined;
    if (block === undefined || name === undefined || block[name] === undefined) return bytes;
    return edited({ ...body, content_block: { ...block, [name]: sign(body.index, block[name]) } });
  };
}

const startName = Buffer.from('message_start');
const signatureKey = Buffer.from('"signature"');
const redactedName = Buffer.from('redacted_thinking');

function edited({ type, ...fields }: JsonObject): Buffer {
  return Buffer.from(messageEvent(String(type), fields));
}

/** A whole message as the stream it would have been; `undefined` for what is no message. */
export function messageAsStream(message: JsonObject): string | undefined {
  if (message.type !== 'message' || !Array.isArray(message.content)) return undefined;
  const { content: _content, stop_reason, stop_sequence, usage, ...head } = message;
  const start = { ...head, content: [], stop_reason: null, stop_sequence: null, usage: usage ?? {} };
  return [
    messageEvent('message_start', { message: start }),
    ...objectItems(message, 'content').map(blockAsStream),
    messageEvent('message_delta', {
      delta: { stop_reason: stop_reason ?? 'end_turn', stop_sequence: stop_sequence ?? null },
      usage: usage ?? {},
    }),
    messageEvent('message_stop'),
  ].join('');
}

function blockAsStream(block: JsonObject, index: number): string {
  const { start, deltas } = inDeltas(block);
  return [
    messageEvent('content_block_start', { index, content_block: start }),
    ...deltas.map((delta) => messageEvent('content_block_delta', { index, delta })),
    messageEvent('content_block_stop', { index }),
  ].join('');
}

function inDeltas(block: JsonObject): { readonly start: JsonObject; readonly deltas: readonly JsonObject[] } {
  switch (block.type) {
    case 'text':
      return { start: { ...block, text: '' }, deltas: [{ type: 'text_delta', text: block.text }] };
    case 'thinking':
      return {
        start: { ...block, thinking: '', signature: '' },
        deltas: [
          { type: 'thinking_delta', thinking: block.thinking },
          { type: 'signature_delta', signature: block.signature ?? '' },
        ],
      };
    case 'tool_use':
      return {
        start: { ...block, input: {} },
        deltas: [{ type: 'input_json_delta', partial_json: JSON.stringify(block.input ?? {}) }],
      };
    default:
      return { start: block, deltas: [] };
  }
}
