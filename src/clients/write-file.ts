import { createHash, randomUUID } from 'node:crypto';
import { chmod, constants, copyFile, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** For the user alone: there is a key in it. */
const privateMode = 0o600;

/** A file that was written, as it has to be known to undo it. No text and no key is in it. */
export interface WrittenFile {
  readonly path: string;
  /** Copy of what was there; absent = there was no file. */
  readonly backup?: string;
  /** Permissions it had. */
  readonly mode?: number;
  /** SHA-256 of what was written: tells whether somebody changed it since. */
  readonly sha256: string;
}

/** The file is no longer what a decision was made on. */
export class ChangedMeanwhileError extends Error {
  override readonly name = 'ChangedMeanwhileError';
}

/**
 * Replaces a file in one step, after a copy of it was put beside it (0600). Rejects with {@link ChangedMeanwhileError}
 * when it no longer holds `before`.
 */
export async function writeWithBackup(
  path: string,
  { before, after }: { readonly before: string | undefined; readonly after: string },
): Promise<WrittenFile> {
  const sha256 = digest(after);
  if (before === undefined) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    if (await stat(path).catch(() => undefined)) throw new ChangedMeanwhileError(path);
    await replaceFile(path, after, privateMode);
    return { path, sha256 };
  }
  const { mode } = await stat(path);
  const backup = await copyBeside(path);
  if ((await readFile(backup, 'utf8')) !== before) {
    await rm(backup);
    throw new ChangedMeanwhileError(path);
  }
  await replaceFile(path, after, privateMode);
  return { path, backup, mode: mode & 0o777, sha256 };
}

/** Writes over our own text again; what was there before us stays the copy to go back to. */
export async function writeAgain(written: WrittenFile, after: string): Promise<WrittenFile> {
  if (!(await isUnchanged(written))) throw new ChangedMeanwhileError(written.path);
  await replaceFile(written.path, after, privateMode);
  return { ...written, sha256: digest(after) };
}

/** Is it still exactly what we wrote? */
export async function isUnchanged({ path, sha256 }: WrittenFile): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text !== undefined && digest(text) === sha256;
}

/** Puts back, byte for byte, what was there before; a file that was not there goes. */
export async function restoreFile({ path, backup, mode }: WrittenFile): Promise<void> {
  if (backup === undefined) return rm(path, { force: true });
  await replaceFile(path, await readFile(backup), mode ?? privateMode);
  await rm(backup);
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex');

async function copyBeside(path: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const backup = `${path}.before-qwen-proxy${number === 1 ? '' : `-${number}`}`;
    try {
      await copyFile(path, backup, constants.COPYFILE_EXCL);
      await chmod(backup, privateMode);
      return backup;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
}

async function replaceFile(path: string, content: string | Buffer, mode: number): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(temporary, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
