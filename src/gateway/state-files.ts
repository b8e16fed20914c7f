import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger, StateStore } from '../core/contracts.ts';
import { parseJson } from '../core/json.ts';
import { makePrivateDirectory, replacePrivately } from '../core/private-file.ts';

/** Replaces a file of a folder that is made where it is missing, 0700; see {@link replacePrivately}. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  await makePrivateDirectory(dirname(path));
  await replacePrivately(path, text);
}

/**
 * Small documents as files of the state folder. Writes of one document take turns and only the newest waits: an older
 * state never replaces a newer one. What cannot be written is logged; the server goes on without it.
 */
export function createStateFiles(directory: string, logger: Logger): StateStore {
  const pathOf = (name: string) => join(directory, `${name}.json`);
  const lastWrites = new Map<string, Promise<void>>();
  const waiting = new Map<string, { text: string; readonly written: Promise<void> }>();

  const replace = async (name: string, text: string): Promise<void> => {
    try {
      await writePrivateFile(pathOf(name), text);
    } catch (error) {
      logger.warn('State could not be written.', { name, reason: String(error) });
    }
  };

  return {
    async read(name) {
      const text = await readFile(pathOf(name), 'utf8').catch(() => undefined);
      return text === undefined ? undefined : parseJson(text);
    },
    write(name, value) {
      const text = JSON.stringify(value);
      const next = waiting.get(name);
      if (next !== undefined) {
        next.text = text;
        return next.written;
      }
      const written = (lastWrites.get(name) ?? Promise.resolve()).then(() => {
        const newest = waiting.get(name)?.text ?? text;
        waiting.delete(name);
        return replace(name, newest);
      });
      waiting.set(name, { text, written });
      lastWrites.set(name, written);
      return written;
    },
  };
}
