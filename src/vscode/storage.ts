import type * as vscode from 'vscode';
import type { Disposable, SecretStore } from '../core/contracts.ts';
import { createEmitter } from '../core/emitter.ts';
import { isGatewayEntry } from './gateway-keys.ts';

/** Written beside its twin in the global state, to notice an editor that forgets secrets; no account. */
const markerKey = 'storage-marker';
const markerStateKey = 'storageMarker';
const warnedStateKey = 'storageWarningShown';

/**
 * Every call gets an answer in time: from an extension host that outlived its window, the editor's storage never answers.
 */
export const storageTimeoutMs = 5_000;

/** `vscode.SecretStorage` as the server's secret store. */
export function createSecretStore(
  secrets: vscode.SecretStorage,
  timeoutMs = storageTimeoutMs,
): SecretStore & Disposable {
  const changed = createEmitter<void>();
  /** What this window wrote last: the editor reports our own writes back to us, in some versions only. */
  const written = new Map<string, string | undefined>();
  const inTime = <T>(call: string, answer: Thenable<T>) => withTimeout(answer, call, timeoutMs);

  const subscription = secrets.onDidChange(async ({ key }) => {
    if (key === markerKey) return;
    if (written.has(key)) {
      const stored = await inTime('get', secrets.get(key)).catch(() => undefined);
      if (stored === written.get(key)) return;
      written.delete(key);
    }
    changed.fire();
  });

  return {
    async keys() {
      return (await inTime('keys', secrets.keys())).filter((key) => key !== markerKey && !isGatewayEntry(key));
    },
    get: (key) => inTime('get', secrets.get(key)),
    async set(key, value) {
      written.set(key, value);
      await inTime('store', secrets.store(key, value));
    },
    async delete(key) {
      written.set(key, undefined);
      await inTime('delete', secrets.delete(key));
    },
    onDidChange: changed.event,
    dispose: () => subscription.dispose(),
  };
}

/**
 * Did this editor lose the secrets of an earlier session? Without a keyring it keeps them in memory and does not say so.
 * Answers `true` at most once per installation.
 */
export async function hasLostSecrets(
  secrets: vscode.SecretStorage,
  state: Pick<vscode.Memento, 'get' | 'update'>,
  timeoutMs = storageTimeoutMs,
): Promise<boolean> {
  const marker = await withTimeout(secrets.get(markerKey), 'get', timeoutMs);
  const twin = state.get<unknown>(markerStateKey);
  if (marker === undefined) {
    await withTimeout(secrets.store(markerKey, 'kept'), 'store', timeoutMs);
    await withTimeout(state.update(markerStateKey, 'kept'), 'state', timeoutMs);
  }
  if (marker !== undefined || twin === undefined || state.get<unknown>(warnedStateKey) === true) return false;
  await withTimeout(state.update(warnedStateKey, true), 'state', timeoutMs);
  return true;
}

async function withTimeout<T>(answer: Thenable<T>, call: string, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `The editor's secret storage did not answer (${call}) within ${timeoutMs / 1_000} s.`;
    timer = setTimeout(() => reject(new Error(message)), timeoutMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
