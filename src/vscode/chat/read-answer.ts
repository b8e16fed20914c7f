import { isJsonObject, type JsonObject, objectField, objectItems, parseJson, stringField } from '../../core/json.ts';
import { parseSseEvent, SseSplitter } from '../../wire/sse.ts';

/** One piece of an answer; a tool call comes whole. */
export type AnswerPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tool-call'; readonly callId: string; readonly name: string; readonly input: JsonObject };

interface OpenCall {
  id: string;
  name: string;
  input: string;
}

/**
 * Reads a Chat Completions stream. Text comes as it arrives, tool calls once their arguments are complete. Rejects with
 * what an in-stream error says, and when the stream ends before the answer does.
 */
export async function* readAnswer(bytes: AsyncIterable<unknown>): AsyncGenerator<AnswerPart> {
  const calls = new Map<number, OpenCall>();
  let isFinished = false;
  for await (const data of eventData(bytes)) {
    if (data === '[DONE]') break;
    const chunk = parseJson(data);
    if (!isJsonObject(chunk)) continue;
    const error = objectField(chunk, 'error');
    if (error !== undefined) throw new Error(stringField(error, 'message') ?? 'The answer failed.');
    for (const choice of objectItems(chunk, 'choices')) {
      const delta = objectField(choice, 'delta') ?? {};
      const text = stringField(delta, 'content');
      if (text !== undefined) yield { kind: 'text', text };
      for (const call of objectItems(delta, 'tool_calls')) collect(calls, call);
      if (stringField(choice, 'finish_reason') !== undefined) isFinished = true;
    }
  }
  if (!isFinished) throw new Error('The answer broke off.');
  for (const [, { id, name, input }] of [...calls].sort(([a], [b]) => a - b))
    yield { kind: 'tool-call', callId: id, name, input: readInput(name, input) };
}

function collect(calls: Map<number, OpenCall>, delta: JsonObject): void {
  const index = typeof delta.index === 'number' ? delta.index : calls.size;
  const call = calls.get(index) ?? { id: '', name: '', input: '' };
  const definition = objectField(delta, 'function') ?? {};
  call.id = stringField(delta, 'id') ?? call.id;
  call.name = stringField(definition, 'name') ?? call.name;
  call.input += stringField(definition, 'arguments') ?? '';
  calls.set(index, call);
}

function readInput(name: string, text: string): JsonObject {
  if (text.trim() === '') return {};
  const input = parseJson(text);
  if (!isJsonObject(input)) throw new Error(`The model called ${name} with arguments that are no JSON object.`);
  return input;
}

async function* eventData(bytes: AsyncIterable<unknown>): AsyncGenerator<string> {
  const splitter = new SseSplitter();
  for await (const chunk of bytes) {
    const read = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    for (const event of splitter.push(read)) yield parseSseEvent(event).data;
  }
  const rest = splitter.rest();
  if (rest !== undefined) yield parseSseEvent(rest).data;
}
