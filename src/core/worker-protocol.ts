/** What the editor and its server thread say to each other; shared by both sides. */
import type { ActivityControl, RequestRecord } from './activity.ts';
import type { LogFields } from './contracts.ts';
import type { ProxyControl, ProxySnapshot } from './control.ts';
import type { ProxySettings } from './settings.ts';

/** `workerData` of the server thread. */
export interface ServerWorkerData {
  readonly role: 'qwen-proxy-server';
  readonly settings: ProxySettings;
  /** Folder for the ledger, the health file and request logs; created with 0700. */
  readonly stateDirectory: string;
  readonly version: string;
}

/** The server as its host sees it: in a worker thread through RPC, or in-process. */
export interface HostedProxy extends ProxyControl, ActivityControl {
  /** Takes a new configuration; rebinds only if host or port changed, open streams go on otherwise. */
  updateSettings(settings: ProxySettings): Promise<ProxySnapshot>;
  /** Somebody else wrote the secret store: read it again. */
  secretsChanged(): Promise<void>;
  /** Ends everything; the object is not used again. */
  dispose(): Promise<void>;
}

/** What the server thread asks of the editor. */
export interface ServerHostApi {
  secretKeys(): Promise<string[]>;
  secretGet(key: string): Promise<string | undefined>;
  secretSet(key: string, value: string): Promise<void>;
  secretDelete(key: string): Promise<void>;
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: LogFields): Promise<void>;
  snapshotChanged(snapshot: ProxySnapshot): Promise<void>;
  /** Requests that are new or changed; only after {@link ActivityControl.watchRequests}. */
  requestsChanged(records: readonly RequestRecord[]): Promise<void>;
}

export function isServerWorkerData(value: unknown): value is ServerWorkerData {
  return typeof value === 'object' && value !== null && 'role' in value && value.role === 'qwen-proxy-server';
}
