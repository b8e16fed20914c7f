import { createInterface } from 'node:readline';
import { type ResourceLimits, Worker } from 'node:worker_threads';
import type { RequestRecord } from '../core/activity.ts';
import type { LogFields, Logger, SecretStore } from '../core/contracts.ts';
import type { ProxySnapshot } from '../core/control.ts';
import { messageOf } from '../core/message-of.ts';
import { createRpcClient, serveRpc } from '../core/rpc.ts';
import type { ProxySettings } from '../core/settings.ts';
import type { HostedProxy, ServerHostApi, ServerWorkerData } from '../core/worker-protocol.ts';

/** What a server is given, wherever it runs. */
export interface HostedProxyOptions {
  readonly settings: ProxySettings;
  readonly stateDirectory: string;
  readonly version: string;
  readonly secrets: SecretStore;
  readonly logger: Logger;
  readonly onSnapshot: (snapshot: ProxySnapshot) => void;
  readonly onRequests: (records: readonly RequestRecord[]) => void;
}

/** A server that runs. */
export interface ServerConnection {
  readonly proxy: HostedProxy;
  readonly where: 'worker' | 'in-process' | 'gateway';
  /** Resolves with the reason when the server is gone, asked for or not. */
  readonly ended: Promise<string>;
  /** Resolves when its thread gets round to answering, whatever the proxy on it waits for. */
  ping(): Promise<void>;
  /** Ends it at once, whatever it does. */
  terminate(): Promise<void>;
  /** Lets it end by itself for `graceMs`, then ends it. */
  close(graceMs: number): Promise<void>;
}

/** How a server thread is made. */
export interface ThreadOptions extends HostedProxyOptions {
  /** The bundle of the server. */
  readonly serverPath: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly resourceLimits?: ResourceLimits;
}

/** Room for several bodies with images at once; beyond it the thread dies alone, not the extension host. */
const resourceLimits = { maxOldGenerationSizeMb: 1_024, maxYoungGenerationSizeMb: 24 };

/** Starts the server in a thread of its own. Rejects where no thread can be made. */
export async function connectThread(options: ThreadOptions): Promise<ServerConnection> {
  const { settings, stateDirectory, version } = options;
  const workerData: ServerWorkerData = { role: 'qwen-proxy-server', settings, stateDirectory, version };
  const worker = new Worker(options.serverPath, {
    workerData,
    env: options.environment,
    // Flags of the extension host (an inspector port, for one) are not meant for this thread.
    execArgv: [],
    stdout: true,
    stderr: true,
    name: 'qwen-proxy-server',
    resourceLimits: options.resourceLimits ?? resourceLimits,
  });
  createInterface({ input: worker.stdout }).on('line', (line) => options.logger.info(line));
  createInterface({ input: worker.stderr }).on('line', (line) => options.logger.warn(line));

  const client = createRpcClient<HostedProxy>(worker);
  serveRpc<ServerHostApi>(worker, toHostApi(options));
  const ended = new Promise<string>((resolve) => {
    let fault: string | undefined;
    worker.on('error', (error) => {
      fault = messageOf(error);
    });
    worker.on('messageerror', (error) => options.logger.warn(`A message was lost: ${error.message}`));
    worker.on('exit', (code) => resolve(fault ?? `exit code ${code}`));
  });
  void ended.then((reason) => client.abandon(`The server thread ended (${reason}). Try again in a moment.`));

  const started = new Promise<'started'>((resolve) => worker.once('online', () => resolve('started')));
  const first = await Promise.race([started, ended]);
  if (first !== 'started') throw new Error(first);
  return {
    proxy: client.api,
    where: 'worker',
    ended,
    ping: client.ping,
    async terminate() {
      await worker.terminate();
    },
    async close(graceMs) {
      await settledWithin(client.api.dispose(), graceMs);
      await worker.terminate();
    },
  };
}

/** Wraps a server that runs on this very thread, or elsewhere altogether. */
export function connectInProcess(proxy: HostedProxy, where: 'in-process' | 'gateway' = 'in-process'): ServerConnection {
  let end: (reason: string) => void = () => {};
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  return {
    proxy,
    where,
    ended,
    ping: async () => {},
    async terminate() {
      end('closed');
    },
    async close(graceMs) {
      await settledWithin(proxy.dispose(), graceMs);
      end('closed');
    },
  };
}

function toHostApi({ secrets, logger, onSnapshot, onRequests }: HostedProxyOptions): ServerHostApi {
  return {
    secretKeys: () => secrets.keys(),
    secretGet: (key) => secrets.get(key),
    secretSet: (key, value) => secrets.set(key, value),
    secretDelete: (key) => secrets.delete(key),
    log: async (level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: LogFields) =>
      logger[level](message, fields),
    snapshotChanged: async (snapshot) => onSnapshot(snapshot),
    requestsChanged: async (records) => onRequests(records),
  };
}

/** Waits for an end that may fail or never come; neither keeps a shutdown from going on. */
async function settledWithin(end: Promise<void>, graceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, graceMs);
  });
  await Promise.race([end.catch(() => {}), late]);
  clearTimeout(timer);
}
