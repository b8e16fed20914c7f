import * as oauth from 'oauth4webapi';
import type { Clock } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';
import { isJsonObject, type JsonObject, parseJson, stringField } from '../core/json.ts';
import type { OAuthSettings } from '../core/settings.ts';
import { headerValue, readText, type UpstreamRequest, type UpstreamResponse } from '../core/upstream.ts';

/** Tokens as an account keeps them. `refreshToken` is absent where the server did not rotate it. */
export interface IssuedTokens {
  readonly accessToken: string;
  readonly refreshToken?: string;
  readonly expiresAtMs: number;
  readonly resourceUrl?: string;
}

/** A device authorization (RFC 8628 §3.2) with the PKCE verifier that belongs to it. */
export interface DeviceAuthorization {
  readonly deviceCode: string;
  readonly codeVerifier: string;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete: string;
  readonly expiresInMs: number;
  readonly intervalMs: number;
}

export type DevicePoll =
  | { readonly status: 'issued'; readonly tokens: IssuedTokens }
  | { readonly status: 'pending' | 'slow_down' | 'expired' | 'denied' };

/** The protocol steps of one OAuth issuer; each is one HTTP request. */
export interface OAuthClient {
  authorizeDevice(signal: AbortSignal): Promise<DeviceAuthorization>;
  pollDevice(deviceCode: string, codeVerifier: string, signal: AbortSignal): Promise<DevicePoll>;
  /** @throws GatewayError `unauthorized` when the token is refused; scope `provider` when nothing is known about it. */
  refresh(refreshToken: string, signal: AbortSignal): Promise<IssuedTokens>;
}

export interface OAuthClientOptions {
  readonly settings: () => OAuthSettings;
  readonly send: (request: UpstreamRequest, signal: AbortSignal) => Promise<UpstreamResponse>;
  readonly clock: Clock;
  readonly userAgent: string;
}

/** qwen-code polls every 2 s; the device reply names no interval (qwenOAuth2.ts). RFC 8628 would say 5 s. */
const defaultIntervalMs = 2_000;
/** An `expires_in` that is missing: half the life Qwen's tokens have had. */
const defaultTokenLifeMs = 3 * 3_600_000;
const bodyLimitBytes = 256 * 1024;

/** OAuth as Qwen speaks it, over oauth4webapi: its deviations from the RFCs are turned into RFC answers first. */
export function createOAuthClient({ settings, send, clock, userAgent }: OAuthClientOptions): OAuthClient {
  const parts = () => {
    const { deviceCodeEndpoint, tokenEndpoint, clientId, clientSecret, scope } = settings();
    const server: oauth.AuthorizationServer = {
      issuer: new URL(tokenEndpoint).origin,
      device_authorization_endpoint: deviceCodeEndpoint,
      token_endpoint: tokenEndpoint,
    };
    const authentication = clientSecret === undefined ? oauth.None() : oauth.ClientSecretPost(clientSecret);
    return { server, client: { client_id: clientId } satisfies oauth.Client, authentication, scope };
  };
  const options = (signal: AbortSignal) => ({
    signal,
    // Both endpoints may be plain http on loopback; settings were checked, and nothing else sets them.
    [oauth.allowInsecureRequests]: true,
    [oauth.customFetch]: async (
      url: string,
      init: { method: string; headers: Record<string, string>; body?: unknown },
    ) =>
      normalise(
        await send(
          {
            method: 'POST',
            url,
            // Without a User-Agent the token endpoint answers with a firewall page (hermes-agent PR 7751).
            headers: { ...init.headers, 'user-agent': userAgent, 'x-request-id': crypto.randomUUID() },
            body: String(init.body),
          },
          signal,
        ),
      ),
  });
  const issued = (response: oauth.TokenEndpointResponse): IssuedTokens => {
    const resourceUrl = stringField(response, 'resource_url') ?? stringField(response, 'endpoint');
    return {
      accessToken: response.access_token,
      ...(response.refresh_token !== undefined && { refreshToken: response.refresh_token }),
      expiresAtMs: clock.now() + (response.expires_in === undefined ? defaultTokenLifeMs : response.expires_in * 1_000),
      ...(resourceUrl !== undefined && { resourceUrl }),
    };
  };

  return {
    async authorizeDevice(signal) {
      const { server, client, authentication, scope } = parts();
      const codeVerifier = oauth.generateRandomCodeVerifier();
      const parameters = {
        scope,
        code_challenge: await oauth.calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
      };
      try {
        const response = await oauth.deviceAuthorizationRequest(
          server,
          client,
          authentication,
          parameters,
          options(signal),
        );
        const device = await oauth.processDeviceAuthorizationResponse(server, client, response);
        return {
          deviceCode: device.device_code,
          codeVerifier,
          userCode: device.user_code,
          verificationUri: device.verification_uri,
          verificationUriComplete: device.verification_uri_complete ?? device.verification_uri,
          expiresInMs: device.expires_in * 1_000,
          intervalMs: device.interval === undefined ? defaultIntervalMs : device.interval * 1_000,
        };
      } catch (error) {
        throw unexpected('The sign-in could not be started', error);
      }
    },

    async pollDevice(deviceCode, codeVerifier, signal) {
      const { server, client, authentication } = parts();
      try {
        const response = await oauth.deviceCodeGrantRequest(server, client, authentication, deviceCode, {
          ...options(signal),
          additionalParameters: { code_verifier: codeVerifier },
        });
        return { status: 'issued', tokens: issued(await oauth.processDeviceCodeResponse(server, client, response)) };
      } catch (error) {
        const known = error instanceof oauth.ResponseBodyError ? pollStatus(error) : undefined;
        if (known !== undefined) return { status: known };
        throw unexpected('The sign-in failed', error);
      }
    },

    async refresh(refreshToken, signal) {
      const { server, client, authentication } = parts();
      try {
        const response = await oauth.refreshTokenGrantRequest(
          server,
          client,
          authentication,
          refreshToken,
          options(signal),
        );
        return issued(await oauth.processRefreshTokenResponse(server, client, response));
      } catch (error) {
        if (error instanceof oauth.ResponseBodyError && isFinalRefusal(error)) {
          throw new GatewayError('unauthorized', `Qwen no longer accepts this sign-in (${error.error}).`, {
            upstreamStatus: error.status,
            upstreamCode: error.error,
            fix: 'Sign in again with “Qwen: Login”, or add an API key.',
            cause: error,
          });
        }
        throw unexpected('The sign-in could not be renewed', error);
      }
    },
  };
}

