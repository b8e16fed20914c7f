import { randomUUID } from 'node:crypto';
import { type ResolvedAnswer, resolveAnswer } from './answer.ts';
import { newTurn, type RouteRequest, type RouteResult } from './chat.ts';
import { isObject, type JsonObject, objectsOf, textOf } from './json.ts';
import { findModel } from './model-facts.ts';
import { jsonReply, type Reply, streamReply } from './reply.ts';

/** `POST …/compatible-mode/v1/responses`, in the shape recorded in test/fixtures/sse/13-responses-nonstream.json. */
export function answerResponses(request: RouteRequest): RouteResult {
  const { body, plan, models } = request;
  const model = findModel(String(body.model), plan, models);
  if (!model || !/^qwen3(?:\.[5-9]|-max)/.test(model.id))
    return { reply: refusal(404, `The model \`${String(body.model)}\` does not exist on this surface.`) };
  const refused = refuse(body);
  if (refused !== undefined) return { reply: refused };
  const turn = newTurn(model.id, request.nowMs);
  const scripted = request.takeAnswer();
  const effort = isObject(body.reasoning) ? body.reasoning.effort : undefined;
  const answer = resolveAnswer(asChat(body), effort !== undefined && effort !== 'none', scripted);
  const document = wholeResponse(answer, model.id, request.nowMs);
  const asJson = () => jsonReply(200, document);
  if (scripted?.rawEvents)
    return { reply: streamReply(scripted.rawEvents, scripted.chunkDelayMs), context: { turn, asJson } };
  const events = responseEvents(answer, document);
  return {
    reply: body.stream === true ? streamReply(events, scripted?.chunkDelayMs) : asJson(),
    context: { turn, asJson },
  };
}

function refusal(status: number, message: string): Reply {
  return jsonReply(status, {
    error: { message, type: 'invalid_request_error', param: null, code: 'InvalidParameter' },
  });
}

/** The real surface ignores what it does not know; here that is a fault of whoever sent it. */
const knownFields = new Set(['model', 'input', 'stream', 'temperature', 'top_p', 'reasoning', 'tools']);
const knownTools = new Set(['web_search', 'web_extractor', 'code_interpreter']);

function refuse(body: JsonObject): Reply | undefined {
  const unknown = Object.keys(body).find((name) => !knownFields.has(name));
  if (unknown !== undefined) return refusal(400, `${unknown} would be ignored in silence`);
  const items = objectsOf(body.input);
  if (items.length === 0) return refusal(400, 'input is required');
  const bad = items.find(
    ({ role, type = 'message' }) => type !== 'message' || !['user', 'assistant', 'system'].includes(String(role)),
  );
  if (bad !== undefined) return refusal(400, `unsupported item: ${JSON.stringify(bad)}`);
  const tool = objectsOf(body.tools).find(({ type }) => !knownTools.has(String(type)));
  return tool === undefined ? undefined : refusal(400, `unsupported tool: ${String(tool.type)}`);
}

/** The body as the default answers understand it. */
const asChat = (body: JsonObject): JsonObject => ({
  messages: objectsOf(body.input).map(({ role, content }) => ({ role, content: textOf(content) })),
});

function wholeResponse(
  { reasoning, text, usage, finishReason }: ResolvedAnswer,
  model: string,
  nowMs: number,
): JsonObject {
  const details = isObject(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {};
  const reasoningItem = {
    id: `msg_${randomUUID()}`,
    summary: [{ text: reasoning.join(''), type: 'summary_text' }],
    type: 'reasoning',
    content: null,
    encrypted_content: null,
    status: null,
  };
  const message = {
    id: `msg_${randomUUID()}`,
    content: [{ annotations: [], text: text.join(''), type: 'output_text', logprobs: null }],
    role: 'assistant',
    status: 'completed',
    type: 'message',
    phase: null,
  };
  return {
    id: randomUUID(),
    created_at: nowMs / 1000 + 0.5,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: null,
    model,
    object: 'response',
    output: [...(reasoning.length > 0 ? [reasoningItem] : []), message],
    parallel_tool_calls: false,
    status: finishReason === 'length' ? 'incomplete' : 'completed',
    usage: {
      input_tokens: usage.prompt_tokens,
      input_tokens_details: { cached_tokens: details.cached_tokens ?? 0 },
      output_tokens: usage.completion_tokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: Number(usage.prompt_tokens) + Number(usage.completion_tokens),
      x_details: [{ x_billing_type: 'response_api' }],
    },
  };
}

function responseEvents({ reasoning, text }: ResolvedAnswer, document: JsonObject): string[] {
  let sequenceNumber = 0;
  const event = (type: string, fields: JsonObject) =>
    `event:response.${type}\ndata:${JSON.stringify({ type: `response.${type}`, sequence_number: sequenceNumber++, ...fields })}\n\n`;
  const begun = { ...document, status: 'in_progress', output: [], usage: null };
  const start = [event('created', { response: begun }), event('in_progress', { response: begun })];
  const items = objectsOf(document.output).flatMap((item, index) => {
    const at = { item_id: item.id, output_index: index };
    const pieces = item.type === 'reasoning' ? reasoning : text;
    const delta = item.type === 'reasoning' ? 'reasoning_text.delta' : 'output_text.delta';
    return [
      event('output_item.added', { output_index: index, item: { ...item, status: 'in_progress' } }),
      ...pieces.map((piece) => event(delta, { ...at, content_index: 0, delta: piece })),
      event('output_item.done', { output_index: index, item }),
    ];
  });
  return [...start, ...items, event(String(document.status), { response: document })];
}
