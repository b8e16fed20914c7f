import { readFile, realpath } from 'node:fs/promises';
import type { Clock } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';
import { isJsonObject, type JsonObject, numberField, parseJson, stringField } from '../core/json.ts';
import { fileStamp, replacePrivately } from '../core/private-file.ts';
import type { OAuthSecret } from './account.ts';
import { withCredentialLock } from './credential-lock.ts';
import type { IssuedTokens } from './oauth-client.ts';

/** Tokens that belong to qwen-code's own credential file, shared with it by its lock file. */
export interface LinkedCredentials {
  /** @throws GatewayError `unauthorized` where the file is gone or holds no tokens. */
  read(file: string): Promise<OAuthSecret>;
  /**
   * Replaces the tokens unless somebody else has replaced `spent` already.
   * @param refresh Called under the lock with the refresh token the file holds by then.
   */
  renew(
    file: string,
    spent: string,
    refresh: (refreshToken: string) => Promise<IssuedTokens>,
  ): Promise<{ readonly secret: OAuthSecret; readonly isRefreshed: boolean }>;
  /** Puts the tokens of a new sign-in into the file. */
  store(file: string, tokens: IssuedTokens & { readonly refreshToken: string }): Promise<void>;
}

interface Seen {
  readonly state: string;
  readonly secret: OAuthSecret;
}

export function createLinkedCredentials(clock: Clock): LinkedCredentials {
  const seen = new Map<string, Seen>();

  const read = async (file: string): Promise<OAuthSecret> => {
    const state = await fileStamp(file);
    if (state === undefined) throw unreadable(file);
    const known = seen.get(file);
    if (known?.state === state) return known.secret;
    const secret = secretOf(await readDocument(file));
    if (secret === undefined) throw unreadable(file);
    seen.set(file, { state, secret });
    return secret;
  };
  const write = async (file: string, before: JsonObject, tokens: IssuedTokens): Promise<OAuthSecret> => {
    const document = {
      token_type: 'Bearer',
      ...before,
      access_token: tokens.accessToken,
      ...(tokens.refreshToken !== undefined && { refresh_token: tokens.refreshToken }),
      ...(tokens.resourceUrl !== undefined && { resource_url: tokens.resourceUrl }),
      expiry_date: tokens.expiresAtMs,
    };
    // A link stays a link: what it points to is replaced.
    const target = await realpath(file).catch(() => file);
    await replacePrivately(target, `${JSON.stringify(document, null, 2)}\n`);
    return read(file);
  };

  return {
    read,
    renew: (file, spent, refresh) =>
      withCredentialLock(file, clock, async () => {
        const document = await readDocument(file);
        const secret = secretOf(document);
        if (secret === undefined) throw unreadable(file);
        if (secret.accessToken !== spent) return { secret, isRefreshed: false };
        try {
          const tokens = await refresh(secret.refreshToken);
          return { secret: await write(file, document, tokens), isRefreshed: true };
        } catch (error) {
          // A program that keeps to no lock may have refreshed meanwhile: only an unchanged token is dead.
          const later = await read(file);
          if (later.accessToken !== spent) return { secret: later, isRefreshed: false };
          throw error;
        }
      }),
    store: (file, tokens) =>
      withCredentialLock(file, clock, async () => {
        await write(file, await readDocument(file), tokens);
      }),
  };
}

/** The tokens of a credential file as qwen-code accepts it; `undefined` where it would not. */
function secretOf(document: JsonObject): OAuthSecret | undefined {
  const accessToken = stringField(document, 'access_token');
  const refreshToken = stringField(document, 'refresh_token');
  const expiresAtMs = numberField(document, 'expiry_date');
  const resourceUrl = stringField(document, 'resource_url');
  if (accessToken === undefined || refreshToken === undefined || expiresAtMs === undefined) return undefined;
  if (stringField(document, 'token_type') === undefined) return undefined;
  return { accessToken, refreshToken, expiresAtMs, ...(resourceUrl !== undefined && { resourceUrl }) };
}

/** The file's fields; none for a file that is gone or is no JSON object. */
async function readDocument(file: string): Promise<JsonObject> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const document = parseJson(text);
  return isJsonObject(document) ? document : {};
}

function unreadable(file: string): GatewayError {
  return new GatewayError('unauthorized', `There are no usable tokens in ${file}.`, {
    fix: 'Sign in again with “Qwen: Login” or with qwen-code, then clear the account.',
  });
}
