import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NamedClientKey } from '../core/client-key.ts';
import type { ErrorDialect } from '../core/dialect.ts';
import type { JsonObject } from '../core/json.ts';
import { readJsonBody } from './body.ts';
import { checkClientKey, type GuardPolicy } from './guard.ts';
import { sendJson } from './respond.ts';

/** What Anthropic's clients ask for besides messages. */
export interface AnthropicSurface {
  readonly errors: ErrorDialect;
  /** Those that the key may use. @throws GatewayError `invalid_request` for a page that does not exist. */
  models(query: URLSearchParams, key: NamedClientKey | undefined): Promise<JsonObject>;
  /** @throws GatewayError `model_not_found`, or `forbidden` for one that is not the key's. */
  model(id: string, key: NamedClientKey | undefined): Promise<JsonObject>;
  countTokens(
    body: unknown,
    options: { readonly signal: AbortSignal; readonly userAgent: string | undefined },
  ): Promise<{ readonly inputTokens: number; readonly isEstimate: boolean }>;
}

interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly params: Readonly<Record<string, string>>;
}

type Route = (
  method: 'GET' | 'POST',
  path: string,
  errors: ErrorDialect,
  handle: (visit: Visit) => Promise<void> | void,
) => unknown;

/** Whether a request means Anthropic's API: by its path, as it was sent, or by the header that their clients always send. */
export function speaksAnthropic({ url = '', headers }: Pick<IncomingMessage, 'url' | 'headers'>): boolean {
  return headers['anthropic-version'] !== undefined || /^\/+(?:v1\/+)*(?:anthropic|messages)(?:[/?]|$)/.test(url);
}

/** The methods of every path that is registered here. */
export const anthropicMethods: Readonly<Record<string, string>> = {
  '/anthropic/v1/models': 'GET, HEAD',
  '/anthropic/v1/messages/count_tokens': 'POST',
  '/v1/messages/count_tokens': 'POST',
};

/** Registers what Anthropic's clients ask for besides messages; `/v1/models` is shared with OpenAI's. */
export function registerAnthropicRoutes(
  route: Route,
  surface: AnthropicSurface,
  { policy, bodyLimitBytes }: { readonly policy: () => GuardPolicy; readonly bodyLimitBytes: number },
): void {
  route('GET', '/anthropic/v1/models', surface.errors, (visit) => answerModels(visit, surface, policy()));
  // Ids hold slashes, and not every client escapes them.
  route('GET', '/anthropic/v1/models/**:id', surface.errors, (visit) => answerModel(visit, surface, policy()));
  for (const path of ['/anthropic/v1/messages/count_tokens', '/v1/messages/count_tokens'])
    route('POST', path, surface.errors, async ({ request, response, requestId }) => {
      checkClientKey(request.headers, policy());
      const body = await readJsonBody(request, bodyLimitBytes);
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      const userAgent = request.headers['user-agent'];
      const { inputTokens, isEstimate } = await surface.countTokens(body, { signal: gone.signal, userAgent });
      sendJson(
        response,
        200,
        { ...idHeaders(requestId), ...(isEstimate && { 'x-qwen-proxy-estimate': 'true' }) },
        { input_tokens: inputTokens },
      );
    });
}

/** `GET /v1/models` in Anthropic's shape. */
export async function answerModels(
  { request, response, requestId }: Visit,
  surface: AnthropicSurface,
  policy: GuardPolicy,
): Promise<void> {
  const key = checkClientKey(request.headers, policy);
  const query = new URL(request.url ?? '/', 'http://localhost').searchParams;
  sendJson(response, 200, idHeaders(requestId), await surface.models(query, key));
}

/** `GET /v1/models/{id}` in Anthropic's shape. */
export async function answerModel(
  { request, response, requestId, params }: Visit,
  surface: AnthropicSurface,
  policy: GuardPolicy,
): Promise<void> {
  const key = checkClientKey(request.headers, policy);
  sendJson(response, 200, idHeaders(requestId), await surface.model(decodeURIComponent(params.id ?? ''), key));
}

/** OpenAI's SDKs read the first, Anthropic's the second. */
export const idHeaders = (requestId: string) => ({ 'x-request-id': requestId, 'request-id': requestId });
