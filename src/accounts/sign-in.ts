import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';
import type { DeviceAuthorization, IssuedTokens, OAuthClient } from './oauth-client.ts';

/** A device flow that somebody is looking at: what to show, never what to keep. */
export interface StartedSignIn {
  readonly handle: string;
  readonly device: Pick<DeviceAuthorization, 'userCode' | 'verificationUri' | 'verificationUriComplete'>;
  readonly expiresAtMs: number;
  readonly intervalMs: number;
  /** The id the account shall get, when one was asked for. */
  readonly accountId: string | undefined;
}

export type SignInStep =
  | { readonly status: 'pending'; readonly intervalMs: number; readonly slowDown: boolean }
  | { readonly status: 'issued'; readonly tokens: IssuedTokens; readonly accountId: string | undefined }
  | { readonly status: 'expired' | 'denied' };

/** The device flows in progress. Verifier and device code stay here; callers hold an opaque handle. */
export interface SignIns {
  start(accountId: string | undefined, signal: AbortSignal): Promise<StartedSignIn>;
  /** One step. Polls that come too early are answered `pending` without asking the server. */
  poll(handle: string, signal: AbortSignal): Promise<SignInStep>;
  cancel(handle: string): void;
}

interface Flow {
  readonly device: DeviceAuthorization;
  readonly accountId: string | undefined;
  readonly expiresAtMs: number;
  intervalMs: number;
  nextPollMs: number;
  polling: Promise<SignInStep> | undefined;
}

/** More flows than a person could look at; the oldest gives way. */
const maximumFlows = 16;
const maximumIntervalMs = 10_000;

export function createSignIns(client: OAuthClient, clock: Clock): SignIns {
  const flows = new Map<string, Flow>();

  const step = async (handle: string, flow: Flow, signal: AbortSignal): Promise<SignInStep> => {
    const result = await client.pollDevice(flow.device.deviceCode, flow.device.codeVerifier, signal);
    if (result.status === 'slow_down') flow.intervalMs = Math.min(flow.intervalMs * 1.5, maximumIntervalMs);
    flow.nextPollMs = clock.now() + flow.intervalMs;
    if (result.status === 'pending' || result.status === 'slow_down')
      return { status: 'pending', intervalMs: flow.intervalMs, slowDown: result.status === 'slow_down' };
    flows.delete(handle);
    return result.status === 'issued'
      ? { status: 'issued', tokens: result.tokens, accountId: flow.accountId }
      : { status: result.status };
  };

  return {
    async start(accountId, signal) {
      const device = await client.authorizeDevice(signal);
      const handle = randomBytes(24).toString('base64url');
      const now = clock.now();
      const flow: Flow = {
        device,
        accountId,
        expiresAtMs: now + device.expiresInMs,
        intervalMs: device.intervalMs,
        nextPollMs: now + device.intervalMs,
        polling: undefined,
      };
      for (const [other, { expiresAtMs }] of flows) if (expiresAtMs <= now) flows.delete(other);
      const [oldest] = flows.keys();
      if (flows.size >= maximumFlows && oldest !== undefined) flows.delete(oldest);
      flows.set(handle, flow);
      return { handle, device, expiresAtMs: flow.expiresAtMs, intervalMs: flow.intervalMs, accountId };
    },
    async poll(handle, signal) {
      const flow = flows.get(handle);
      if (flow === undefined) return { status: 'expired' };
      if (clock.now() >= flow.expiresAtMs) {
        flows.delete(handle);
        return { status: 'expired' };
      }
      if (clock.now() < flow.nextPollMs) return { status: 'pending', intervalMs: flow.intervalMs, slowDown: false };
      // Two lookers at one flow share the request: a device code is polled once per interval.
      flow.polling ??= step(handle, flow, signal).finally(() => {
        flow.polling = undefined;
      });
      return await flow.polling;
    },
    cancel: (handle) => void flows.delete(handle),
  };
}

/** The tokens of a first sign-in; a reply without a refresh token cannot be kept. */
export function requireRefreshToken(tokens: IssuedTokens): IssuedTokens & { readonly refreshToken: string } {
  const { refreshToken } = tokens;
  if (refreshToken === undefined)
    throw new GatewayError('upstream_protocol', 'The sign-in server gave no refresh token.');
  return { ...tokens, refreshToken };
}
