import { isJsonObject, type JsonObject, objectField, objectItems, parseJson, stringField } from '../../core/json.ts';
import { type ChunkMould, ChunkReader, type ChunkSink } from '../../wire/chunk-mould.ts';
import { parseSseEvent } from '../../wire/sse.ts';

interface FoldedChoice {
  readonly fields: Record<string, unknown>;
  readonly message: Record<string, unknown>;
  readonly toolCalls: Map<unknown, Record<string, unknown>>;
  readonly logprobs: Record<string, unknown[]>;
}

/** Text that arrives in pieces; everything else in a delta is taken as it last came. */
const textFields = new Set(['content', 'reasoning_content', 'reasoning', 'refusal']);

/** The `chat.completion` of the events of a stream; several may come in one piece. */
export function foldChatStream(events: readonly Buffer[]): JsonObject {
  const fold = new ChatFold();
  new ChunkReader().read(
    Buffer.concat(events),
    (text, mould) => fold.text(text, mould),
    (event) => {
      const chunk = parseJson(parseSseEvent(event).data);
      if (isJsonObject(chunk)) fold.chunk(chunk);
    },
  );
  return fold.result();
}

/**
 * Makes the `chat.completion` of `chat.completion.chunk`s. Fields that nobody knows are kept: the client sees what a call
 * without `stream` would have brought.
 */
export class ChatFold implements ChunkSink {
  readonly #head: Record<string, unknown> = {};
  readonly #choices = new Map<unknown, FoldedChoice>();
  #usage: unknown;

  text(text: string, { field, choice }: ChunkMould): void {
    const message = this.#choices.get(choice)?.message;
    if (message !== undefined) message[field] = textOf(message[field]) + text;
  }

  chunk(chunk: JsonObject): void {
    for (const name in chunk) if (!foldedApart.has(name)) this.#head[name] ??= chunk[name];
    this.#usage = chunk.usage ?? this.#usage;
    for (const choice of objectItems(chunk, 'choices')) foldChoice(this.#choices, choice);
  }

  result(): JsonObject {
    const choices = [...this.#choices.values()].map(finishChoice);
    return {
      ...this.#head,
      object: 'chat.completion',
      choices: choices.toSorted((a, b) => Number(a.index) - Number(b.index)),
      ...(this.#usage !== undefined && { usage: this.#usage }),
    };
  }
}

const foldedApart = new Set(['choices', 'usage', 'object']);

function foldChoice(choices: Map<unknown, FoldedChoice>, choice: JsonObject): void {
  const index = choice.index ?? 0;
  let folded = choices.get(index);
  if (folded === undefined) {
    folded = {
      fields: { index, finish_reason: null },
      message: { role: 'assistant', content: null },
      toolCalls: new Map(),
      logprobs: {},
    };
    choices.set(index, folded);
  }
  const { delta: _delta, index: _index, logprobs: _logprobs, ...rest } = choice;
  for (const [name, value] of Object.entries(rest))
    if (value !== null || !(name in folded.fields)) folded.fields[name] = value;
  for (const [name, value] of Object.entries(objectField(choice, 'logprobs') ?? {}))
    if (Array.isArray(value)) {
      // An upstream's name for it may be one that every object has.
      if (!Object.hasOwn(folded.logprobs, name)) folded.logprobs[name] = [];
      folded.logprobs[name]?.push(...value);
    }
  const delta = objectField(choice, 'delta');
  if (delta === undefined) return;
  for (const [name, value] of Object.entries(delta)) {
    if (name === 'tool_calls') for (const call of objectItems(delta, name)) foldToolCall(folded.toolCalls, call);
    else if (textFields.has(name) && typeof value === 'string')
      folded.message[name] = textOf(folded.message[name]) + value;
    else if (value !== null && value !== '') folded.message[name] = value;
  }
}

function foldToolCall(calls: Map<unknown, Record<string, unknown>>, call: JsonObject): void {
  const index = call.index ?? indexWithoutOne(calls, call);
  const known = calls.get(index) ?? {};
  const { function: _function, ...rest } = call;
  // Qwen repeats a call's id as "" in its later pieces.
  for (const [name, value] of Object.entries(rest)) if (value !== '' && value !== null) known[name] = value;
  const piece = objectField(call, 'function') ?? {};
  const before = objectField(known, 'function') ?? {};
  known.function = {
    ...before,
    ...piece,
    name: stringField(before, 'name') ?? stringField(piece, 'name') ?? '',
    arguments: textOf(before.arguments) + textOf(piece.arguments),
  };
  calls.set(index, known);
}

/** Pieces without an index: a new id begins the next call, everything else goes on with the last one. */
function indexWithoutOne(calls: Map<unknown, Record<string, unknown>>, call: JsonObject): unknown {
  const id = stringField(call, 'id');
  for (const [index, known] of calls) if (id !== undefined && known.id === id) return index;
  return id === undefined && calls.size > 0 ? [...calls.keys()].at(-1) : calls.size;
}

function finishChoice({ fields, message, toolCalls, logprobs }: FoldedChoice): JsonObject {
  return {
    ...fields,
    message: { ...message, ...(toolCalls.size > 0 && { tool_calls: [...toolCalls.values()] }) },
    logprobs: Object.keys(logprobs).length > 0 ? logprobs : null,
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
