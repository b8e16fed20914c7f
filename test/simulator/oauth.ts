import type { IncomingHttpHeaders } from 'node:http';
import { type DeviceLogin, type IssuedTokens, OAuthGrants, provesChallenge } from './oauth-grants.ts';
import { catalogueReply, firewallReply } from './refusal.ts';
import { jsonReply, type Reply } from './reply.ts';

const clientId = 'f0304373b74a44d2b584a3fb70ca9e56';
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code';

/** The two endpoints of chat.qwen.ai. */
export const oauthPaths = { device: '/api/v1/oauth2/device/code', token: '/api/v1/oauth2/token' } as const;

/** The simulated OAuth server and its controls. */
export class OAuthServer {
  /** How "not yet" is said to a poll. */
  pendingForm: '400' | '200-status' | '200-null' = '400';
  /** Login and refresh go on, but inference refuses every token: the state since 2026-04-15. */
  serviceEnded = false;
  expiresInSeconds = 21_600;
  rotateRefreshToken = true;
  /** `interval` of the device reply; Qwen sends none. */
  intervalSeconds: number | undefined;
  /** What a token reply names as the API's address; `undefined` leaves it out. */
  resourceUrl: string | undefined;
  /** Requests with the refresh grant, refused ones included, firewall pages not. */
  refreshCount = 0;
  /** Polls with the device grant, firewall pages not included. */
  devicePolls = 0;

  readonly #origin: () => string;
  readonly #now: () => number;
  readonly #grants: OAuthGrants;
  #slowDown = { times: 0, status: 400 };
  #firewallTimes = 0;
  #refreshIsDead = false;

  constructor(origin: () => string, now: () => number) {
    this.#origin = origin;
    this.#now = now;
    this.#grants = new OAuthGrants(now);
    this.reset();
  }

  /** The user agrees: the login with this code, else the newest one waiting. */
  approve(userCode?: string): void {
    this.#grants.waitingLogin(userCode).state = 'approved';
  }

  deny(userCode?: string): void {
    this.#grants.waitingLogin(userCode).state = 'denied';
  }

  expire(userCode?: string): void {
    this.#grants.waitingLogin(userCode).state = 'expired';
  }

  /** The next polls are told to slow down. RFC 8628 says 400; qwen-code expects 429. */
  slowDownNext(times = 1, status: 400 | 429 = 400): void {
    this.#slowDown = { times, status };
  }

  /** The next requests to either endpoint get the firewall's page with status 200. */
  waf(times = 1): void {
    this.#firewallTimes = times;
  }

  /** Every refresh is refused from now on. */
  refreshDead(): void {
    this.#refreshIsDead = true;
  }

  /** Access tokens handed out so far stop working; refresh tokens go on. */
  revokeAccessTokens(): void {
    this.#grants.revokeAccessTokens();
  }

