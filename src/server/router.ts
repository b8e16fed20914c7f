import type { RequestListener } from 'node:http';
import { defineHandler, fromNodeHandler, H3, toNodeHandler } from 'h3/node';

export interface Route {
  /** Absent: any. */
  readonly method: 'GET' | 'POST' | undefined;
  /** As h3 writes it, `/v1/models/**:id`. */
  readonly path: string;
  /** Answers on the node response. */
  readonly handle: (response: object, params: Readonly<Record<string, string>> | undefined) => Promise<void>;
}

/**
 * Matches paths that have to be matched. Loaded when the first request needs it: h3 makes Node load its own `fetch`, which
 * takes 16 MB and 40 ms.
 */
export function createRouter(routes: readonly Route[]): RequestListener {
  const app = new H3({ silent: true });
  for (const { method, path, handle } of routes) {
    const handler = defineHandler((event) =>
      fromNodeHandler((_request, response) => handle(response, event.context.params))(event),
    );
    if (method === undefined) app.all(path, handler);
    else app.on(method, path, handler);
  }
  return toNodeHandler(app);
}
