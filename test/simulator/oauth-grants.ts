import { createHash, randomBytes } from 'node:crypto';

/** How long a device login may take, as chat.qwen.ai tells its clients. */
const deviceCodeLifetimeSeconds = 900;

/** One login, from the request for a device code until its tokens were fetched. */
export interface DeviceLogin {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly challenge: string;
  readonly expiresAtMs: number;
  state: 'pending' | 'approved' | 'denied' | 'expired';
}

/** All tokens that descend from one login. */
interface Chain {
  revoked: boolean;
}

interface AccessToken {
  readonly chain: Chain;
  readonly expiresAtMs: number;
  revoked: boolean;
}

interface RefreshToken {
  readonly chain: Chain;
  used: boolean;
}

/** Tokens as handed out. */
export interface IssuedTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** The memory of the OAuth server: logins, access tokens, refresh tokens and which of them still live. */
export class OAuthGrants {
  readonly #now: () => number;
  readonly #logins = new Map<string, DeviceLogin>();
  readonly #accessTokens = new Map<string, AccessToken>();
  readonly #refreshTokens = new Map<string, RefreshToken>();

  constructor(now: () => number) {
    this.#now = now;
  }

  startLogin(challenge: string): { login: DeviceLogin; expiresInSeconds: number } {
    const login: DeviceLogin = {
      deviceCode: randomBytes(24).toString('base64url'),
      userCode: randomBytes(4).toString('hex').toUpperCase(),
      challenge,
      expiresAtMs: this.#now() + deviceCodeLifetimeSeconds * 1000,
      state: 'pending',
    };
    this.#logins.set(login.deviceCode, login);
    return { login, expiresInSeconds: deviceCodeLifetimeSeconds };
  }

  login(deviceCode: string | undefined): DeviceLogin | undefined {
    const login = deviceCode === undefined ? undefined : this.#logins.get(deviceCode);
    if (login?.state === 'pending' && this.#now() >= login.expiresAtMs) login.state = 'expired';
    return login;
  }

  /** The login with this user code, else the newest one waiting. */
  waitingLogin(userCode: string | undefined): DeviceLogin {
    const waiting = [...this.#logins.values()].filter((login) => login.state === 'pending');
    const found = userCode === undefined ? waiting.at(-1) : waiting.find((login) => login.userCode === userCode);
    if (!found) throw new Error('no device login is waiting');
    return found;
  }

  /** A device code works once. */
  finishLogin(login: DeviceLogin): void {
    this.#logins.delete(login.deviceCode);
  }

  issue(lifetimeSeconds: number, chain: Chain = { revoked: false }): IssuedTokens {
    const refreshToken = randomBytes(24).toString('base64url');
    this.#refreshTokens.set(refreshToken, { chain, used: false });
    return { accessToken: this.#issueAccessToken(lifetimeSeconds, chain), refreshToken };
  }

  /** New tokens for a refresh token; `undefined` = refused. With rotation a token works once, and its reuse kills the chain. */
  refresh(refreshToken: string | undefined, lifetimeSeconds: number, rotate: boolean): IssuedTokens | undefined {
    const known = refreshToken === undefined ? undefined : this.#refreshTokens.get(refreshToken);
    if (!known || refreshToken === undefined || known.chain.revoked) return undefined;
    if (known.used) {
      known.chain.revoked = true;
      return undefined;
    }
    if (!rotate) return { accessToken: this.#issueAccessToken(lifetimeSeconds, known.chain), refreshToken };
    known.used = true;
    return this.issue(lifetimeSeconds, known.chain);
  }

  accepts(accessToken: string): boolean {
    const known = this.#accessTokens.get(accessToken);
    return known !== undefined && !known.revoked && !known.chain.revoked && this.#now() < known.expiresAtMs;
  }

  revokeAccessTokens(): void {
    for (const token of this.#accessTokens.values()) token.revoked = true;
  }

  clear(): void {
    this.#logins.clear();
    this.#accessTokens.clear();
    this.#refreshTokens.clear();
  }

  #issueAccessToken(lifetimeSeconds: number, chain: Chain): string {
    const accessToken = randomBytes(32).toString('base64url');
    const expiresAtMs = this.#now() + lifetimeSeconds * 1000;
    this.#accessTokens.set(accessToken, { chain, expiresAtMs, revoked: false });
    return accessToken;
  }
}

/** Whether the verifier is the one whose S256 challenge opened the login. */
export function provesChallenge(verifier: string | undefined, challenge: string): boolean {
  return verifier !== undefined && createHash('sha256').update(verifier).digest('base64url') === challenge;
}
