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

export interface HandedOverSecretsOptions {
  readonly base: SecretStore;
  readonly logger: Logger;
  /**
   * What to do when the store does not take a value. Given: the value is kept in memory, so that a token that was just
   * rotated is not lost with a window that hangs. Absent: the write fails, as whoever asked for it must know.
   */
  readonly onUnwritten?: () => void;
}

/**
 * Windows of a browser-hosted editor do not see each other's writes, so the owner's entries are adopted into memory and
 * written to this window's own store as far as it takes them.
 */
export function createHandedOverSecrets({ base, logger, onUnwritten }: HandedOverSecretsOptions): HandedOverSecrets {
  /** All entries, once another window's were adopted. */
  let memory: Map<string, string> | undefined;
  /** Values that the store did not take; they count before it. */
  const unwritten = new Map<string, string>();
  let isWritten = true;
  /** What was last read or written, so that a hand-over needs no answer of an editor that hangs. */
  let known: Map<string, string> | undefined;
  let isKnownStale = true;
  let writes = 0;

  const keys = async () => [...new Set([...(memory?.keys() ?? (await base.keys())), ...unwritten.keys()])];
  const get = async (key: string) => unwritten.get(key) ?? (memory === undefined ? base.get(key) : memory.get(key));

  return {
    keys,
    get,
    async set(key, value) {
      memory?.set(key, value);
      known?.set(key, value);
      writes++;
      try {
        await base.set(key, value);
        unwritten.delete(key);
      } catch (error) {
        if (onUnwritten === undefined) {
          isKnownStale = true;
          throw error;
        }
        unwritten.set(key, value);
        logger.warn('The editor did not store a credential; it is kept until this window closes.', {
          reason: String(error),
        });
        onUnwritten();
      }
    },
    async delete(key) {
      memory?.delete(key);
      unwritten.delete(key);
      await base.delete(key);
      known?.delete(key);
      writes++;
    },
    ...(base.swap && {
      // Other windows' entries are adopted in the editor alone, whose store has no such thing.
      async swap(key: string, expected: string | undefined, next: string | undefined) {
        isKnownStale = true;
        return (await base.swap?.(key, expected, next)) ?? false;
      },
    }),
    onDidChange: base.onDidChange,
    async entries() {
      if (isKnownStale || known === undefined) {
        isKnownStale = false;
        const writesBefore = writes;
        try {
          const read = await Promise.all((await keys()).map(async (key) => [key, await get(key)] as const));
          known = new Map(read.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
          // What was written meanwhile may or may not have been read.
          if (writes !== writesBefore) isKnownStale = true;
        } catch (error) {
          isKnownStale = true;
          if (known === undefined) throw error;
        }
      }
      return Object.fromEntries([...known, ...unwritten]);
    },
    async adopt(entries) {
      memory = new Map(Object.entries(entries));
      known = new Map(memory);
      unwritten.clear();
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
      if (!isWritten) return;
      memory = undefined;
      isKnownStale = true;
    },
  };
}
