import type { SecretStore } from '../core/contracts.ts';
import type { SharedMap } from '../core/team.ts';
import { createSealedMap } from './sealed-map.ts';
import type { Sealer } from './sealing.ts';

const checkName = 'meta:key-check';
const checkText = 'qwen-proxy';

/** Credentials in a shared map, sealed before they leave the process. Names are in clear, values never. */
export function createSealedSecrets(map: SharedMap, sealer: Sealer): SecretStore {
  const { read, set, delete: remove, swap, onDidChange } = createSealedMap(map, sealer);
  return {
    async keys() {
      return [...(await map.readAll()).keys()].filter((key) => key !== checkName);
    },
    ...{ get: read, set, delete: remove, swap, onDidChange },
  };
}

/** Refuses a key that is not the one under which this team's credentials are sealed; the first replica's is. */
export async function checkSealingKey(map: SharedMap, sealer: Sealer): Promise<void> {
  const isFirst = await map.swap(checkName, undefined, sealer.seal(checkName, checkText));
  if (isFirst || sealer.open(checkName, (await map.read(checkName)) ?? '') === checkText) return;
  throw new Error('QWEN_PROXY_STATE_KEY is not the key under which the accounts in Redis are sealed.');
}
