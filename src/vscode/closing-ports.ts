import type { Logger, SecretStore } from '../core/contracts.ts';

/** `deactivate` must not call the editor, whose channels may already be closed. */
export function untilAborted(signal: AbortSignal, logger: Logger): Logger {
  return {
    debug: (message, fields) => signal.aborted || logger.debug(message, fields),
    info: (message, fields) => signal.aborted || logger.info(message, fields),
    warn: (message, fields) => signal.aborted || logger.warn(message, fields),
    error: (message, fields) => signal.aborted || logger.error(message, fields),
  };
}

/** Secrets of a closing window: a call would never be answered. */
export function refuseAfterAbort(signal: AbortSignal, secrets: SecretStore): SecretStore {
  const open = async () => {
    if (signal.aborted) throw new Error('The editor is closing its secret storage.');
    return secrets;
  };
  return {
    keys: async () => (await open()).keys(),
    get: async (key) => (await open()).get(key),
    set: async (key, value) => (await open()).set(key, value),
    delete: async (key) => (await open()).delete(key),
    onDidChange: secrets.onDidChange,
  };
}
