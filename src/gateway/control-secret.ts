import { randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../core/contracts.ts';
import { makePrivateDirectory } from '../core/private-file.ts';

/**
 * The secret that the windows of one install share: a 0600 file of the state folder, made by whichever comes first. Who
 * can read it can read everything else in that folder too.
 */
export async function readControlSecret(directory: string): Promise<string> {
  const path = join(directory, 'control-secret');
  await makePrivateDirectory(directory);
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      const secret = randomBytes(32).toString('base64url');
      await file.writeFile(secret);
      return secret;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  // The other window may be between making the file and filling it.
  for (let attempt = 0; attempt < 50; attempt++) {
    const secret = (await readFile(path, 'utf8')).trim();
    if (secret !== '') return secret;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${path} is empty. Remove it; it is made anew.`);
}

/** The same for whoever serves: a storage that cannot be used costs the windows each other, not their server. */
export async function ownControlSecret(directory: string, logger: Logger): Promise<string> {
  try {
    return await readControlSecret(directory);
  } catch (error) {
    logger.warn('Other windows cannot share this server.', { reason: String(error) });
    return randomBytes(32).toString('base64url');
  }
}
