import type { RequestRecord } from '../core/activity.ts';
import type { NamedClientKey } from '../core/client-key.ts';
import type { Clock, Exclusively, Logger, SecretStore } from '../core/contracts.ts';
import type { ProxySnapshot } from '../core/control.ts';
import type { ProxySettings } from '../core/settings.ts';
import type { Team } from '../core/team.ts';
import type { Endpoints } from '../core/upstream.ts';
import type { WindowCall } from '../core/window-protocol.ts';
import type { Plan } from '../upstream/plans.ts';
import type { Transport } from '../upstream/transport.ts';

/** What a host brings to its proxy. */
export interface ProxyOptions {
  readonly settings: ProxySettings;
  /** Folder of ledger, health and logs; made with 0700. */
  readonly stateDirectory: string;
  readonly version: string;
  readonly mode: 'editor' | 'headless';
  readonly secrets: SecretStore;
  /** The other replicas that serve the same accounts; `secrets` is theirs too. */
  readonly team?: Team;
  /** Keeps other processes of this home from renewing the same tokens; a team brings its own. */
  readonly exclusively?: Exclusively;
  readonly logger: Logger;
  /** The client keys that have names and limits, at this moment. */
  readonly namedKeys?: () => readonly NamedClientKey[];
  readonly onSnapshot?: (snapshot: ProxySnapshot) => void;
  /** Told of requests while they are watched. */
  readonly onRequests?: (records: readonly RequestRecord[]) => void;
  /** Environment of the process, for its proxy variables. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
  readonly transport?: Transport;
  readonly random?: () => number;
  /** Waiting streams are pinged this often; upstreams silent for `idleMs` count as stalled. */
  readonly pingMs?: number;
  readonly idleMs?: number;
  readonly bodyLimitBytes?: number;
  readonly concurrencyLimit?: number;
  /** A client that takes nothing of what waits for it is given up after this long. */
  readonly clientStallMs?: number;
  /** Sends the requests of a plan elsewhere; tests stand their own upstream in for Qwen's hosts. */
  readonly planEndpoints?: (plan: Plan) => Endpoints | undefined;
  /** Where qwen-code keeps its files; `~/.qwen` unless told. */
  readonly qwenDirectory?: string;
}

/** What a window that shares the port with others brings along. */
export interface SharingOptions {
  /** Runs what a follower asks for. */
  readonly windowCalls?: (call: WindowCall) => Promise<unknown>;
  /** The editor does not store what it is given: this window should not be the one that serves. */
  readonly onUnwritten?: () => void;
}
