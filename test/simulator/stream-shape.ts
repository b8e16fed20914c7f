import type { ResolvedAnswer, ResolvedToolCall } from './answer.ts';
import type { JsonObject } from './json.ts';

/** What all chunks of one answer share. */
export interface Turn {
  readonly id: string;
  readonly createdSeconds: number;
  readonly model: string;
}

/** One SSE event with a JSON payload, as DashScope frames it. */
export function dataEvent(payload: unknown): string {
  return `data: ${JSON.stringify(payload)}\n\n`;
}

export const doneEvent = 'data: [DONE]\n\n';

/** The stream of one answer: role, deltas, finish, usage if asked for, `[DONE]`. `choiceCount` is the request's `n`. */
export function streamEvents(turn: Turn, answer: ResolvedAnswer, choiceCount: number, includeUsage: boolean): string[] {
  const events: string[] = [];
  for (let index = 0; index < choiceCount; index++) {
    for (const [position, choice] of choices(answer, index).entries()) {
      events.push(dataEvent(chunk(turn, [position % 2 === 0 ? choice : reordered(choice)], null)));
    }
  }
  if (includeUsage) events.push(dataEvent(chunk(turn, [], answer.usage)));
  events.push(doneEvent);
  return events;
}

/** The same answer as one JSON completion. */
export function completion(turn: Turn, answer: ResolvedAnswer, choiceCount: number): JsonObject {
  const message = {
    content: answer.text.join(''),
    ...(answer.reasoning.length > 0 ? { reasoning_content: answer.reasoning.join('') } : {}),
    role: 'assistant',
    ...(answer.toolCalls.length > 0 ? { tool_calls: answer.toolCalls.map(wholeToolCall) } : {}),
  };
  const choice = (index: number) => ({ message, finish_reason: answer.finishReason, index, logprobs: null });
  return {
    choices: Array.from({ length: choiceCount }, (_, index) => choice(index)),
    object: 'chat.completion',
    usage: answer.usage,
    created: turn.createdSeconds,
    system_fingerprint: null,
    model: turn.model,
    id: turn.id,
  };
}

/** A chunk that ends the stream with an error in place of content. */
export function errorFinishEvent(turn: Turn, text: string): string {
  return dataEvent(
    chunk(turn, [{ finish_reason: 'error_finish', delta: { content: text }, index: 0, logprobs: null }], null),
  );
}

function chunk(turn: Turn, chunkChoices: readonly JsonObject[], usage: JsonObject | null): JsonObject {
  return {
    choices: chunkChoices,
    object: 'chat.completion.chunk',
    usage,
    created: turn.createdSeconds,
    system_fingerprint: null,
    model: turn.model,
    id: turn.id,
  };
}

function choices(answer: ResolvedAnswer, index: number): JsonObject[] {
  const thinks = answer.reasoning.length > 0;
  const afterThinking = thinks ? { reasoning_content: null } : {};
  const deltas: JsonObject[] = [];
  if (thinks) deltas.push({ content: null, role: 'assistant', reasoning_content: '' });
  // A pure tool call carries the role on its first tool delta.
  else if (answer.toolCalls.length === 0 || answer.text.length > 0) deltas.push({ content: '', role: 'assistant' });
  for (const piece of answer.reasoning) deltas.push({ content: null, reasoning_content: piece });
  for (const piece of answer.text) deltas.push({ content: piece, ...afterThinking });
  for (const [position, call] of answer.toolCalls.entries()) {
    for (const delta of toolDeltas(call, position)) deltas.push({ content: null, ...afterThinking, ...delta });
  }
  const [first, ...rest] = deltas;
  const withRole = first && !('role' in first) ? { ...first, role: 'assistant' } : first;
  const running = (delta: JsonObject | undefined) => ({ delta, finish_reason: null, index, logprobs: null });
  const finishDelta = answer.toolCalls.length > 0 ? {} : { content: '', ...afterThinking };
  return [
    ...[withRole, ...rest].map(running),
    ...(answer.toolCalls.length > 0 ? [trailingToolChoice(answer.toolCalls.length - 1, index)] : []),
    { finish_reason: answer.finishReason, delta: finishDelta, index, logprobs: null },
  ];
}

/** Id and name come once; later deltas repeat the id as an empty string. */
function toolDeltas(call: ResolvedToolCall, index: number): JsonObject[] {
  const opening = { index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } };
  const following = call.argumentPieces.map((piece) => ({
    index,
    id: '',
    type: 'function',
    function: { arguments: piece },
  }));
  return [opening, ...following].map((toolCall) => ({ tool_calls: [toolCall] }));
}

/** After the last fragment comes an empty one in a choice without `finish_reason` and `logprobs`. */
function trailingToolChoice(toolIndex: number, index: number): JsonObject {
  return {
    delta: { tool_calls: [{ function: { arguments: '' }, index: toolIndex, id: '', type: 'function' }] },
    index,
  };
}

function wholeToolCall(call: ResolvedToolCall, index: number): JsonObject {
  return {
    function: { arguments: call.argumentPieces.join(''), name: call.name },
    id: call.id,
    index,
    type: 'function',
  };
}

/** Qwen's key order changes from chunk to chunk. */
function reordered(choice: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(choice).reverse());
}
