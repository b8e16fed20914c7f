import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { Logger } from '../core/contracts.ts';
import { createEmitter } from '../core/emitter.ts';
import { createRpcClient, serveRpc } from '../core/rpc.ts';
import { type HostedProxy, isServerWorkerData, type ServerHostApi } from '../core/worker-protocol.ts';
import { createHostedProxy } from './hosted-proxy.ts';
import type { ProxyOptions } from './proxy-options.ts';

export { parseSettings } from '../core/settings.ts';
export { createClientKey, rotateLocalKey } from './client-keys.ts';
export { accountsFileName, accountsFileSchema, homeDirectory } from './headless-home.ts';
export { readKeyCounts } from './key-counts.ts';
export { writePrivateFile } from './state-files.ts';
export type { HostedProxy, ProxyOptions };
export { createHostedProxy };

/** The editor's answers are waited for this long: a window that is gone never gives any. */
const hostTimeoutMs = 8_000;

// Started as the editor's server thread: its ports are calls to the editor, and its control surface is what the editor calls.
if (!isMainThread && parentPort !== null && isServerWorkerData(workerData)) {
  const { settings, stateDirectory, version } = workerData;
  const { api: host } = createRpcClient<ServerHostApi>(parentPort, hostTimeoutMs);
  const logAt =
    (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: Parameters<Logger['info']>[1]) =>
      void host.log(level, message, fields).catch(() => {});
  const logger: Logger = { debug: logAt('debug'), info: logAt('info'), warn: logAt('warn'), error: logAt('error') };
  const proxy = createHostedProxy({
    settings,
    stateDirectory,
    version,
    mode: 'editor',
    environment: process.env,
    logger,
    secrets: {
      keys: () => host.secretKeys(),
      get: (key) => host.secretGet(key),
      set: (key, value) => host.secretSet(key, value),
      delete: (key) => host.secretDelete(key),
      // The editor announces foreign writes by calling `secretsChanged`.
      onDidChange: createEmitter<void>().event,
    },
    onSnapshot: (snapshot) => void host.snapshotChanged(snapshot).catch(() => {}),
    onRequests: (records) => void host.requestsChanged(records).catch(() => {}),
  });
  serveRpc<HostedProxy>(parentPort, proxy);
}
