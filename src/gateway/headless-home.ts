import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { type Account, parseAccount } from '../accounts/account.ts';
import { parseJson } from '../core/json.ts';

/** The one file of a headless install: entries as its secret store keeps them. */
export const accountsFileName = 'accounts.json';
export const accountsFileSchema = v.object({ version: v.literal(1), secrets: v.record(v.string(), v.string()) });

/** Folder of accounts, ledger and logs: QWEN_PROXY_HOME, else where this system keeps a user's data. */
export function homeDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  const { QWEN_PROXY_HOME: home, XDG_DATA_HOME: dataHome, LOCALAPPDATA: localAppData } = environment;
  if (home) return home;
  if (process.platform === 'win32')
    return join(localAppData || join(homedir(), 'AppData', 'Local'), 'qwen-openai-proxy');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'qwen-openai-proxy');
  return join(dataHome || join(homedir(), '.local', 'share'), 'qwen-openai-proxy');
}

/** The accounts of this user's headless install; none where there is no such file, or not one that can be read. */
export async function readHeadlessAccounts(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly Account[]> {
  const text = await readFile(join(homeDirectory(environment), accountsFileName), 'utf8').catch(() => '');
  const file = v.safeParse(accountsFileSchema, parseJson(text));
  if (!file.success) return [];
  return Object.entries(file.output.secrets).flatMap(([key, value]) =>
    key.startsWith('account:') ? (parseAccount(value) ?? []) : [],
  );
}
