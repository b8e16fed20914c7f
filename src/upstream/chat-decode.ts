import type { ChatEvent, FinishReason } from '../core/chat-event.ts';
import {
  isJsonObject,
  type JsonObject,
  numberField,
  objectField,
  objectItems,
  parseJson,
  stringField,
} from '../core/json.ts';
import { ChunkReader } from '../wire/chunk-mould.ts';
import { parseSseEvent } from '../wire/sse.ts';
import { readUsage } from './chat-events.ts';

const finishReasons: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
};

/**
 * Reads the chunks of a Chat Completions stream as canonical events. It wants tool calls as `createToolCallEditor` leaves
 * them (own index, own id, no repetitions); only the first choice is read. A call begins when its name is known: what of its
 * arguments came before is held that long. Several events may come in one piece.
 */
export function createChatDecoder(): (event: Buffer) => readonly ChatEvent[] {
  const begun = new Set<number>();
  const early = new Map<number, { id: string; text: string }>();
  let finished: FinishReason | undefined;

  const readCall = (piece: JsonObject): readonly ChatEvent[] => {
    const index = numberField(piece, 'index') ?? 0;
    const fields = objectField(piece, 'function') ?? {};
    const text = stringField(fields, 'arguments') ?? '';
    if (begun.has(index)) return text === '' ? [] : [{ type: 'tool-arguments', index, text }];
    const known = early.get(index) ?? { id: '', text: '' };
    const call = { id: stringField(piece, 'id') ?? known.id, text: known.text + text };
    early.set(index, call);
    const name = stringField(fields, 'name');
    if (name === undefined) return [];
    begun.add(index);
    early.delete(index);
    const begin: ChatEvent = { type: 'tool-call', index, id: call.id === '' ? `call_${index}` : call.id, name };
    return call.text === '' ? [begin] : [begin, { type: 'tool-arguments', index, text: call.text }];
  };

  const readEvent = (event: string, events: ChatEvent[]): void => {
    const chunk = parseJson(parseSseEvent(event).data);
    if (!isJsonObject(chunk)) return;
    const choice = objectItems(chunk, 'choices').find((each) => (each.index ?? 0) === 0);
    const delta = choice && objectField(choice, 'delta');
    if (delta !== undefined) {
      const reasoning = stringField(delta, 'reasoning_content') ?? stringField(delta, 'reasoning');
      if (reasoning !== undefined) events.push({ type: 'reasoning', text: reasoning });
      const text = textOf(delta.content);
      if (text !== '') events.push({ type: 'text', text });
      const refusal = stringField(delta, 'refusal');
      if (refusal !== undefined) events.push({ type: 'refusal', text: refusal });
      for (const piece of objectItems(delta, 'tool_calls')) events.push(...readCall(piece));
    }
    const reason = choice && stringField(choice, 'finish_reason');
    // Some servers behind a custom base URL finish twice.
    if (reason !== undefined && finished === undefined) {
      finished = (Object.hasOwn(finishReasons, reason) ? finishReasons[reason] : undefined) ?? 'stop';
      // "stop" after calls ends an agent's turn with its calls unanswered (ollama #16212).
      if (finished === 'stop' && begun.size > 0) finished = 'tool_calls';
      events.push({ type: 'finish', reason: finished });
    }
    const usage = objectField(chunk, 'usage');
    if (usage !== undefined) events.push({ type: 'usage', usage: readUsage(usage) });
  };

  const reader = new ChunkReader();
  return (bytes) => {
    const events: ChatEvent[] = [];
    reader.read(
      bytes,
      (text, { field, choice }) => {
        if (choice === 0 && text !== '') events.push({ type: field === 'content' ? 'text' : 'reasoning', text });
      },
      (event) => readEvent(event, events),
    );
    return events;
  };
}

/** Content is a string; a part list is what some servers behind a custom base URL send. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => (isJsonObject(part) ? (stringField(part, 'text') ?? '') : '')).join('');
}