/** Words that come with 400 and say "not now" instead of "never again". */
const passingErrors: readonly string[] = [
  'slow_down',
  'authorization_pending',
  'temporarily_unavailable',
  'server_error',
];

/** A refresh token is dead when it was refused with 400 or 401 (qwen-code reads it so), whatever the server calls it. */
function isFinalRefusal(error: oauth.ResponseBodyError): boolean {
  return (error.status === 400 || error.status === 401) && !passingErrors.includes(error.error);
}

/** RFC 8628 §3.5, and Qwen's own: 401 for a device code it does not know any more. */
function pollStatus(error: oauth.ResponseBodyError): Exclude<DevicePoll['status'], 'issued'> | undefined {
  if (error.error === 'authorization_pending') return 'pending';
  if (error.error === 'slow_down') return 'slow_down';
  if (error.error === 'access_denied') return 'denied';
  // The settings are wrong, not the code; 401 as well.
  if (error.error === 'invalid_client') return undefined;
  if (error.error === 'expired_token' || error.status === 401) return 'expired';
  return undefined;
}

/**
 * Makes an RFC answer of what Qwen sends: `slow_down` as 429, pending as 200 with `{status:"pending"}` or a null token,
 * errors without a known body, empty refresh tokens. A page instead of JSON is a firewall's and says nothing about tokens.
 */
async function normalise(response: UpstreamResponse): Promise<Response> {
  const body = parseJson(await readText(response.body, bodyLimitBytes));
  if (!isJsonObject(body)) {
    throw new GatewayError('upstream_protocol', `The sign-in server answered ${response.status} without JSON.`, {
      upstreamStatus: response.status,
      upstreamCode: headerValue(response.headers, 'content-type'),
    });
  }
  const json = (status: number, value: JsonObject) => Response.json(value, { status });
  const error = stringField(body, 'error');
  if (response.status >= 200 && response.status < 300) {
    if (error === undefined && (body.status === 'pending' || ('access_token' in body && body.access_token === null)))
      return json(400, { error: 'authorization_pending' });
    // Ids are not used; an id_token of a foreign issuer would only fail validation. Empty fields count as absent.
    const { id_token: _idToken, ...rest } = body;
    return json(
      error === undefined ? 200 : 400,
      Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== '' && value !== null)),
    );
  }
  if (error === 'slow_down') return json(400, body);
  if (response.status >= 400 && response.status < 500 && error !== undefined) return json(response.status, body);
  // Qwen's gateway words its refusals in envelopes of its own.
  if (response.status === 400 || response.status === 401) return json(response.status, { error: 'invalid_request' });
  throw new GatewayError('upstream_error', `The sign-in server answered ${response.status}.`, {
    upstreamStatus: response.status,
  });
}

function unexpected(what: string, error: unknown): unknown {
  if (error instanceof GatewayError || (error instanceof DOMException && error.name === 'AbortError')) return error;
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return new GatewayError('upstream_timeout', `${what}: the sign-in server did not answer in time.`, {
      fix: 'Check the network, then try again.',
      cause: error,
    });
  if (error instanceof oauth.ResponseBodyError)
    return new GatewayError('upstream_error', `${what}: ${error.error_description ?? error.error}.`, {
      upstreamStatus: error.status,
      cause: error,
    });
  return new GatewayError('upstream_protocol', `${what}: the answer was not understood.`, { cause: error });
}
