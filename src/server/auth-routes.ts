import type { ProxyControl } from '../core/control.ts';
import { GatewayError } from '../core/errors.ts';
import { isJsonObject, type JsonObject, stringField } from '../core/json.ts';

/**
 * The device flow over HTTP, in RFC 8628's words: initiate gives what to show a person, poll says how it stands. The
 * `device_code` is a handle of ours; verifier and tokens never leave the server.
 */
export async function handleAuthRoute(
  path: '/auth/initiate' | '/auth/poll',
  body: unknown,
  { signIn, now }: { readonly signIn: Pick<ProxyControl, 'startSignIn' | 'pollSignIn'>; readonly now: () => number },
): Promise<{ status: number; answer: JsonObject }> {
  if (!isJsonObject(body)) throw new GatewayError('invalid_request', 'The request body must be a JSON object.');
  if (path === '/auth/initiate') {
    const id = stringField(body, 'id');
    const flow = await signIn.startSignIn(id === undefined ? {} : { id }).catch(asGatewayError);
    return {
      status: 200,
      answer: {
        device_code: flow.handle,
        user_code: flow.userCode,
        verification_uri: flow.verificationUri,
        verification_uri_complete: flow.verificationUriComplete,
        expires_in: Math.max(0, Math.round((flow.expiresAtMs - now()) / 1000)),
        interval: Math.ceil(flow.intervalMs / 1000),
      },
    };
  }
  const handle = stringField(body, 'device_code');
  if (handle === undefined)
    throw new GatewayError('invalid_request', "Missing required parameter: 'device_code'.", { param: 'device_code' });
  const poll = await signIn.pollSignIn(handle);
  const refuse = (error: string, description?: string) => ({
    status: 400,
    answer: { error, ...(description !== undefined && { error_description: description }) },
  });
  switch (poll.status) {
    case 'pending':
      return refuse(poll.slowDown ? 'slow_down' : 'authorization_pending');
    case 'expired':
      return refuse('expired_token', 'The code has expired. Start again with /auth/initiate.');
    case 'denied':
      return refuse('access_denied', 'The sign-in was refused.');
    case 'failed':
      return refuse('server_error', poll.message);
    case 'complete':
      return {
        status: 200,
        answer: {
          status: 'complete',
          account: { id: poll.account.id },
          connected: poll.verdict.ok,
          message: poll.verdict.message,
        },
      };
  }
}

/** The control surface speaks to people: a mistake of the caller by name, anything else with what caused it. */
function asGatewayError(error: unknown): never {
  if (!(error instanceof Error)) throw error;
  if (error.name === 'InputError') throw new GatewayError('invalid_request', error.message, { param: 'id' });
  throw error.cause instanceof GatewayError ? error.cause : error;
}