  /** Tokens of a finished login, for tests that are not about logging in. */
  issueTokens(): IssuedTokens & { readonly expiresAtMs: number } {
    return { ...this.#grants.issue(this.expiresInSeconds), expiresAtMs: this.#now() + this.expiresInSeconds * 1000 };
  }

  /** Whether inference accepts this token now. */
  acceptsAccessToken(token: string): boolean {
    return !this.serviceEnded && this.#grants.accepts(token);
  }

  /** Forgets every login and token; controls return to their defaults. */
  reset(): void {
    this.pendingForm = '400';
    this.serviceEnded = false;
    this.expiresInSeconds = 21_600;
    this.rotateRefreshToken = true;
    this.intervalSeconds = undefined;
    this.resourceUrl = `${this.#origin()}/portal`;
    this.refreshCount = 0;
    this.devicePolls = 0;
    this.#slowDown = { times: 0, status: 400 };
    this.#firewallTimes = 0;
    this.#refreshIsDead = false;
    this.#grants.clear();
  }

  /** Answers one request to an OAuth path; `undefined` if the path is none. */
  answer(path: string, headers: IncomingHttpHeaders, rawBody: string): Reply | undefined {
    if (path !== oauthPaths.device && path !== oauthPaths.token) return undefined;
    if (headers['user-agent'] === undefined) return firewallReply();
    if (this.#firewallTimes > 0) {
      this.#firewallTimes--;
      return firewallReply();
    }
    if (!headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
      return oauthError(400, 'invalid_request', 'Content-Type must be application/x-www-form-urlencoded');
    }
    const form = new URLSearchParams(rawBody);
    if (path === oauthPaths.device) return this.#startLogin(form);
    if (form.get('grant_type') === deviceGrant) return this.#poll(form);
    if (form.get('grant_type') === 'refresh_token') return this.#refresh(form);
    return oauthError(400, 'unsupported_grant_type', 'grant_type is not supported');
  }

  #startLogin(form: URLSearchParams): Reply {
    if (form.get('client_id') !== clientId) return oauthError(401, 'invalid_client', 'client_id is unknown');
    if (!form.get('scope')?.split(' ').includes('model.completion')) {
      return oauthError(400, 'invalid_scope', 'scope must contain model.completion');
    }
    const challenge = form.get('code_challenge') ?? '';
    if (form.get('code_challenge_method') !== 'S256' || !/^[\w-]{43}$/.test(challenge)) {
      return oauthError(400, 'invalid_request', 'code_challenge with method S256 is required');
    }
    const { login, expiresInSeconds } = this.#grants.startLogin(challenge);
    const page = `${this.#origin()}/authorize`;
    return jsonReply(200, {
      device_code: login.deviceCode,
      user_code: login.userCode,
      verification_uri: page,
      verification_uri_complete: `${page}?user_code=${login.userCode}&client=qwen-code`,
      expires_in: expiresInSeconds,
      ...(this.intervalSeconds === undefined ? {} : { interval: this.intervalSeconds }),
    });
  }

  #poll(form: URLSearchParams): Reply {
    this.devicePolls++;
    const login = this.#grants.login(form.get('device_code') ?? undefined);
    if (form.get('client_id') !== clientId) return oauthError(401, 'invalid_client', 'client_id is unknown');
    if (!login) return oauthError(401, 'invalid_grant', 'device_code is unknown or was used');
    if (!provesChallenge(form.get('code_verifier') ?? undefined, login.challenge)) {
      return oauthError(400, 'invalid_grant', 'code_verifier does not match the code_challenge');
    }
    if (this.#slowDown.times > 0) {
      this.#slowDown.times--;
      return oauthError(this.#slowDown.status, 'slow_down', 'The client polls too often');
    }
    return this.#pollReply(login);
  }

  #pollReply(login: DeviceLogin): Reply {
    if (login.state === 'denied') return catalogueReply(13);
    if (login.state === 'expired') return catalogueReply(12);
    if (login.state === 'approved') {
      this.#grants.finishLogin(login);
      const tokens = this.#grants.issue(this.expiresInSeconds);
      return jsonReply(200, {
        ...this.#tokenFields(tokens.accessToken),
        refresh_token: tokens.refreshToken,
        scope: 'openid profile email model.completion',
      });
    }
    if (this.pendingForm === '200-status') return jsonReply(200, { status: 'pending' });
    if (this.pendingForm === '200-null') return jsonReply(200, { access_token: null, refresh_token: null });
    return oauthError(400, 'authorization_pending', 'The authorization request is still pending');
  }

  #refresh(form: URLSearchParams): Reply {
    this.refreshCount++;
    const isRefused = this.#refreshIsDead || form.get('client_id') !== clientId;
    const refreshToken = form.get('refresh_token') ?? undefined;
    const tokens = isRefused
      ? undefined
      : this.#grants.refresh(refreshToken, this.expiresInSeconds, this.rotateRefreshToken);
    if (!tokens) return catalogueReply(7);
    const rotated = this.rotateRefreshToken ? { refresh_token: tokens.refreshToken } : {};
    return jsonReply(200, { ...this.#tokenFields(tokens.accessToken), ...rotated });
  }

  #tokenFields(accessToken: string) {
    return {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: this.expiresInSeconds,
      ...(this.resourceUrl === undefined ? {} : { resource_url: this.resourceUrl }),
    };
  }
}

function oauthError(status: number, error: string, description: string): Reply {
  return jsonReply(status, { error, error_description: description });
}
