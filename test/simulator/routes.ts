import { answerChat, type RouteRequest, type RouteResult } from './chat.ts';
import { answerCompletions } from './completions.ts';
import type { Fault, Route } from './contract.ts';
import { answerEmbeddings } from './embeddings.ts';
import { applyFault } from './faults.ts';
import { answerMessages } from './messages.ts';
import { answerCountTokens, answerModels } from './models.ts';
import type { Reply } from './reply.ts';
import { answerResponses } from './responses.ts';

const routes: Readonly<Record<Route, (request: RouteRequest) => RouteResult>> = {
  chat: answerChat,
  messages: answerMessages,
  responses: answerResponses,
  completions: answerCompletions,
  embeddings: answerEmbeddings,
  models: answerModels,
  'count-tokens': answerCountTokens,
};

/** The route's answer, spoiled by the faults scripted for it. A refused request uses up neither script nor fault. */
export function answerRoute({
  route,
  takeFaults,
  ...request
}: RouteRequest & { readonly route: Route; readonly takeFaults: () => readonly Fault[] }): Reply {
  const { reply, context } = routes[route](request);
  if (!context) return reply;
  return takeFaults().reduce((spoiled, fault) => applyFault(spoiled, fault, context), reply);
}
