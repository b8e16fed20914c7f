import type { IncomingMessage, ServerResponse } from 'node:http';
import { checkAdminKey, type GuardPolicy } from './guard.ts';

export interface MetricsRouteOptions {
  readonly policy: () => GuardPolicy;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

/** `GET /metrics` in Prometheus' text format; it names accounts, so it is administration. */
export function createMetricsRoute({ policy, metrics }: MetricsRouteOptions) {
  return async ({
    request,
    response,
    requestId,
  }: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly requestId: string;
  }): Promise<void> => {
    checkAdminKey(request.headers, policy());
    const { contentType, text } = await metrics();
    if (response.destroyed) return;
    response.writeHead(200, {
      'content-type': contentType,
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
      'x-request-id': requestId,
    });
    response.end(text);
  };
}
