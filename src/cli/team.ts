import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replacePrivately } from '../core/private-file.ts';
import type { ConnectedTeam } from '../team/main.ts';
import type { Configuration } from './environment.ts';
import { createStderrLogger } from './logger.ts';
import { t } from './translate.ts';
import { UsageError } from './usage-error.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says about the team; `undefined` where there is none. */
export interface TeamEnvironment {
  readonly url: string;
  readonly prefix: string;
  readonly stateKey: Buffer;
  readonly allowsSingleUserPlans: boolean;
}

const stateKeyBytes = 32;

/** Reads and checks it; a mistake is told without the value, which may hold a password. */
export function readTeamEnvironment(environment: Environment): TeamEnvironment | undefined {
  const { REDIS_URL: url, REDIS_PREFIX: prefix, TEAM_SINGLE_USER_PLANS: plans } = environment;
  if (!url) return undefined;
  if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol))
    throw new UsageError(t('REDIS_URL must be redis:// or rediss://, such as redis://:password@host:6379/0'));
  if (prefix && !/^[\w.:-]{1,64}$/.test(prefix))
    throw new UsageError(t('REDIS_PREFIX must be letters, digits, "_", "-", "." and ":", 64 at most'));
  if (plans && plans !== 'confirmed')
    throw new UsageError(t('TEAM_SINGLE_USER_PLANS must be "confirmed", or be left out'));
  return {
    url,
    prefix: prefix || 'qwen-proxy:',
    stateKey: readStateKey(environment),
    allowsSingleUserPlans: plans === 'confirmed',
  };
}

function readStateKey({ QWEN_PROXY_STATE_KEY: given, QWEN_PROXY_STATE_KEY_FILE: file }: Environment): Buffer {
  const make = t('Make one with: {0}', 'openssl rand -base64 32');
  if (!given && !file)
    throw new UsageError(`${t('REDIS_URL needs QWEN_PROXY_STATE_KEY or QWEN_PROXY_STATE_KEY_FILE.')} ${make}`);
  let text = given ?? '';
  if (!given && file)
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      throw new UsageError(t('QWEN_PROXY_STATE_KEY_FILE cannot be read: {0}', file));
    }
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== stateKeyBytes || !/^[\w+/-]{43}=?$/.test(text.trim()))
    throw new UsageError(`${t('QWEN_PROXY_STATE_KEY must be 32 bytes in base64.')} ${make}`);
  return key;
}

/** Joins the team of the environment, under the name that this home keeps for its replica. */
export async function joinTeam(
  { environment, logFormat, settings }: Configuration,
  directory: string,
): Promise<ConnectedTeam | undefined> {
  const team = readTeamEnvironment(environment);
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
