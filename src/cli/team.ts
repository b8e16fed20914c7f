import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replacePrivately } from '../core/private-file.ts';
import type { ConnectedTeam } from '../team/main.ts';
import type { Configuration } from './environment.ts';
import { createStderrLogger } from './logger.ts';

/** Joins the team of the configuration, under the name that this home keeps for its replica. */
export async function joinTeam(
  { team, logFormat, settings }: Configuration,
  directory: string,
): Promise<ConnectedTeam | undefined> {
  if (team === undefined) return undefined;
  const logger = createStderrLogger({ format: () => logFormat, isVerbose: () => settings.debugLog });
  // Nobody else pays for the client of Redis.
  const { connectTeam } = await import('../team/main.ts');
  return connectTeam({ ...team, replica: await replicaName(directory), logger });
}

async function replicaName(directory: string): Promise<string> {
  const path = join(directory, 'replica-id');
  const kept = (await readFile(path, 'utf8').catch(() => '')).trim();
  if (/^[\w-]{8,64}$/.test(kept)) return kept;
  const name = randomUUID();
  await replacePrivately(path, `${name}\n`);
  return name;
}
