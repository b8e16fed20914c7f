import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Client, ClientSetting, UserFolders } from './client.ts';
import { readSetting } from './plan-edit.ts';

export interface DetectedClient {
  readonly client: Client;
  readonly isInstalled: boolean;
  /** How it is configured now, as far as its file says. */
  readonly setting?: ClientSetting;
}

/**
 * Which clients are there: by a program in the PATH, an extension of the editor, or a file of theirs.
 * @param hasExtension Is this extension installed? Ids are lower case.
 */
export async function detectClients(
  clients: readonly Client[],
  folders: UserFolders,
  hasExtension: (id: string) => boolean,
): Promise<readonly DetectedClient[]> {
  return Promise.all(
    clients.map(async (client) => {
      const setting = await readSetting(client, folders);
      const isInstalled =
        setting !== undefined ||
        client.extensions.some(hasExtension) ||
        (await Promise.all(client.commands.map((name) => findProgram(name, folders.environment)))).some(Boolean);
      return { client, isInstalled, ...(setting !== undefined && { setting }) };
    }),
  );
}

/** Path of a program, looked for as a shell does; `undefined` = there is none. */
export async function findProgram(name: string, environment: UserFolders['environment']): Promise<string | undefined> {
  const endings = process.platform === 'win32' ? (environment.PATHEXT ?? '.EXE;.CMD').split(';') : [''];
  for (const folder of (environment.PATH ?? environment.Path ?? '').split(delimiter)) {
    if (folder === '') continue;
    for (const ending of endings) {
      const path = join(folder, name + ending);
      if (
        await access(path, constants.X_OK).then(
          () => true,
          () => false,
        )
      )
        return path;
    }
  }
  return undefined;
}
