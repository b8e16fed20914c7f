import type { SharedMap } from '../core/team.ts';
import type { Sealer } from './sealing.ts';

/**
 * A shared map whose values are sealed before they leave the process: whoever can write to Redis, and does not have the
 * state key, cannot make a value of it. What cannot be opened is an empty text, and stays where it is.
 */
export function createSealedMap(map: SharedMap, sealer: Sealer): SharedMap {
  /** What was opened last: a change of one value opens that one alone. */
  const seen = new Map<string, { readonly sealed: string; readonly text: string }>();
  const opened = (key: string, sealed: string): string => {
    const before = seen.get(key);
    if (before?.sealed === sealed) return before.text;
    const text = sealer.open(key, sealed) ?? '';
    seen.set(key, { sealed, text });
    return text;
  };
  const openAll = (entries: ReadonlyMap<string, string>) =>
    new Map([...entries].map(([key, sealed]) => [key, opened(key, sealed)]));
  return {
    entries: () => openAll(map.entries()),
    async read(key) {
      const sealed = await map.read(key);
      return sealed === undefined ? undefined : opened(key, sealed);
    },
    readAll: async () => openAll(await map.readAll()),
    set: (key, value) => map.set(key, sealer.seal(key, value)),
    delete(key) {
      seen.delete(key);
      return map.delete(key);
    },
    async swap(key, expected, next) {
      const sealed = await map.read(key);
      if ((sealed === undefined ? undefined : opened(key, sealed)) !== expected) return false;
      return map.swap(key, sealed, next === undefined ? undefined : sealer.seal(key, next));
    },
    onDidChange: map.onDidChange,
  };
}
