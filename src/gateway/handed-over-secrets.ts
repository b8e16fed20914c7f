import type { Logger, SecretStore } from '../core/contracts.ts';

/** A secret store that can be given another window's entries, which count from then on. */
export interface HandedOverSecrets extends SecretStore {
  /** Every entry, for a sealed hand-over. */
  entries(): Promise<Record<string, string>>;
  /** Takes the entries as they are: what they lack is gone. */
  adopt(entries: Readonly<Record<string, string>>): Promise<void>;
  /** Somebody else wrote the store underneath: it counts again, if it took what was adopted. */
  refresh(): void;
}

/**
 * Windows of a browser-hosted editor do not see each other's writes, so the owner's entries are adopted into memory and
 * written to this window's own store as far as it takes them.
 */
export function createHandedOverSecrets(base: SecretStore, logger: Logger): HandedOverSecrets {
  let memory: Map<string, string> | undefined;
  let isWritten = true;

  return {
    keys: async () => (memory === undefined ? base.keys() : [...memory.keys()]),
    get: async (key) => (memory === undefined ? base.get(key) : memory.get(key)),
    async set(key, value) {
      memory?.set(key, value);
      await base.set(key, value);
    },
    async delete(key) {
      memory?.delete(key);
      await base.delete(key);
    },
    onDidChange: base.onDidChange,
    async entries() {
      if (memory !== undefined) return Object.fromEntries(memory);
      const read = await Promise.all((await base.keys()).map(async (key) => [key, await base.get(key)] as const));
      return Object.fromEntries(read.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
    },
    async adopt(entries) {
      memory = new Map(Object.entries(entries));
      try {
        for (const [key, value] of memory) if ((await base.get(key)) !== value) await base.set(key, value);
        for (const key of await base.keys()) if (!memory.has(key)) await base.delete(key);
        isWritten = true;
      } catch (error) {
        isWritten = false;
        logger.warn('The accounts of the other window could not be stored; they are kept until this window closes.', {
          reason: String(error),
        });
      }
    },
    refresh() {
      if (isWritten) memory = undefined;
    },
  };
}
