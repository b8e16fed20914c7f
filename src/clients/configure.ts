import type { Client, Endpoint, UserFolders } from './client.ts';
import { editText, readClientText } from './plan-edit.ts';
import { clientById } from './table.ts';
import { isUnchanged, restoreFile, writeAgain, writeWithBackup } from './write-file.ts';
import { type LoggedWrite, lastWrites, readWriteLog, saveWriteLog } from './write-log.ts';

/** Where the log of writes and the user's files are. */
export interface ClientHome {
  readonly stateDirectory: string;
  readonly folders: UserFolders;
}

/** Writes what a plan showed, keeps a copy and remembers the write. */
export async function writeClient(
  { stateDirectory }: ClientHome,
  {
    client,
    path,
    before,
    after,
    origin,
  }: {
    readonly client: Client;
    readonly path: string;
    readonly before: string | undefined;
    readonly after: string;
    readonly origin: string;
  },
): Promise<LoggedWrite> {
  const writes = await readWriteLog(stateDirectory);
  const last = lastWrites(writes).find((write) => write.path === path);
  // Over our own text: what was there before us stays what an undo brings back.
  const isOurs = last !== undefined && (await isUnchanged(last));
  const written = isOurs ? await writeAgain(last, after) : await writeWithBackup(path, { before, after });
  const logged = { ...written, client: client.id, origin };
  await saveWriteLog(
    stateDirectory,
    isOurs ? writes.map((each) => (each === last ? logged : each)) : [...writes, logged],
  );
  return logged;
}

/** Undoes one write of the log. */
export async function undoWrite({ stateDirectory }: ClientHome, write: LoggedWrite): Promise<void> {
  await restoreFile(write);
  const isSame = (each: LoggedWrite) => each.path === write.path && each.sha256 === write.sha256;
  const writes = await readWriteLog(stateDirectory);
  await saveWriteLog(
    stateDirectory,
    writes.filter((each) => !isSame(each)),
  );
}

/** A client that we configured and that would no longer reach the proxy. */
export interface StaleClient {
  readonly client: Client;
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/**
 * The clients whose files still say what we wrote, but for an address or key that is no longer right. Whoever points
 * elsewhere by now was changed by the user and is left alone; so is a client that uses `exceptOrigin`.
 */
export async function findStaleClients(
  { stateDirectory, folders }: ClientHome,
  now: { readonly origin: string; readonly key: string; readonly exceptOrigin?: string | undefined },
): Promise<readonly StaleClient[]> {
  const stale: StaleClient[] = [];
  for (const write of lastWrites(await readWriteLog(stateDirectory))) {
    const client = clientById(write.client);
    if (client?.file === undefined || write.origin === now.exceptOrigin) continue;
    const { realPath, text } = await readClientText(client.file, folders).catch(() => ({
      realPath: '',
      text: undefined,
    }));
    if (text === undefined || realPath !== write.path) continue;
    const said = client.file.read(text);
    if (said?.baseUrl?.startsWith(`${write.origin}/`) !== true || said.model === undefined) continue;
    if (write.origin === now.origin && said.key === now.key) continue;
    const endpoint: Endpoint = { origin: now.origin, key: now.key, model: { id: said.model, name: said.model } };
    const after = editText(client.file, text, endpoint);
    if (after !== undefined && after !== text) stale.push({ client, path: realPath, before: text, after });
  }
  return stale;
}
