import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject, numberField, objectItems, parseJson, stringField } from '../core/json.ts';
import type { WrittenFile } from './write-file.ts';
import { writeLogName } from './write-log-name.ts';

/** One write into a client's file. */
export interface LoggedWrite extends WrittenFile {
  readonly client: string;
  /** Address that was written. */
  readonly origin: string;
}

/** What was written into clients' files, oldest first. A file that cannot be read counts as empty. */
export async function readWriteLog(directory: string): Promise<readonly LoggedWrite[]> {
  const text = await readFile(join(directory, writeLogName), 'utf8').catch(() => '');
  const log = parseJson(text);
  if (!isJsonObject(log)) return [];
  return objectItems(log, 'writes').flatMap((write) => {
    const [client, path, origin, sha256] = ['client', 'path', 'origin', 'sha256'].map((name) =>
      stringField(write, name),
    );
    if (client === undefined || path === undefined || origin === undefined || sha256 === undefined) return [];
    const backup = stringField(write, 'backup');
    const mode = numberField(write, 'mode');
    return [
      { client, path, origin, sha256, ...(backup !== undefined && { backup }), ...(mode !== undefined && { mode }) },
    ];
  });
}

/** Replaces the log; an empty one goes. */
export async function saveWriteLog(directory: string, writes: readonly LoggedWrite[]): Promise<void> {
  const path = join(directory, writeLogName);
  if (writes.length === 0) return rm(path, { force: true });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(`${path}.tmp`, `${JSON.stringify({ writes }, undefined, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.tmp`, path);
}

/** The last write of each file, which is the one that can be undone. */
export function lastWrites(writes: readonly LoggedWrite[]): readonly LoggedWrite[] {
  return [...new Map(writes.map((write) => [write.path, write])).values()];
}
