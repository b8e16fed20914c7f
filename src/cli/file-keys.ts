import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { NamedClientKey } from '../core/client-key.ts';
import { parseJson } from '../core/json.ts';
import { fileStamp } from '../core/private-file.ts';
import { writePrivateFile } from '../gateway/main.ts';
import { withFileLock } from './file-lock.ts';
import { type KeyStore, namedKeySchema } from './key-store.ts';

const fileName = 'keys.json';
/** A running server takes over what another process wrote within this time. */
const watchIntervalMs = 400;

const fileSchema = v.object({ version: v.literal(1), keys: v.array(namedKeySchema) });

/** The named client keys of a home: one 0600 file of digests and limits, replaced atomically. */
export function createFileKeys(directory: string): KeyStore {
  const path = join(directory, fileName);
  let known: readonly NamedClientKey[] = [];
  let seen: string | undefined;
  let timer: NodeJS.Timeout | undefined;

  const read = async (): Promise<readonly NamedClientKey[]> => {
    seen = await fileStamp(path);
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    const file = v.safeParse(fileSchema, text === undefined ? { version: 1, keys: [] } : parseJson(text));
    // Keys that cannot be read are nobody's: to serve without them would refuse people, to overwrite them would too.
    if (!file.success)
      throw new Error(`${path} is not a readable keys file. Move it away, or restore it from a backup.`);
    known = file.output.keys;
    return known;
  };
  const edit = async (change: (keys: readonly NamedClientKey[]) => readonly NamedClientKey[]): Promise<boolean> => {
    let isChanged = false;
    await withFileLock(join(directory, 'keys.lock'), async () => {
      const before = await read();
      const keys = change(before);
      isChanged = keys !== before;
      if (!isChanged) return;
      await writePrivateFile(path, `${JSON.stringify({ version: 1, keys }, null, 2)}\n`);
      await read();
    });
    return isChanged;
  };

  return {
    list: () => known,
    read,
    add: (key) => edit((keys) => (keys.some(({ name }) => name === key.name) ? keys : [...keys, key])),
    remove: (name) =>
      edit((keys) => (keys.some((key) => key.name === name) ? keys.filter((key) => key.name !== name) : keys)),
    watch(onProblem) {
      timer ??= setInterval(async () => {
        if ((await fileStamp(path)) !== seen) await read().catch(onProblem);
      }, watchIntervalMs).unref();
    },
    close: () => clearInterval(timer),
  };
}
