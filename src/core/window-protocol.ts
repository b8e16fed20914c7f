/** What the windows of one install say to each other over loopback. Everything but the identity is sealed. */
import type { RequestRecord } from './activity.ts';
import type { ProxySnapshot } from './control.ts';

/** Paths of the windows' own routes; clients have no business there. */
export const internalPaths = {
  identity: '/internal/identity',
  session: '/internal/session',
  call: '/internal/call',
  events: '/internal/events',
} as const;

/** `GET /internal/identity?nonce=…`: who holds the port, and the proof that it knows the install's control secret. */
export interface OwnerIdentity {
  readonly name: 'qwen-proxy';
  readonly version: string;
  readonly mode: 'editor' | 'headless';
  readonly pid: number;
  readonly proof: string;
}

/** `POST /internal/session`: a follower introduces itself and proves itself in turn. */
export interface SessionRequest {
  readonly nonce: string;
  readonly pid: number;
  readonly port: number;
  readonly version: string;
  readonly proof: string;
}

/** A control call, sealed in the body of `POST /internal/call`. */
export interface WindowCall {
  readonly method: string;
  readonly args: readonly unknown[];
}

export type WindowCallResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string };

/** One sealed event of `GET /internal/events`. */
export type WindowEvent =
  | { readonly type: 'snapshot'; readonly snapshot: ProxySnapshot }
  /** The credentials, so that this follower can take over with every account. */
  | { readonly type: 'secrets'; readonly secrets: Readonly<Record<string, string>> }
  /** Requests that are new or changed; all that is known, at the beginning. */
  | { readonly type: 'requests'; readonly records: readonly RequestRecord[] }
  /** The owner is well. */
  | { readonly type: 'alive' }
  /** The user stopped the proxy: nobody takes over. */
  | { readonly type: 'stopped' }
  /** The owner gives the port up for a newer version, or because its window cannot be reached any more. */
  | { readonly type: 'yielding' };

/** The owner says `alive` this often; a follower that hears nothing for three times as long takes it for hung. */
export const aliveIntervalMs = 1_500;
