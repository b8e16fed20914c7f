import * as v from 'valibot';
import type { NamedClientKey } from '../core/client-key.ts';
import { parseJson } from '../core/json.ts';
import type { SharedMap } from '../core/team.ts';
import { type KeyStore, namedKeySchema } from './key-store.ts';

/** The named client keys of a team: made and revoked on one machine, they are so on all. */
export function createTeamKeys(map: SharedMap): KeyStore {
  let decoded: ReadonlyMap<string, Decoded> = new Map();
  /** Oldest first; a change of one key reads that one alone. */
  const decodeKeys = (entries: ReadonlyMap<string, string>): readonly NamedClientKey[] => {
    const before = decoded;
    decoded = new Map(
      [...entries].map(([name, text]) => {
        const same = before.get(name);
        return [name, same?.text === text ? same : { text, key: decodeKey(name, text) }];
      }),
    );
    return [...decoded.values()]
      .flatMap(({ key }) => key ?? [])
      .sort((one, other) => one.createdAtMs - other.createdAtMs);
  };
  let known = decodeKeys(map.entries());
  const follow = map.onDidChange(() => {
    known = decodeKeys(map.entries());
  });
  const read = async () => {
    known = decodeKeys(await map.readAll());
    return known;
  };
  return {
    list: () => known,
    read,
    async add(key) {
      const isNew = await map.swap(key.name, undefined, JSON.stringify(key));
      await read();
      return isNew;
    },
    async remove(name) {
      const wasThere = (await map.read(name)) !== undefined;
      if (wasThere) await map.delete(name);
      await read();
      return wasThere;
    },
    // The map has been heard from the beginning.
    watch() {},
    close: () => follow.dispose(),
  };
}

interface Decoded {
  readonly text: string;
  readonly key: NamedClientKey | undefined;
}

/** What cannot be read is nobody's key: its name stays taken until it is revoked. */
function decodeKey(name: string, text: string): NamedClientKey | undefined {
  const { success, output } = v.safeParse(namedKeySchema, parseJson(text));
  return success && output.name === name ? output : undefined;
}
