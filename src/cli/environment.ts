import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { type ProxySettings, parseSettings, settingNames } from '../core/settings.ts';
import { type FoundValue, readConfigFile } from './config-file.ts';
import { parseTeamSettings, type TeamSettings, teamSettingNames } from './team-settings.ts';
import { t } from './translate.ts';
import { UsageError } from './usage-error.ts';

export type LogFormat = 'text' | 'json';

/** Everything that configures a headless proxy: the environment, `.env` of the current folder, and one file. */
export interface Configuration {
  readonly settings: ProxySettings;
  readonly logFormat: LogFormat;
  /** The team that the server belongs to. */
  readonly team?: TeamSettings;
  /** The environment with what `.env` and the file add to it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Files that were read, or would be if they were there. */
  readonly files: readonly string[];
}

/** Settings of the command line alone; the others are the server's. */
const ownNames = ['LOG_FORMAT', 'QWEN_PROXY_HOME'] as const;
const fileNames: readonly string[] = [...settingNames, ...ownNames, ...teamSettingNames];

let configFile: string | undefined;

/** `--config`: the file that is read instead of the one that QWEN_PROXY_CONFIG names. */
export function useConfigFile(path: string): void {
  configFile = path;
}

/**
 * Reads the configuration anew. What is set in the environment wins over `.env`, and that over the file.
 * @throws UsageError with a line for every mistake, which says where it stands
 */
export function readConfiguration(): Configuration {
  const dotEnv = readDotEnv();
  const environment: Record<string, string | undefined> = { ...dotEnv.values, ...process.env };
  const named = configFile ?? (environment.QWEN_PROXY_CONFIG || undefined);
  const file = named === undefined ? undefined : readConfigFile(named, fileNames);
  const problems = [...(file?.problems ?? [])];

  const find = (name: string): FoundValue => {
    const value = environment[name];
    if (value !== undefined && value !== '') {
      const line = process.env[name] === value ? undefined : dotEnv.lineOf(name);
      return { value, ...(line !== undefined && { place: `.env:${line}` }) };
    }
    return file?.values.get(name) ?? { value: undefined };
  };
  const found = new Map(fileNames.map((name) => [name, find(name)]));
  const say = (name: string, message: string) => {
    const place = found.get(name)?.place;
    problems.push(place === undefined ? message : `${message} (${place})`);
  };

  const raw = Object.fromEntries(settingNames.map((name) => [name, found.get(name)?.value]));
  const parsed = parseSettings(raw, { port: 8080 });
  for (const { name, message } of parsed.problems) say(name, message);
  const logFormat = found.get('LOG_FORMAT')?.value ?? 'text';
  if (logFormat !== 'text' && logFormat !== 'json') say('LOG_FORMAT', t('LOG_FORMAT must be text or json'));
  const home = found.get('QWEN_PROXY_HOME')?.value;
  if (home !== undefined && typeof home !== 'string') say('QWEN_PROXY_HOME', t('QWEN_PROXY_HOME must be a folder'));
  const joined = parseTeamSettings(Object.fromEntries(teamSettingNames.map((name) => [name, found.get(name)?.value])));
  for (const { name, message } of joined.problems) say(name, message);
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  if (typeof home === 'string') environment.QWEN_PROXY_HOME = home;
  return {
    settings: parsed.settings,
    logFormat: logFormat === 'json' ? 'json' : 'text',
    ...(joined.team && { team: joined.team }),
    environment,
    files: [resolve('.env'), ...(named === undefined ? [] : [resolve(named)])],
  };
}

function readDotEnv(): {
  readonly values: Readonly<Record<string, string | undefined>>;
  lineOf(name: string): number | undefined;
} {
  let text = '';
  try {
    text = readFileSync('.env', 'utf8');
  } catch {
    // Most have none.
  }
  const lines = text.split('\n');
  return {
    values: parseEnv(text),
    lineOf(name) {
      const index = lines.findLastIndex((line) => new RegExp(`^\\s*(?:export\\s+)?${name}\\s*=`).test(line));
      return index < 0 ? undefined : index + 1;
    },
  };
}
