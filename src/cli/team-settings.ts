import { readFileSync } from 'node:fs';
import { t } from './translate.ts';

/** The settings of a team, by the names of their variables. */
export const teamSettingNames = [
  'REDIS_URL',
  'REDIS_PREFIX',
  'QWEN_PROXY_STATE_KEY',
  'QWEN_PROXY_STATE_KEY_FILE',
  'TEAM_SINGLE_USER_PLANS',
] as const;
export type TeamSettingName = (typeof teamSettingNames)[number];

/** The team that this server belongs to. */
export interface TeamSettings {
  readonly url: string;
  readonly prefix: string;
  readonly stateKey: Buffer;
  readonly allowsSingleUserPlans: boolean;
}

/** A mistake, told without the value, which may hold a password. */
export interface TeamProblem {
  readonly name: TeamSettingName;
  readonly message: string;
}

const stateKeyBytes = 32;

/** Checks all of them, also where no REDIS_URL asks for a team; the file of the state key is read only for a team. */
export function parseTeamSettings(raw: Readonly<Partial<Record<TeamSettingName, unknown>>>): {
  readonly team?: TeamSettings;
  readonly problems: readonly TeamProblem[];
} {
  const problems: TeamProblem[] = [];
  const say = (name: TeamSettingName, message: string) => void problems.push({ name, message });
  const read = (name: TeamSettingName): string => {
    const value = raw[name] ?? '';
    if (typeof value === 'string') return value;
    say(name, t('{0} must be text', name));
    return '';
  };
  const [url, prefix, given, file, plans] = [
    read('REDIS_URL'),
    read('REDIS_PREFIX'),
    read('QWEN_PROXY_STATE_KEY'),
    read('QWEN_PROXY_STATE_KEY_FILE'),
    read('TEAM_SINGLE_USER_PLANS'),
  ];
  const make = t('Make one with: {0}', 'openssl rand -base64 32');
  if (url !== '' && (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol)))
    say('REDIS_URL', t('REDIS_URL must be redis:// or rediss://, such as redis://:password@host:6379/0'));
  if (prefix !== '' && !/^[\w.:-]{1,64}$/.test(prefix))
    say('REDIS_PREFIX', t('REDIS_PREFIX must be letters, digits, "_", "-", "." and ":", 64 at most'));
  if (plans !== '' && plans !== 'confirmed')
    say('TEAM_SINGLE_USER_PLANS', t('TEAM_SINGLE_USER_PLANS must be "confirmed", or be left out'));
  if (given !== '' && file !== '')
    say('QWEN_PROXY_STATE_KEY_FILE', t('QWEN_PROXY_STATE_KEY and QWEN_PROXY_STATE_KEY_FILE are both set: keep one.'));

  let stateKey = given === '' ? undefined : decodeStateKey(given);
  if (given !== '' && stateKey === undefined)
    say('QWEN_PROXY_STATE_KEY', `${t('QWEN_PROXY_STATE_KEY must be 32 bytes in base64.')} ${make}`);
  if (url !== '' && given === '' && file === '')
    say('REDIS_URL', `${t('REDIS_URL needs QWEN_PROXY_STATE_KEY or QWEN_PROXY_STATE_KEY_FILE.')} ${make}`);
  if (url !== '' && given === '' && file !== '')
    try {
      stateKey = decodeStateKey(readFileSync(file, 'utf8'));
      if (stateKey === undefined)
        say('QWEN_PROXY_STATE_KEY_FILE', `${t('QWEN_PROXY_STATE_KEY must be 32 bytes in base64.')} ${make}`);
    } catch {
      say('QWEN_PROXY_STATE_KEY_FILE', t('QWEN_PROXY_STATE_KEY_FILE cannot be read: {0}', file));
    }
  if (url === '' || stateKey === undefined || problems.length > 0) return { problems };
  const team = { url, prefix: prefix || 'qwen-proxy:', stateKey, allowsSingleUserPlans: plans === 'confirmed' };
  return { team, problems };
}

function decodeStateKey(text: string): Buffer | undefined {
  const key = Buffer.from(text.trim(), 'base64');
  return key.length === stateKeyBytes && /^[\w+/-]{43}=?$/.test(text.trim()) ? key : undefined;
}

/** Would a server with the one have to start anew for the other? */
export function isSameTeam(one: TeamSettings | undefined, other: TeamSettings | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
