import type { StateStore } from '../core/contracts.ts';
import { parseJson } from '../core/json.ts';
import type { SharedMap } from '../core/team.ts';

/** The documents of a team. */
export function createSharedState(map: SharedMap): StateStore {
  return {
    async read(name) {
      const text = await map.read(name);
      return text === undefined ? undefined : parseJson(text);
    },
    write: (name, value) => map.set(name, JSON.stringify(value)),
  };
}
