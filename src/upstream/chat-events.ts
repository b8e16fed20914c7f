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
import { classifyStreamError } from './errors.ts';

/** What one event of a Chat Completions stream means for the way it is handled; its bytes are passed on as they are. */
export interface ChatEventMeaning {
  /** Content, reasoning, a tool delta or a finish reason: from here on the answer belongs to the client. */
  readonly commits: boolean;
  /** Index of every choice that this event ends. */
  readonly finishedChoices: readonly unknown[];
  readonly usage?: Usage;
  /** Nothing but usage: left out for clients that did not ask for it. */
  readonly usageOnly: boolean;
  /** `data: [DONE]`. */
  readonly done: boolean;
  readonly error?: GatewayError;
  /** What it says, where that is a JSON object and no error. */
  readonly chunk?: JsonObject;
}

const nothing: ChatEventMeaning = { commits: false, finishedChoices: [], usageOnly: false, done: false };

/** Reads one event in full. Unknown fields and shapes mean nothing; broken JSON is an error. */
export function readChatEvent(bytes: Buffer | string): ChatEventMeaning {
  const { event, data, comments } = parseSseEvent(bytes);
  if (data.trim() === '[DONE]') return { ...nothing, done: true };
  if (data === '' && event !== 'error') return nothing;
  const body = parseJson(data);
  const failure = () => classifyStreamError({ message: data, status: hiddenStatus(comments) });
  if (event === 'error') return { ...nothing, error: failure() };
  if (!isJsonObject(body)) {
    const error = new GatewayError('upstream_protocol', 'Qwen sent a stream event that is not JSON.');
    return { ...nothing, error };
  }
  const isFlat = !('choices' in body) && stringField(body, 'message') !== undefined;
  if (isFlat || isJsonObject(body.error) || stringField(body, 'error') !== undefined)
    return { ...nothing, error: failure() };
  return readChunk(body);
}

function readChunk(chunk: JsonObject): ChatEventMeaning {
  const choices = objectItems(chunk, 'choices');
  const finished = choices.filter((choice) => stringField(choice, 'finish_reason') !== undefined);
  if (finished.some((choice) => choice.finish_reason === 'error_finish')) {
    const text = choices
      .map((choice) => objectField(choice, 'delta')?.content)
      .find((content) => typeof content === 'string');
    return { ...nothing, error: classifyStreamError({ message: text ?? 'The model ended with an error.' }) };
  }
  const usage = objectField(chunk, 'usage');
  return {
    commits: finished.length > 0 || choices.some(carriesOutput),
    finishedChoices: finished.map((choice) => choice.index ?? 0),
    ...(usage && { usage: readUsage(usage) }),
    usageOnly: usage !== undefined && choices.length === 0,
    done: false,
    chunk,
  };
}

/** Completions have `text` where chats have a delta. */
function carriesOutput(choice: JsonObject): boolean {
  const delta = objectField(choice, 'delta') ?? {};
  const filled = (value: unknown) => (typeof value === 'string' || Array.isArray(value)) && value.length > 0;
  return [choice.text, delta.content, delta.reasoning_content, delta.reasoning, delta.tool_calls, delta.refusal].some(
    filled,
  );
}

/** Usage in Chat Completions' spelling. `prompt_tokens` includes cache reads and writes. */
export function readUsage(usage: JsonObject): Usage {
  const input = objectField(usage, 'prompt_tokens_details') ?? {};
  const cacheWriteTokens = numberField(input, 'cache_creation_input_tokens');
  return {
    inputTokens: numberField(usage, 'prompt_tokens') ?? 0,
    outputTokens: numberField(usage, 'completion_tokens') ?? 0,
    cachedTokens: numberField(input, 'cached_tokens') ?? 0,
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    reasoningTokens: numberField(objectField(usage, 'completion_tokens_details') ?? {}, 'reasoning_tokens') ?? 0,
  };
}

/** DashScope puts the status of an error event into a comment: `:HTTP_STATUS/429`. */
export function hiddenStatus(comments: readonly string[]): number | undefined {
  const match = comments.map((comment) => /^\s*HTTP_STATUS\/(\d{3})/.exec(comment)).find((found) => found !== null);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/**
 * Tells from the bytes alone that an event is a plain chunk: no finish reason, no usage, no error. Inside a JSON string
 * a quote is escaped, so a bare `"finish_reason":` can only be a key. Saves parsing all but a few events of a stream;
 * in doubt it says no.
 */
export function isPlainChunk(bytes: Buffer): boolean {
  if (bytes.toString('latin1', 0, 5) !== 'data:') return false;
  if (bytes[bytes[5] === space ? 6 : 5] !== openBrace) return false;
  const lineEnd = bytes.indexOf(lineFeed);
  if (lineEnd < bytes.length - 3) return false;
  if (bytes[bytes[lineEnd - 1] === carriageReturn ? lineEnd - 2 : lineEnd - 1] !== closeBrace) return false;
  return (
    !hasValue(bytes, finishReasonKey, quote) &&
    !hasValue(bytes, usageKey, openBrace) &&
    // An error stands under `error`, or is flat: `{"code":…,"message":…}`.
    bytes.indexOf(errorKey) === -1 &&
    bytes.indexOf(messageKey) === -1
  );
}

const space = 0x20;
const quote = 0x22;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const colon = 0x3a;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const finishReasonKey = Buffer.from('"finish_reason"');
const usageKey = Buffer.from('"usage"');
const errorKey = Buffer.from('"error"');
const messageKey = Buffer.from('"message"');

/** Whether a value behind any occurrence of the key begins with `first`; a chunk may hold several choices. */
function hasValue(bytes: Buffer, key: Buffer, first: number): boolean {
  for (let found = bytes.indexOf(key); found !== -1; found = bytes.indexOf(key, found + key.length)) {
    let index = found + key.length;
    while (bytes[index] === space || bytes[index] === colon) index++;
    if (bytes[index] === first) return true;
  }
  return false;
}
