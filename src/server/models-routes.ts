import type { IncomingMessage, ServerResponse } from 'node:http';
import { checkModel, mayUseModel } from '../core/client-key.ts';
import { GatewayError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { type AnthropicSurface, answerModel, answerModels, speaksAnthropic } from './anthropic-routes.ts';
import { checkClientKey, type GuardPolicy } from './guard.ts';
import { sendJson } from './respond.ts';

/** An entry of OpenAI's model list. */
export type ListedModel = JsonObject & { readonly id: string };

export interface ModelsRoutesOptions {
  readonly policy: () => GuardPolicy;
  readonly anthropic: AnthropicSurface;
  readonly models: () => Promise<readonly ListedModel[]>;
  /** The list as Codex reads it. */
  readonly codexCatalogue: (models: readonly ListedModel[]) => JsonObject;
}

/** How the app registers these routes. */
export type RegisterModelsRoute = (
  path: string,
  handle: (visit: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly requestId: string;
    readonly params: Readonly<Record<string, string>>;
  }) => Promise<void>,
) => void;

/**
 * `GET /v1/models`: OpenAI's list, Anthropic's for its clients, and Codex' catalogue for whoever names a `client_version`,
 * as Codex alone does. A named key is shown the models that it may use.
 */
export function registerModelsRoutes(
  register: RegisterModelsRoute,
  { policy, anthropic, models, codexCatalogue }: ModelsRoutesOptions,
): void {
  register('/v1/models', async (visit) => {
    const { request, response, requestId } = visit;
    const isCodex = new URL(request.url ?? '', 'http://localhost').searchParams.has('client_version');
    if (!isCodex && speaksAnthropic(request)) return answerModels(visit, anthropic, policy());
    const key = checkClientKey(request.headers, policy());
    const listed = (await models()).filter(({ id }) => mayUseModel(key, id));
    const body = isCodex ? codexCatalogue(listed) : { object: 'list', data: listed };
    sendJson(response, 200, { 'x-request-id': requestId }, body);
  });
  // Ids hold slashes, and not every client escapes them.
  register('/v1/models/**:id', async (visit) => {
    const { request, response, requestId, params } = visit;
    if (speaksAnthropic(request)) return answerModel(visit, anthropic, policy());
    const key = checkClientKey(request.headers, policy());
    const id = decodeURIComponent(params.id ?? '');
    checkModel(key, id);
    const model = (await models()).find((candidate) => candidate.id === id);
    if (model === undefined)
      throw new GatewayError('model_not_found', `The model '${id}' does not exist.`, {
        param: 'model',
        fix: 'GET /v1/models lists the models.',
      });
    sendJson(response, 200, { 'x-request-id': requestId }, model);
  });
}
