import type { IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError } from '../core/errors.ts';
import { idHeaders } from './anthropic-routes.ts';
import type { ReadJsonBody } from './body.ts';
import { checkClientKey, type GuardPolicy } from './guard.ts';
import { sendJson } from './respond.ts';

export interface ResponsesRoutesOptions {
  readonly policy: () => GuardPolicy;
  readonly bodyLimitBytes: number;
  readonly readBody: ReadJsonBody;
  /** Counts the input of a Responses body. @throws GatewayError `invalid_request` naming the field. */
  readonly countResponseInput: (
    body: unknown,
    options: { readonly signal: AbortSignal; readonly userAgent: string | undefined },
  ) => Promise<{ readonly inputTokens: number; readonly isEstimate: boolean }>;
}

/** How the app registers a route of OpenAI's Responses beside the one for responses themselves. */
export type RegisterResponsesRoute = (
  method: 'GET' | 'POST',
  path: string,
  handle: (visit: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly requestId: string;
  }) => Promise<void> | void,
) => void;

/**
 * What clients of Responses ask for besides responses. Codex tries WebSockets first and gives them up at once on 426, after
 * 7 tries on anything else.
 */
export function registerResponsesRoutes(
  register: RegisterResponsesRoute,
  { policy, bodyLimitBytes, readBody, countResponseInput }: ResponsesRoutesOptions,
): void {
  register('POST', '/v1/responses/input_tokens', async ({ request, response, requestId }) => {
    checkClientKey(request.headers, policy());
    const body = await readBody(request, bodyLimitBytes);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const userAgent = request.headers['user-agent'];
    const { inputTokens, isEstimate } = await countResponseInput(body, { signal: gone.signal, userAgent });
    sendJson(
      response,
      200,
      { ...idHeaders(requestId), ...(isEstimate && { 'x-qwen-proxy-estimate': 'true' }) },
      { object: 'response.input_tokens', input_tokens: inputTokens },
    );
  });
  register('GET', '/v1/responses', ({ request, response }) => {
    checkClientKey(request.headers, policy());
    if (request.headers.upgrade === undefined) {
      response.setHeader('allow', 'POST');
      throw new GatewayError('method_not_allowed', 'GET is not answered at /v1/responses.', { fix: 'Send POST.' });
    }
    response.setHeader('upgrade', 'HTTP/1.1');
    throw new GatewayError('upgrade_required', 'Responses are served over HTTP, not over WebSockets.', {
      fix: 'Send POST /v1/responses with "stream": true.',
    });
  });
  register('POST', '/v1/responses/compact', ({ request }) => {
    checkClientKey(request.headers, policy());
    throw new GatewayError('not_implemented', 'Conversations are not compacted here.', {
      fix: 'Ask the model for a summary instead; Codex does so by itself with providers other than OpenAI.',
    });
  });
}
