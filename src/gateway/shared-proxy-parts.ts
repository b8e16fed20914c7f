import type { Clock, Logger } from '../core/contracts.ts';
import type { ProxySnapshot } from '../core/control.ts';
import type { ProxySettings } from '../core/settings.ts';
import type { HostedProxy } from '../core/worker-protocol.ts';
import type { WindowOwner } from '../server/window-owner.ts';
import type { Transport } from '../upstream/transport.ts';
import type { RequestFeed } from './request-feed.ts';

/** A proxy that serves by itself, with what windows need of one another. */
export interface LocalProxy extends HostedProxy {
  /** Takes over what the last owner handed out: into memory, and into this window's own store where it takes it. */
  adoptSecrets(secrets: Readonly<Record<string, string>>): Promise<void>;
  /** Tells followers the credentials as they are now, also what the editor did not store. */
  handOut(): Promise<void>;
  /** The last requests: those of whoever serves. */
  readonly feed: RequestFeed;
  /** The owner's side of the conversation; absent until the proxy is open. */
  windows(): WindowOwner | undefined;
}

export interface SharedProxyOptions {
  readonly settings: Pick<ProxySettings, 'host' | 'port'>;
  readonly stateDirectory: string;
  readonly version: string;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly onSnapshot?: (snapshot: ProxySnapshot) => void;
}

/** A shared proxy, and where the local one's snapshots go. */
export interface SharedProxy {
  readonly proxy: HostedProxy;
  /** While another window serves, or that is being found out, the local state is nobody's business. */
  onLocalSnapshot(snapshot: ProxySnapshot): void;
  /** Gives the port up to another window, with every credential, and serves again if none took it. */
  yieldPort(): Promise<void>;
}
