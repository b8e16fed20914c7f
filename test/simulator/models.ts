import { newTurn, type RouteRequest, type RouteResult, unknownModel } from './chat.ts';
import { countTokens, objectsOf, textOf } from './json.ts';
import { findModel, listedModelIds } from './model-facts.ts';
import { parameterRefusal } from './refusal.ts';
import { jsonReply } from './reply.ts';

/** `GET …/models` */
export function answerModels({ plan, models, nowMs }: RouteRequest): RouteResult {
  const created = Math.floor(nowMs / 1000);
  const data = listedModelIds(plan, models).map((id) => ({ id, object: 'model', created, owned_by: 'system' }));
  const asJson = () => jsonReply(200, { data, object: 'list' });
  return { reply: asJson(), context: { turn: newTurn('', nowMs), asJson } };
}

/** `POST …/apps/anthropic/v1/messages/count_tokens` */
export function answerCountTokens({ body, plan, models, nowMs }: RouteRequest): RouteResult {
  const model = String(body.model);
  if (!findModel(model, plan, models)) return { reply: unknownModel(model, plan) };
  const messages = objectsOf(body.messages);
  if (messages.length === 0) return { reply: parameterRefusal("[] is too short - 'messages'") };
  const tools = Array.isArray(body.tools) ? JSON.stringify(body.tools) : '';
  const text = textOf(body.system) + messages.map((message) => textOf(message.content)).join('') + tools;
  const asJson = () => jsonReply(200, { input_tokens: countTokens(text) });
  return { reply: asJson(), context: { turn: newTurn(model, nowMs), asJson } };
}
