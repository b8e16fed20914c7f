import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GuardPolicy } from './guard.ts';

/** Marks answers to an allowed page, and answers its preflight. The guard has refused every other origin already. */
export function allowCors(
  {
    request,
    response,
    requestId,
  }: { readonly request: IncomingMessage; readonly response: ServerResponse; readonly requestId: string },
  { corsOrigins }: Pick<GuardPolicy, 'corsOrigins'>,
): boolean {
  const { origin } = request.headers;
  if (origin === undefined || !corsOrigins.includes(origin)) return false;
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('vary', 'origin');
  response.setHeader('access-control-expose-headers', 'x-request-id, request-id, retry-after');
  if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return false;
  response.writeHead(204, {
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': request.headers['access-control-request-headers'] ?? 'authorization, content-type',
    'access-control-max-age': '600',
    'x-request-id': requestId,
  });
  response.end();
  return true;
}
