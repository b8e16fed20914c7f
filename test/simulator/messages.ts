import { randomUUID } from 'node:crypto';
import { type ResolvedAnswer, resolveAnswer } from './answer.ts';
import type { RouteRequest, RouteResult } from './chat.ts';
import { newTurn } from './chat.ts';
import { isObject, type JsonObject, objectsOf, textOf } from './json.ts';
import { messagesRefusal, refuseMessages, signatureOf } from './messages-rules.ts';
import { findModel } from './model-facts.ts';
import { jsonReply, streamReply } from './reply.ts';

/** `POST …/apps/anthropic/v1/messages` */
export function answerMessages(request: RouteRequest): RouteResult {
  const { body, plan, models, key } = request;
  const model = findModel(String(body.model), plan, models);
  if (!model) return { reply: messagesRefusal(404, 'not_found_error', `model: ${String(body.model)}`) };
  const refusal = refuseMessages(body, model, key);
  if (refusal) return { reply: refusal };
  const turn = newTurn(model.id, request.nowMs);
  // DeepSeek is accepted here, and then nothing comes (PIA).
  if (model.id.startsWith('deepseek'))
    return {
      reply: { ...streamReply([]), ending: 'stall', outcome: 'cut' },
      context: { turn, asJson: () => jsonReply(200, {}) },
    };
  const scripted = request.takeAnswer();
  const isThinking = isObject(body.thinking) && body.thinking.type === 'enabled';
  const answer = resolveAnswer(asChat(body), isThinking, scripted);
  const message = wholeMessage(answer, { model: model.id, signature: signatureOf(key) });
  const asJson = () => jsonReply(200, message);
  if (scripted?.rawEvents)
    return { reply: streamReply(scripted.rawEvents, scripted.chunkDelayMs), context: { turn, asJson } };
  const events = messageEvents(answer, message);
  return {
    reply: body.stream === true ? streamReply(events, scripted?.chunkDelayMs) : asJson(),
    context: { turn, asJson },
  };
}

/** The body as the default answers understand it. */
function asChat(body: JsonObject): JsonObject {
  const choice = isObject(body.tool_choice) ? body.tool_choice : {};
  const messages = objectsOf(body.messages).map(({ role, content }) => {
    const isResult = objectsOf(content).some((block) => block.type === 'tool_result');
    return { role: isResult ? 'tool' : role, content: textOf(content) };
  });
  return {
    max_tokens: body.max_tokens,
    messages: [{ role: 'system', content: textOf(body.system) }, ...messages],
    tools: objectsOf(body.tools).map(({ name, input_schema: parameters }) => ({ function: { name, parameters } })),
    ...(choice.type === 'tool' && { tool_choice: { type: 'function', function: { name: choice.name } } }),
    ...(choice.type === 'none' && { tool_choice: 'none' }),
  };
}

const stopReasons: Readonly<Record<string, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
};

function wholeMessage(
  answer: ResolvedAnswer,
  { model, signature }: { readonly model: string; readonly signature: string },
): JsonObject {
  const { reasoning, text, toolCalls, usage } = answer;
  const details = isObject(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {};
  const cached = Number(details.cached_tokens ?? 0);
  const written = Number(details.cache_creation_input_tokens ?? 0);
  return {
    id: `msg_${randomUUID()}`,
    type: 'message',
    role: 'assistant',
    model,
    content: [
      ...(reasoning.length > 0 ? [{ type: 'thinking', thinking: reasoning.join(''), signature }] : []),
      ...(text.length > 0 ? [{ type: 'text', text: text.join('') }] : []),
      ...toolCalls.map(({ id, name, argumentPieces }) => ({
        type: 'tool_use',
        id,
        name,
        input: JSON.parse(argumentPieces.join('') || '{}'),
      })),
    ],
    stop_reason: stopReasons[answer.finishReason] ?? answer.finishReason,
    stop_sequence: null,
    usage: {
      input_tokens: Number(usage.prompt_tokens) - cached - written,
      cache_read_input_tokens: cached,
      cache_creation_input_tokens: written,
      output_tokens: usage.completion_tokens,
    },
  };
}

function messageEvents(answer: ResolvedAnswer, message: JsonObject): string[] {
  const usage = isObject(message.usage) ? message.usage : {};
  const start = { ...message, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } };
  return [
    event('message_start', { message: start }),
    event('ping', {}),
    ...objectsOf(message.content).flatMap((block, index) => blockEvents(block, index, answer)),
    event('message_delta', {
      delta: { stop_reason: message.stop_reason, stop_sequence: null },
      usage: { output_tokens: usage.output_tokens },
    }),
    event('message_stop', {}),
  ];
}

function blockEvents(block: JsonObject, index: number, { reasoning, text, toolCalls }: ResolvedAnswer): string[] {
  const call = toolCalls.find(({ id }) => id === block.id);
  const deltas: JsonObject[] =
    block.type === 'thinking'
      ? [
          ...reasoning.map((thinking) => ({ type: 'thinking_delta', thinking })),
          { type: 'signature_delta', signature: block.signature },
        ]
      : block.type === 'text'
        ? text.map((piece) => ({ type: 'text_delta', text: piece }))
        : (call?.argumentPieces ?? []).map((json) => ({ type: 'input_json_delta', partial_json: json }));
  const empty: JsonObject =
    block.type === 'thinking' ? { thinking: '', signature: '' } : block.type === 'text' ? { text: '' } : { input: {} };
  return [
    event('content_block_start', { index, content_block: { ...block, ...empty } }),
    ...deltas.map((delta) => event('content_block_delta', { index, delta })),
    event('content_block_stop', { index }),
  ];
}

/** No space after the colons: the one trace of this surface that was found has none. */
function event(type: string, fields: JsonObject): string {
  return `event:${type}\ndata:${JSON.stringify({ type, ...fields })}\n\n`;
}
