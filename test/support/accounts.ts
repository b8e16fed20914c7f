import type { AccountOf } from '../../src/accounts/account.ts';
import type { LogFields, Logger } from '../../src/core/contracts.ts';

type Changes<Kind extends 'api-key' | 'oauth-device' | 'demo'> = Partial<Omit<AccountOf<Kind>, 'kind' | 'id'>>;

const common = (id: string) => ({
  version: 1 as const,
  id,
  label: `Label of ${id}`,
  enabled: true,
  order: 0,
  createdAtMs: 1,
});

/** An API-key account, with whatever a test needs to be different. */
export function keyAccount(id: string, changes: Changes<'api-key'> = {}): AccountOf<'api-key'> {
  return { ...common(id), kind: 'api-key', plan: 'standard-intl', secret: { key: `sk-${id}` }, ...changes };
}

/** A device-flow account; its token lives for ever unless told. */
export function oauthAccount(id: string, changes: Changes<'oauth-device'> = {}): AccountOf<'oauth-device'> {
  const secret = { accessToken: `access-${id}`, refreshToken: `refresh-${id}`, expiresAtMs: Number.MAX_SAFE_INTEGER };
  return { ...common(id), kind: 'oauth-device', plan: 'oauth', secret, ...changes };
}

export function demoAccount(id: string): AccountOf<'demo'> {
  return { ...common(id), kind: 'demo', plan: 'demo' };
}

export interface MemoryLogger extends Logger {
  readonly lines: readonly { readonly level: keyof Logger; readonly message: string; readonly fields?: LogFields }[];
}

/** Keeps what was logged, for tests that look at it and for those that only must not print it. */
export function createMemoryLogger(): MemoryLogger {
  const lines: { level: keyof Logger; message: string; fields?: LogFields }[] = [];
  const at =
    (level: keyof Logger): Logger['info'] =>
    (message, fields) =>
      void lines.push({ level, message, ...(fields && { fields }) });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
