import type { SecretStore } from '../core/contracts.ts';
import type { SharedMap } from '../core/team.ts';
import type { Sealer } from './sealing.ts';

const checkName = 'meta:key-check';
const checkText = 'qwen-proxy';

/** Credentials in a shared map, sealed before they leave the process. Names are in clear, values never. */
export function createSealedSecrets(map: SharedMap, sealer: Sealer): SecretStore {
  const opened = (key: string, sealed: string | undefined) => {
    if (sealed === undefined) return undefined;
    // What cannot be opened is left where it is: an empty text is no account to anybody.
    return sealer.open(key, sealed) ?? '';
  };
  return {
    async keys() {
      return [...(await map.readAll()).keys()].filter((key) => key !== checkName);
    },
    get: async (key) => opened(key, await map.read(key)),
    set: (key, value) => map.set(key, sealer.seal(key, value)),
    delete: (key) => map.delete(key),
    async swap(key, expected, next) {
      const sealed = await map.read(key);
      if (opened(key, sealed) !== expected) return false;
      return map.swap(key, sealed, next === undefined ? undefined : sealer.seal(key, next));
    },
    onDidChange: map.onDidChange,
  };
}

/** Refuses a key that is not the one under which this team's credentials are sealed; the first replica's is. */
export async function checkSealingKey(map: SharedMap, sealer: Sealer): Promise<void> {
  const isFirst = await map.swap(checkName, undefined, sealer.seal(checkName, checkText));
  if (isFirst || sealer.open(checkName, (await map.read(checkName)) ?? '') === checkText) return;
  throw new Error('QWEN_PROXY_STATE_KEY is not the key under which the accounts in Redis are sealed.');
}
