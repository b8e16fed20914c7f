import { lstat, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Client, ClientFile, ClientSetting, Endpoint, UserFolders } from './client.ts';

/** A client's file as it is now. */
export interface ClientText {
  /** As the client knows it. */
  readonly path: string;
  /** Where it really is, links followed. */
  readonly realPath: string;
  /** `undefined` = there is none yet. */
  readonly text: string | undefined;
}

/**
 * What to do with a client's file. Refused are files that cannot be parsed, that lie in a repository (a key would be
 * committed with them), and new ones that would hide an older file of the client.
 */
export type EditPlan =
  | { readonly kind: 'edit'; readonly file: ClientText; readonly after: string }
  | { readonly kind: 'same'; readonly file: ClientText }
  | {
      readonly kind: 'refused';
      readonly file: ClientText;
      readonly reason: 'unreadable' | 'repository' | 'hides-other';
    };

/** Reads the first of the client's places that exists. Rejects when a file is there but cannot be read. */
export async function readClientText(file: ClientFile, folders: UserFolders): Promise<ClientText> {
  const paths = file.paths(folders);
  for (const path of paths) {
    const text = await readIfThere(path);
    if (text !== undefined) return { path, realPath: await realpath(path), text };
  }
  const [path = ''] = paths;
  return { path, realPath: path, text: undefined };
}

/** How the client is configured now; `undefined` where its file says nothing that can be read. */
export async function readSetting({ file }: Client, folders: UserFolders): Promise<ClientSetting | undefined> {
  if (file === undefined) return undefined;
  const { text } = await readClientText(file, folders).catch(() => ({ text: undefined }));
  return text === undefined ? undefined : file.read(text);
}

/** Plans the edit that makes the client use `endpoint`. Nothing is written. */
export async function planEdit(file: ClientFile, folders: UserFolders, endpoint: Endpoint): Promise<EditPlan> {
  const now = await readClientText(file, folders);
  if (await isInRepository(now.realPath)) return { kind: 'refused', file: now, reason: 'repository' };
  if (now.text === undefined && (await anyExists(file.hides?.(folders) ?? [])))
    return { kind: 'refused', file: now, reason: 'hides-other' };
  const after = editText(file, now.text ?? '', endpoint);
  if (after === undefined) return { kind: 'refused', file: now, reason: 'unreadable' };
  return after === now.text ? { kind: 'same', file: now } : { kind: 'edit', file: now, after };
}

/** The edited text, but only if it then says what it should: a file of an unexpected shape is left alone. */
export function editText(file: ClientFile, text: string, endpoint: Endpoint): string | undefined {
  const after = file.edit(text, endpoint);
  const said = after === undefined ? undefined : file.read(after);
  const isRight =
    said?.key === endpoint.key && said.model === endpoint.model.id && said.baseUrl?.startsWith(`${endpoint.origin}/`);
  return isRight ? after : undefined;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (!isMissing(error)) throw error;
    // A link to nowhere is somebody's intention; a file put in its place would break it.
    if (await lstat(path).catch(() => undefined)) throw error;
    return undefined;
  }
}

/** Does a folder above belong to a version control system? */
async function isInRepository(path: string): Promise<boolean> {
  let folder = dirname(path);
  for (;;) {
    if (await anyExists(['.git', '.hg', '.jj', '.svn'].map((name) => join(folder, name)))) return true;
    const parent = dirname(folder);
    if (parent === folder) return false;
    folder = parent;
  }
}

async function anyExists(paths: readonly string[]): Promise<boolean> {
  for (const path of paths) if (await stat(path).catch(() => undefined)) return true;
  return false;
}

const isMissing = (error: unknown) =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
