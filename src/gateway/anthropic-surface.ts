import { checkModel, mayUseModel } from '../core/client-key.ts';
import { encodeError } from '../dialects/anthropic-messages/errors.ts';
import { modelAsked } from '../dialects/anthropic-messages/model-name.ts';
import { encodeModelOf, encodeModelPage, type ListedModel } from '../dialects/anthropic-messages/models.ts';
import { decodeCountRequest } from '../dialects/anthropic-messages/request.ts';
import type { AnthropicSurface } from '../server/anthropic-routes.ts';
import type { CountedRequest, TokenCount } from './count-tokens.ts';

export interface AnthropicSurfaceOptions {
  /** OpenAI's model objects. */
  readonly models: () => Promise<readonly ListedModel[]>;
  readonly countTokens: (
    request: CountedRequest,
    options: { readonly signal: AbortSignal; readonly userAgent: string | undefined },
  ) => Promise<TokenCount>;
}

/** What Anthropic's clients ask for besides messages. */
export function createAnthropicSurface({ models, countTokens }: AnthropicSurfaceOptions): AnthropicSurface {
  const chatModels = async () => (await models()).filter(({ mode }) => mode !== 'embedding');
  return {
    errors: { encodeError },
    async models(query, key) {
      const models = (await chatModels()).filter(({ id }) => mayUseModel(key, id));
      return encodeModelPage(models, query);
    },
    async model(id, key) {
      checkModel(key, modelAsked(id) ?? '');
      return encodeModelOf(await chatModels(), id);
    },
    countTokens: (body, options) => countTokens(decodeCountRequest(body), options),
  };
}
