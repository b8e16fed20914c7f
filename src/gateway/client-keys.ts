import { randomBytes } from 'node:crypto';
import type { SecretStore } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';
import type { ProxySettings } from '../core/settings.ts';

const localKeyName = 'local-key';

/** A key nobody guesses: 256 bits, with a beginning that says whose it is. */
export const createClientKey = () => `qp-${randomBytes(32).toString('base64url')}`;

/** The key of this install, made on first use. */
export async function readLocalKey(secrets: SecretStore): Promise<string> {
  const kept = await secrets.get(localKeyName);
  if (kept !== undefined && kept !== '') return kept;
  if (secrets.swap === undefined) return rotateLocalKey(secrets);
  // Replicas that start together have to agree.
  const key = createClientKey();
  return (await secrets.swap(localKeyName, kept, key)) ? key : readLocalKey(secrets);
}

/** Gives this install another key; who has the old one is refused from then on. */
export async function rotateLocalKey(secrets: SecretStore): Promise<string> {
  const key = createClientKey();
  await secrets.set(localKeyName, key);
  return key;
}

/** The unnamed client keys that are accepted. */
export interface ClientKeys {
  list(): readonly string[];
  /** Reads them from the settings or, where they name none, from the secrets. */
  adopt(): Promise<void>;
  /** The same again, after the secrets changed. */
  refresh(): Promise<void>;
  /** The key that a user copies. */
  local(): Promise<string>;
  /** Puts another one in its place. @throws GatewayError `invalid_request` where the settings name the keys. */
  rotate(): Promise<string>;
}

export function createClientKeys(secrets: SecretStore, settings: () => Pick<ProxySettings, 'apiKeys'>): ClientKeys {
  let keys: readonly string[] | undefined;
  const adopt = async () => {
    const { apiKeys } = settings();
    keys = typeof apiKeys === 'string' ? [await readLocalKey(secrets)] : apiKeys;
  };
  return {
    list: () => keys ?? [],
    adopt,
    refresh: async () => (keys === undefined ? undefined : adopt()),
    local: async () => {
      const { apiKeys } = settings();
      return typeof apiKeys === 'string' ? readLocalKey(secrets) : (apiKeys[0] ?? '');
    },
    async rotate() {
      if (typeof settings().apiKeys !== 'string')
        throw new GatewayError('invalid_request', 'The API key is set by API_KEY.', { fix: 'Change it there.' });
      const key = await rotateLocalKey(secrets);
      await adopt();
      return key;
    },
  };
}
