import type { IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError } from '../core/errors.ts';
import { internalPaths } from '../core/window-protocol.ts';
import type { ReadJsonBody } from './body.ts';
import { sendJson } from './respond.ts';
import type { WindowOwner } from './window-owner.ts';

/** A call of a follower carries at most an account; nothing larger is read. */
const bodyBytes = 1024 * 1024;

/** How the app registers a route; the visit is the node request with its response. */
export type RegisterRoute = (
  method: 'GET' | 'POST',
  path: string,
  handle: (visit: { readonly request: IncomingMessage; readonly response: ServerResponse }) => Promise<void> | void,
) => void;

/** The routes of the windows of one install. They ask for no client key: every word is proven with the control secret. */
export function registerWindowRoutes(
  register: RegisterRoute,
  windows: () => WindowOwner | undefined,
  readBody: ReadJsonBody,
): void {
  const owner = (): WindowOwner => {
    const present = windows();
    if (present === undefined) throw new GatewayError('not_found', 'No windows share this server.');
    return present;
  };
  const query = ({ url = '' }: IncomingMessage, name: string) =>
    new URL(url, 'http://localhost').searchParams.get(name) ?? '';
  const noStore = { 'cache-control': 'no-store' };

  register('GET', internalPaths.identity, ({ request, response }) => {
    const nonce = query(request, 'nonce');
    if (nonce.length < 16 || nonce.length > 128)
      throw new GatewayError('invalid_request', 'The nonce is missing.', { param: 'nonce' });
    sendJson(response, 200, noStore, { ...owner().identity(nonce) });
  });
  register('POST', internalPaths.session, async ({ request, response }) =>
    sendJson(response, 200, noStore, owner().openSession(await readBody(request, bodyBytes))),
  );
  register('POST', internalPaths.call, async ({ request, response }) =>
    sendJson(response, 200, noStore, await owner().call(await readBody(request, bodyBytes))),
  );
  register('GET', internalPaths.events, ({ request, response }) =>
    owner().sendEvents(query(request, 'session'), request, response),
  );
}
