import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The tokens that a test puts into qwen-code's file. */
export interface FileTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAtMs: number;
}

/** Writes a credential file as qwen-code does, with a field that we know nothing of. */
export async function writeQwenCodeFile(
  path: string,
  tokens: FileTokens,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const document = {
    access_token: tokens.accessToken,
    refresh_token: tokens.refreshToken,
    token_type: 'Bearer',
    expiry_date: tokens.expiresAtMs,
    id_token: 'kept-as-it-is',
    ...more,
  };
  await writeFile(path, JSON.stringify(document), { mode: 0o600 });
}

export async function readQwenCodeFile(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(path, 'utf8'));
}
