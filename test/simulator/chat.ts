import { randomUUID } from 'node:crypto';
import { resolveAnswer } from './answer.ts';
import { chatFacts, refuseChat } from './chat-rules.ts';
import type { Answer, Plan } from './contract.ts';
import type { FaultContext } from './faults.ts';
import type { JsonObject } from './json.ts';
import { findModel } from './model-facts.ts';
import { catalogueReply, openAiRefusal, parameterRefusal } from './refusal.ts';
import { jsonReply, type Reply, streamReply } from './reply.ts';
import { completion, streamEvents, type Turn } from './stream-shape.ts';

/** What a route needs of an admitted request. */
export interface RouteRequest {
  readonly body: JsonObject;
  readonly plan: Plan;
  readonly key: string;
  readonly models: readonly string[] | undefined;
  readonly nowMs: number;
  /** Takes the next scripted answer meant for this request; called only if the request is valid. */
  readonly takeAnswer: () => Answer | undefined;
}

/** A route's answer. Without a context it is a refusal, which no fault changes. */
export interface RouteResult {
  readonly reply: Reply;
  readonly context?: FaultContext;
}

/** `POST …/chat/completions` */
export function answerChat(request: RouteRequest): RouteResult {
  const { body, plan, models } = request;
  if (typeof body.model !== 'string' || body.model === '') {
    return { reply: parameterRefusal('you must provide a model parameter.') };
  }
  const model = findModel(body.model, plan, models);
  if (!model) return { reply: unknownModel(body.model, plan) };
  const facts = chatFacts(body, plan, model);
  const refusal = refuseChat(facts);
  if (refusal) return { reply: refusal };

  const turn = newTurn(body.model, request.nowMs);
  const scripted = request.takeAnswer();
  const answer = resolveAnswer(body, facts.thinking, scripted);
  const choiceCount = typeof body.n === 'number' ? body.n : 1;
  const asJson = () => jsonReply(200, completion(turn, answer, choiceCount));
  const asStream = () => streamReply(streamEvents(turn, answer, choiceCount, wantsUsage(body)), scripted?.chunkDelayMs);
  if (scripted?.rawEvents)
    return { reply: streamReply(scripted.rawEvents, scripted.chunkDelayMs), context: { turn, asJson } };
  return { reply: facts.streaming ? asStream() : asJson(), context: { turn, asJson } };
}

/** Identity of one answer. */
export function newTurn(model: string, nowMs: number): Turn {
  return { id: `chatcmpl-${randomUUID()}`, createdSeconds: Math.floor(nowMs / 1000), model };
}

/** A model this credential cannot call. The Coding Plan has words of its own for it. */
export function unknownModel(model: string, plan: Plan): Reply {
  if (plan === 'coding') return catalogueReply(24, { model });
  return openAiRefusal(
    404,
    'model_not_found',
    `The model \`${model}\` does not exist or you do not have access to it.`,
  );
}

function wantsUsage({ stream_options: options }: JsonObject): boolean {
  return (
    typeof options === 'object' && options !== null && 'include_usage' in options && options.include_usage === true
  );
}
