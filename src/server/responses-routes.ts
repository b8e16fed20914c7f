import type { IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError } from '../core/errors.ts';

/** How the app registers a route of OpenAI's Responses beside the one for responses themselves. */
export type RegisterResponsesRoute = (
  method: 'GET' | 'POST',
  path: string,
  handle: (visit: { readonly request: IncomingMessage; readonly response: ServerResponse }) => void,
) => void;

/**
 * What clients of Responses ask for besides responses. Codex tries WebSockets first and gives them up at once on 426, after
 * 7 tries on anything else.
 */
export function registerResponsesRoutes(register: RegisterResponsesRoute): void {
  register('GET', '/v1/responses', ({ request, response }) => {
    if (request.headers.upgrade === undefined) {
      response.setHeader('allow', 'POST');
      throw new GatewayError('method_not_allowed', 'GET is not answered at /v1/responses.', { fix: 'Send POST.' });
    }
    response.setHeader('upgrade', 'HTTP/1.1');
    throw new GatewayError('upgrade_required', 'Responses are served over HTTP, not over WebSockets.', {
      fix: 'Send POST /v1/responses with "stream": true.',
    });
  });
  register('POST', '/v1/responses/compact', () => {
    throw new GatewayError('not_implemented', 'Conversations are not compacted here.', {
      fix: 'Ask the model for a summary instead; Codex does so by itself with providers other than OpenAI.',
    });
  });
}
