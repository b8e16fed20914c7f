import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { ClientKeyLimits, NamedClientKey } from '../core/client-key.ts';
import { parseJson } from '../core/json.ts';
import { fileStamp } from '../core/private-file.ts';
import { writePrivateFile } from '../gateway/main.ts';
import { withFileLock } from './file-lock.ts';

const fileName = 'keys.json';
/** A running server takes over what another process wrote within this time. */
const watchIntervalMs = 400;

const amount = v.pipe(v.number(), v.integer(), v.minValue(1));
const fileSchema = v.object({
  version: v.literal(1),
  keys: v.array(
    v.object({
      name: v.string(),
      digest: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
      createdAtMs: v.number(),
      limits: v.object({
        requestsPerMinute: v.optional(amount),
        tokensPerDay: v.optional(amount),
        concurrentRequests: v.optional(amount),
        models: v.optional(v.array(v.string())),
      }),
    }),
  ),
});

/** The named client keys of a home: one 0600 file of digests and limits, replaced atomically. */
export interface FileKeys {
  /** As they were read last. */
  list(): readonly NamedClientKey[];
  read(): Promise<readonly NamedClientKey[]>;
  /** Answers whether the name was free. */
  add(key: NamedClientKey): Promise<boolean>;
  /** Answers whether there was such a key. */
  remove(name: string): Promise<boolean>;
  /** Reads the file again whenever it changes. */
  watch(onProblem: (error: unknown) => void): void;
  close(): void;
}

export function createFileKeys(directory: string): FileKeys {
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
    known = file.output.keys.map(({ limits, ...key }) => ({ ...key, limits: presentLimits(limits) }));
    return known;
  };
  const edit = async (change: (keys: readonly NamedClientKey[]) => readonly NamedClientKey[]): Promise<boolean> => {
    let isChanged = false;
    await withFileLock(join(directory, 'keys.lock'), async () => {
      const before = await read();
      const keys = change(before);
      isChanged = keys !== before;
      if (isChanged) await writePrivateFile(path, `${JSON.stringify({ version: 1, keys }, null, 2)}\n`);
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

/** Without the fields that are not there: an `undefined` is a value to some. */
function presentLimits({
  requestsPerMinute,
  tokensPerDay,
  concurrentRequests,
  models,
}: v.InferOutput<typeof fileSchema>['keys'][number]['limits']): ClientKeyLimits {
  return {
    ...(requestsPerMinute !== undefined && { requestsPerMinute }),
    ...(tokensPerDay !== undefined && { tokensPerDay }),
    ...(concurrentRequests !== undefined && { concurrentRequests }),
    ...(models !== undefined && { models }),
  };
}
