import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { loadEnvFile } from 'node:process';
import { type ProxySettings, parseSettings, settingNames } from '../core/settings.ts';

/** A mistake of the caller: one line on stderr and exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Folder of accounts, ledger and logs: QWEN_PROXY_HOME, else where this system keeps a user's data. */
export function homeDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const { QWEN_PROXY_HOME: home, XDG_DATA_HOME: dataHome, LOCALAPPDATA: localAppData } = environment;
  if (home) return home;
  if (process.platform === 'win32')
    return join(localAppData || join(homedir(), 'AppData', 'Local'), 'qwen-openai-proxy');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'qwen-openai-proxy');
  return join(dataHome || join(homedir(), '.local', 'share'), 'qwen-openai-proxy');
}

/** The settings of the environment, `.env` of the current folder included; variables that are set win over the file. */
export function readEnvironment(): ProxySettings {
  if (existsSync('.env')) loadEnvFile('.env');
  const raw = Object.fromEntries(settingNames.map((name) => [name, process.env[name]]));
  const { settings, problems } = parseSettings(raw, { port: 8080 });
  if (problems.length > 0) throw new UsageError(problems.map((problem) => problem.message).join('\n'));
  return settings;
}
