import { randomUUID } from 'node:crypto';
import { isJsonObject, type JsonObject, parseJson } from '../../core/json.ts';
import { encodeOpaque } from './reasoning.ts';
import type { ClientTool } from './tools.ts';

export type ItemStatus = 'completed' | 'incomplete';

/** Writes one event; the type is without its `response.`. */
export type Emit = (type: string, fields: JsonObject) => string;

/** One item of a response's output while it comes: begins once, grows, ends once. */
export interface OutputItem {
  readonly kind: 'reasoning' | 'text' | 'refusal' | 'call';
  /** The item as it stands. */
  item(): JsonObject;
  begin(emit: Emit): string;
  append(emit: Emit, text: string): string;
  end(emit: Emit, status: ItemStatus): string;
}

type CurrentStatus = ItemStatus | 'in_progress';

const newId = (prefix: string) => `${prefix}_${randomUUID().replaceAll('-', '')}`;

/** Reasoning as a summary, which every client shows. @param isOpaque It is wanted as content to carry along, too. */
export function createReasoningItem(outputIndex: number, isOpaque: boolean): OutputItem {
  const id = newId('rs');
  const at = { item_id: id, output_index: outputIndex, summary_index: 0 };
  let text = '';
  let isOver = false;
  const part = () => ({ type: 'summary_text', text });
  const item = () => ({
    id,
    type: 'reasoning',
    summary: text === '' ? [] : [part()],
    ...(isOpaque && { encrypted_content: isOver ? encodeOpaque(text) : null }),
  });
  return {
    kind: 'reasoning',
    item,
    begin: (emit) =>
      emit('output_item.added', { output_index: outputIndex, item: item() }) +
      emit('reasoning_summary_part.added', { ...at, part: part() }),
    append(emit, delta) {
      text += delta;
      return emit('reasoning_summary_text.delta', { ...at, delta });
    },
    end(emit) {
      isOver = true;
      return (
        emit('reasoning_summary_text.done', { ...at, text }) +
        emit('reasoning_summary_part.done', { ...at, part: part() }) +
        emit('output_item.done', { output_index: outputIndex, item: item() })
      );
    },
  };
}

/** What the model says to the user, or why it will not. */
export function createMessageItem(outputIndex: number, kind: 'text' | 'refusal'): OutputItem {
  const id = newId('msg');
  const at = { item_id: id, output_index: outputIndex, content_index: 0 };
  let text = '';
  let status: CurrentStatus = 'in_progress';
  const part = () =>
    kind === 'text' ? { type: 'output_text', text, annotations: [], logprobs: [] } : { type: 'refusal', refusal: text };
  const item = () => ({
    id,
    type: 'message',
    status,
    role: 'assistant',
    content: status === 'in_progress' && text === '' ? [] : [part()],
  });
  const event = kind === 'text' ? 'output_text' : 'refusal';
  const logprobs = kind === 'text' ? { logprobs: [] } : {};
  return {
    kind,
    item,
    begin: (emit) =>
      emit('output_item.added', { output_index: outputIndex, item: item() }) +
      emit('content_part.added', { ...at, part: part() }),
    append(emit, delta) {
      text += delta;
      return emit(`${event}.delta`, { ...at, delta, ...logprobs });
    },
    end(emit, ending) {
      status = ending;
      return (
        emit(`${event}.done`, { ...at, [kind === 'text' ? 'text' : 'refusal']: text, ...logprobs }) +
        emit('content_part.done', { ...at, part: part() }) +
        emit('output_item.done', { output_index: outputIndex, item: item() })
      );
    },
  };
}

/** How the calls of one kind of tool look in the client's terms. */
interface CallShape {
  readonly idPrefix: string;
  /** What an item says besides its id, status and call id. @param json The arguments as far as they came. */
  fields(json: string, isOver: boolean): JsonObject;
  /** Sent for each piece of the arguments. */
  grow?(emit: Emit, at: JsonObject, delta: string): string;
  /** Sent before the item ends. */
  finish?(emit: Emit, at: JsonObject, json: string): string;
}

/** A call of one of the client's tools, in the client's terms. */
export function createCallItem(outputIndex: number, callId: string, tool: ClientTool): OutputItem {
  const shape = { function: functionCall, custom: customCall, tool_search: searchCall }[tool.kind](tool);
  const id = newId(shape.idPrefix);
  const at = { item_id: id, output_index: outputIndex };
  let json = '';
  let status: CurrentStatus = 'in_progress';
  const item = () => {
    const { type, ...fields } = shape.fields(json, status !== 'in_progress');
    return { id, type, status, call_id: callId, ...fields };
  };
  return {
    kind: 'call',
    item,
    begin: (emit) => emit('output_item.added', { output_index: outputIndex, item: item() }),
    append(emit, delta) {
      json += delta;
      return shape.grow?.(emit, at, delta) ?? '';
    },
    end(emit, ending) {
      status = ending;
      // A tool without parameters is called with nothing; clients parse what they get.
      if (tool.kind === 'function' && json.trim() === '') json = '{}';
      const last = shape.finish?.(emit, at, json) ?? '';
      return last + emit('output_item.done', { output_index: outputIndex, item: item() });
    },
  };
}

const nameOf = ({ name, namespace }: ClientTool) => ({ name, ...(namespace !== undefined && { namespace }) });

const functionCall = (tool: ClientTool): CallShape => ({
  idPrefix: 'fc',
  fields: (json) => ({ type: 'function_call', ...nameOf(tool), arguments: json }),
  grow: (emit, at, delta) => emit('function_call_arguments.delta', { ...at, delta }),
  finish: (emit, at, json) => emit('function_call_arguments.done', { ...at, name: tool.name, arguments: json }),
});

/** A freeform tool's input comes wrapped in JSON, so it is known only at its end. */
const customCall = (tool: ClientTool): CallShape => ({
  idPrefix: 'ctc',
  fields: (json, isOver) => ({ type: 'custom_tool_call', ...nameOf(tool), input: isOver ? unwrapInput(json) : '' }),
  finish(emit, at, json) {
    const input = unwrapInput(json);
    const delta = input === '' ? '' : emit('custom_tool_call_input.delta', { ...at, delta: input });
    return delta + emit('custom_tool_call_input.done', { ...at, input });
  },
});

/** A search among the client's own deferred tools. */
const searchCall = (): CallShape => ({
  idPrefix: 'tsc',
  fields(json) {
    const parsed = parseJson(json);
    return { type: 'tool_search_call', execution: 'client', arguments: isJsonObject(parsed) ? parsed : {} };
  },
});

/** The text in `{"input": …}`; a model that wrote the text itself, or stopped in the middle, has meant that text. */
function unwrapInput(json: string): string {
  const parsed = parseJson(json);
  if (isJsonObject(parsed)) {
    const [only] = Object.values(parsed);
    return typeof parsed.input === 'string' ? parsed.input : typeof only === 'string' ? only : json;
  }
  if (typeof parsed === 'string') return parsed;
  const begun = /^\s*\{\s*"input"\s*:\s*"/.exec(json)?.[0];
  if (begun === undefined) return json;
  const cut = json.slice(begun.length).replace(/\\u?[0-9a-fA-F]{0,3}$/, '');
  const body = cut.replace(/"\s*\}?\s*$/, '');
  const text = parseJson(`"${escapeControls(body)}"`);
  return typeof text === 'string' ? text : body;
}

/** JSON wants line feeds and tabs escaped; models that write a patch forget it. */
function escapeControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
