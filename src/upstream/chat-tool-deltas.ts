import { randomUUID } from 'node:crypto';
import { isJsonObject, type JsonObject, numberField, objectField, parseJson, stringField } from '../core/json.ts';
import { parseSseEvent } from '../wire/sse.ts';
import { ToolArguments } from './chat-arguments.ts';

/** A {@link createToolCallMender} on the bytes of events; those without a fault keep theirs. */
export function createToolCallEditor(mend: (chunk: JsonObject) => JsonObject): (event: Buffer) => Buffer {
  return (event) => {
    if (event.indexOf(toolCallsKey) === -1) return event;
    const chunk = parseJson(parseSseEvent(event).data);
    if (!isJsonObject(chunk)) return event;
    const mended = mend(chunk);
    return mended === chunk ? event : Buffer.from(`data: ${JSON.stringify(mended)}\n\n`);
  };
}

/**
 * Mends the tool calls of a stream so that clients' accumulators put them together: calls that share an index or have
 * none get their own, calls without an id get one, repeated arguments are left out, and empty names that some clients
 * read as new names (openai 7 with parseable tools) go. A chunk without a fault is handed back itself.
 * @param clientNames The client's names for tools that went upstream under another.
 */
export function createToolCallMender(clientNames: ReadonlyMap<string, string>): (chunk: JsonObject) => JsonObject {
  const callsOfChoice = new Map<unknown, StreamedCalls>();
  return (chunk) => {
    if (!Array.isArray(chunk.choices)) return chunk;
    const given: readonly unknown[] = chunk.choices;
    const choices = given.map((choice) => {
      const delta = isJsonObject(choice) ? objectField(choice, 'delta') : undefined;
      if (!isJsonObject(choice) || !Array.isArray(delta?.tool_calls)) return choice;
      const key = choice.index ?? 0;
      const calls = callsOfChoice.get(key) ?? new StreamedCalls(clientNames);
      callsOfChoice.set(key, calls);
      const pieces: readonly unknown[] = delta.tool_calls;
      const edited = pieces.map((piece) => (isJsonObject(piece) ? calls.edit(piece) : piece));
      const isChanged = edited.some((piece, index) => piece !== pieces[index]);
      return isChanged ? { ...choice, delta: { ...delta, tool_calls: edited } } : choice;
    });
    return choices.every((choice, index) => choice === given[index]) ? chunk : { ...chunk, choices };
  };
}

const toolCallsKey = Buffer.from('"tool_calls"');

interface Call {
  /** Where the client finds it. */
  readonly index: number;
  id: string | undefined;
  readonly arguments: ToolArguments;
}

/** The tool calls of one choice. */
class StreamedCalls {
  readonly #clientNames: ReadonlyMap<string, string>;
  readonly #calls: Call[] = [];
  /** By the upstream's index: the call that its next pieces belong to. */
  readonly #byIndex = new Map<number, Call>();

  constructor(clientNames: ReadonlyMap<string, string>) {
    this.#clientNames = clientNames;
  }

  /** The piece as the client should see it; the same value where it is sound. */
  edit(piece: JsonObject): JsonObject {
    const known = this.#find(piece);
    const call = known ?? this.#open(piece);
    const upstreamIndex = numberField(piece, 'index');
    if (upstreamIndex !== undefined) this.#byIndex.set(upstreamIndex, call);
    const moved = piece.index === call.index ? piece : { ...piece, index: call.index };
    const named = known === undefined ? withId(moved, call) : withoutEmpty(moved, 'type');
    return this.#editFunction(named, { call, isNew: known === undefined });
  }

  #editFunction(piece: JsonObject, { call, isNew }: { readonly call: Call; readonly isNew: boolean }): JsonObject {
    const given = objectField(piece, 'function');
    if (given === undefined) return piece;
    const clientName = this.#clientNames.get(stringField(given, 'name') ?? '');
    const named =
      clientName !== undefined ? { ...given, name: clientName } : isNew ? given : withoutEmpty(given, 'name');
    const text = given.arguments;
    const fresh = typeof text === 'string' ? call.arguments.push(text) : text;
    const edited = fresh === text ? named : { ...named, arguments: fresh };
    return edited === given ? piece : { ...piece, function: edited };
  }

  #find(piece: JsonObject): Call | undefined {
    const id = stringField(piece, 'id');
    const isNamed = stringField(objectField(piece, 'function') ?? {}, 'name') !== undefined;
    const ofId = id === undefined ? undefined : this.#calls.find((call) => call.id === id);
    const index = numberField(piece, 'index');
    if (index === undefined) {
      const last = this.#calls.at(-1);
      return ofId ?? (id !== undefined || (isNamed && last?.arguments.isComplete) ? undefined : last);
    }
    const ofIndex = this.#byIndex.get(index);
    if (ofIndex === undefined) return isNamed ? undefined : ofId;
    if (id === undefined || ofIndex.id === id) return ofIndex;
    // Another id at a known index: a new call where it is named, or where the old one is over.
    return ofId ?? (isNamed || ofIndex.arguments.isComplete ? undefined : ofIndex);
  }

  #open(piece: JsonObject): Call {
    const asked = numberField(piece, 'index');
    const taken = this.#calls.map((call) => call.index);
    const index = asked !== undefined && !taken.includes(asked) ? asked : Math.max(-1, ...taken) + 1;
    const isNamed = stringField(objectField(piece, 'function') ?? {}, 'name') !== undefined;
    const id = stringField(piece, 'id') ?? (isNamed ? `call_${randomUUID()}` : undefined);
    const call = { index, id, arguments: new ToolArguments() };
    this.#calls.push(call);
    return call;
  }
}

function withId(piece: JsonObject, { id }: Call): JsonObject {
  return id === undefined || piece.id === id ? piece : { ...piece, id };
}

function withoutEmpty(object: JsonObject, name: string): JsonObject {
  if (object[name] !== '' && object[name] !== null) return object;
  const { [name]: _empty, ...rest } = object;
  return rest;
}
