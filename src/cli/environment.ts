import { existsSync } from 'node:fs';
import { loadEnvFile } from 'node:process';
import { type ProxySettings, parseSettings, settingNames } from '../core/settings.ts';

/** A mistake of the caller: one line on stderr and exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The settings of the environment, `.env` of the current folder included; variables that are set win over the file. */
export function readEnvironment(): ProxySettings {
  if (existsSync('.env')) loadEnvFile('.env');
  const raw = Object.fromEntries(settingNames.map((name) => [name, process.env[name]]));
  const { settings, problems } = parseSettings(raw, { port: 8080 });
  if (problems.length > 0) throw new UsageError(problems.map((problem) => problem.message).join('\n'));
  return settings;
}
