import { randomUUID } from 'node:crypto';
import type { ChatEvent, FinishReason } from '../../core/chat-event.ts';
import type { AnswerEncoder, AnswerFacts } from '../../core/dialect.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Usage } from '../../core/usage.ts';
import { encodeEvent, responseError } from './errors.ts';
import { createCallItem, createMessageItem, createReasoningItem, type ItemStatus, type OutputItem } from './items.ts';
import { encodeUsage, responseHead } from './response.ts';
import type { ToolTable } from './tools.ts';

export interface ResponseEncoderOptions {
  /** The request, whose settings a response repeats. */
  readonly body: JsonObject;
  readonly facts: AnswerFacts;
  readonly tools: ToolTable;
  /** Told the output of a response that has ended well. */
  readonly onFinished?: (id: string, output: readonly JsonObject[]) => void;
}

/** What a response that did not come to its natural end says about it. */
const incompleteReasons: Readonly<Partial<Record<FinishReason, string>>> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
};

/**
 * Writes the event grammar of Responses: created, items that begin, grow and end in their own index, and exactly one
 * terminal event. Text and reasoning are one item at a time; calls stay open to the end, because pieces of one may follow
 * whatever else. https://platform.openai.com/docs/api-reference/responses-streaming
 */
export function createResponseEncoder({ body, facts, tools, onFinished }: ResponseEncoderOptions): AnswerEncoder {
  const id = `resp_${randomUUID().replaceAll('-', '')}`;
  const head = responseHead(body, { ...facts, id });
  const wantsOpaque = Array.isArray(body.include) && body.include.includes('reasoning.encrypted_content');
  const items: OutputItem[] = [];
  const calls = new Map<number, OutputItem>();
  let sequenceNumber = 0;
  let open: OutputItem | undefined;
  let reason: FinishReason | undefined;
  let usage: Usage | undefined;
  let document: JsonObject | undefined;

  const emit = (type: string, fields: JsonObject) => encodeEvent(`response.${type}`, sequenceNumber++, fields);
  const snapshot = (status: string, fields: JsonObject = {}): JsonObject => ({
    ...head,
    status,
    error: null,
    incomplete_details: null,
    output: items.map((item) => item.item()),
    usage: null,
    ...fields,
  });
  const begin = () => {
    if (sequenceNumber > 0) return '';
    const response = snapshot('in_progress');
    return emit('created', { response }) + emit('in_progress', { response });
  };
  const start = (create: (outputIndex: number) => OutputItem): readonly [OutputItem, string] => {
    const item = create(items.length);
    items.push(item);
    return [item, item.begin(emit)];
  };
  const closeOpen = (status: ItemStatus = 'completed') => {
    const text = open?.end(emit, status) ?? '';
    open = undefined;
    return text;
  };
  const closeCalls = (status: ItemStatus = 'completed') => {
    const text = [...calls.values()].map((call) => call.end(emit, status)).join('');
    calls.clear();
    return text;
  };
  /** Goes on with the open item of the kind, or begins one where there is none. */
  const append = (kind: OutputItem['kind'], text: string, create: (outputIndex: number) => OutputItem): string => {
    const before = open !== undefined && open.kind !== kind ? closeOpen() : '';
    if (open !== undefined) return before + open.append(emit, text);
    const [item, begun] = start(create);
    open = item;
    return before + begun + item.append(emit, text);
  };
  const write = (event: ChatEvent): string => {
    switch (event.type) {
      case 'reasoning':
        return append('reasoning', event.text, (index) => createReasoningItem(index, wantsOpaque));
      case 'text':
        return append('text', event.text, (index) => createMessageItem(index, 'text'));
      case 'refusal':
        return append('refusal', event.text, (index) => createMessageItem(index, 'refusal'));
      case 'tool-call': {
        const before = closeOpen();
        const [call, begun] = start((index) => createCallItem(index, event.id, tools.clientTool(event.name)));
        calls.set(event.index, call);
        return before + begun;
      }
      case 'tool-arguments':
        return calls.get(event.index)?.append(emit, event.text) ?? '';
      case 'finish':
        reason = event.reason;
        return '';
      case 'usage':
        usage = event.usage;
        return '';
    }
  };

  return {
    encode: (event) => begin() + write(event),
    end() {
      if (document !== undefined) return '';
      const begun = begin();
      const cause = reason === undefined ? undefined : incompleteReasons[reason];
      const status = cause === undefined ? 'completed' : 'incomplete';
      let text = begun + closeOpen(status) + closeCalls(status);
      if (items.length === 0) {
        // An answer without a word is one all the same, and clients look for its message.
        const [item, opened] = start((index) => createMessageItem(index, 'text'));
        text += opened + item.end(emit, status);
      }
      document = snapshot(status, {
        incomplete_details: cause === undefined ? null : { reason: cause },
        usage: encodeUsage(usage),
      });
      onFinished?.(
        id,
        items.map((item) => item.item()),
      );
      return text + emit(status, { response: document });
    },
    result: () => document ?? snapshot('in_progress'),
    fail(error) {
      const begun = begin();
      return begun + emit('failed', { response: snapshot('failed', { error: responseError(error) }) });
    },
  };
}
