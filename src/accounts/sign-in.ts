import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';
import type { DeviceAuthorization, DevicePoll, IssuedTokens, OAuthClient } from './oauth-client.ts';

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
  /** Polls in a row that brought no answer about the sign-in. */
  failures: number;
}

/** More flows than a person could look at; the oldest gives way. */
const maximumFlows = 16;
const maximumIntervalMs = 10_000;
/** A firewall page or a lost connection says nothing about the sign-in; this many in a row end it. */
const maximumFailures = 5;

export function createSignIns(client: OAuthClient, clock: Clock): SignIns {
  const flows = new Map<string, Flow>();

  /** As qwen-code does it, half as long again; a server that began with a long interval gets a longer one all the same. */
  const slowDown = (flow: Flow) => {
    flow.intervalMs = Math.min(flow.intervalMs * 1.5, Math.max(maximumIntervalMs, flow.device.intervalMs * 3));
    flow.nextPollMs = clock.now() + flow.intervalMs;
  };
  const step = async (handle: string, flow: Flow, signal: AbortSignal): Promise<SignInStep> => {
    let result: DevicePoll;
    try {
      result = await client.pollDevice(flow.device.deviceCode, flow.device.codeVerifier, signal);
      flow.failures = 0;
    } catch (error) {
      flow.failures++;
      slowDown(flow);
      if (!isPassing(error) || flow.failures >= maximumFailures) throw error;
      return { status: 'pending', intervalMs: flow.intervalMs, slowDown: false };
    }
    // Cancelled while the server was asked: what it issued is not kept.
    if (flows.get(handle) !== flow) return { status: 'expired' };
    if (result.status === 'slow_down') slowDown(flow);
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
        failures: 0,
      };
      for (const [other, { expiresAtMs }] of flows) if (expiresAtMs <= now) flows.delete(other);
      const [oldest] = flows.keys();
      if (flows.size >= maximumFlows && oldest !== undefined) flows.delete(oldest);
      flows.set(handle, flow);
      const { userCode, verificationUri, verificationUriComplete } = device;
      return {
        handle,
        device: { userCode, verificationUri, verificationUriComplete },
        expiresAtMs: flow.expiresAtMs,
        intervalMs: flow.intervalMs,
        accountId,
      };
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

/** Nothing was learned about the sign-in: the network, a firewall's page, a server in trouble. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof GatewayError) || error.scope !== 'provider') return false;
  const { code, upstreamStatus = 0 } = error;
  const isRefusal = code === 'upstream_error' && upstreamStatus >= 400 && upstreamStatus < 500;
  return !isRefusal || upstreamStatus === 408 || upstreamStatus === 429;
}

/** The tokens of a first sign-in. */
export type RefreshableTokens = IssuedTokens & { readonly refreshToken: string };

/** @throws GatewayError where no refresh token came: such a sign-in cannot be kept. */
export function requireRefreshToken(tokens: IssuedTokens): RefreshableTokens {
  const { refreshToken } = tokens;
  if (refreshToken === undefined)
    throw new GatewayError('upstream_protocol', 'The sign-in server gave no refresh token.');
  return { ...tokens, refreshToken };
}
