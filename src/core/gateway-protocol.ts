/**
 * What an editor and the team gateway that it follows say to each other: HTTP with the bearer key of a client, read-only.
 * No word of it holds a credential or a body.
 */
import type { RequestRecord } from './activity.ts';
import type { ClientKeyLimits } from './client-key.ts';
import type { AccountSummary } from './control.ts';
import type { GatewayReadiness, GatewayScope } from './followed-gateway.ts';

export const gatewayPaths = {
  state: '/gateway/state',
  usage: '/gateway/usage',
  accountModels: '/gateway/account-models',
  events: '/gateway/events',
} as const;

/** Raised by a change that an older editor would misread; what is only added leaves it. */
export const gatewayProtocol = 1;

/** `GET /gateway/state`. */
export interface GatewayState {
  readonly name: 'qwen-proxy';
  readonly protocol: number;
  readonly version: string;
  /** Which of several servers answered, where there are several. */
  readonly replica?: string;
  readonly scope: GatewayScope;
  /** One of the keys that were sent is for clients: `/v1` takes it. */
  readonly serves: boolean;
  readonly readiness: GatewayReadiness;
  /** All of them for an administrator, else none. */
  readonly accounts: readonly AccountSummary[];
  /** Of all accounts for an administrator, else of this key in this server. */
  readonly requestsToday: number;
  /** The client key, where it has a name. */
  readonly key?: { readonly name: string; readonly limits: ClientKeyLimits };
}

/** One event of `GET /gateway/events`; the first is a `state`, the second the last requests. */
export type GatewayEvent =
  | { readonly type: 'state'; readonly state: GatewayState }
  /** Requests that are new or changed. */
  | { readonly type: 'requests'; readonly records: readonly RequestRecord[] }
  | { readonly type: 'alive' };

/** The gateway says `alive` this often; an editor that hears nothing for three times as long asks again. */
export const gatewayAliveMs = 10_000;
