/**
 * The control surface of a running proxy: what the command line and the editor may ask of it. Every value is plain data
 * (it crosses a MessagePort) and none of them holds a credential, except the local client key, which a user copies.
 */
import type { ErrorCode } from './errors.ts';

export type AccountKindName = 'api-key' | 'oauth-device' | 'demo';

/** `ready` may serve; `cooling` waits out a transient fault; `exhausted` waits for a quota window; `unauthorized` needs the user; `disabled` was switched off. */
export type AccountState = 'ready' | 'cooling' | 'exhausted' | 'unauthorized' | 'disabled';

export interface AccountSummary {
  readonly id: string;
  readonly label: string;
  readonly kind: AccountKindName;
  /** Name in `plans.ts`, e.g. `coding-cn`, `custom`, `oauth`, `demo`. */
  readonly plan: string;
  readonly planLabel: string;
  readonly enabled: boolean;
  readonly state: AccountState;
  /** Why it is not ready, one sentence. */
  readonly reason?: string;
  /** When the state ends by itself, epoch milliseconds. */
  readonly untilMs?: number;
  /** What the user can do about it, one sentence. */
  readonly fix?: string;
  /** Client requests it answered since 00:00 UTC. */
  readonly requestsToday: number;
  readonly inputTokensToday: number;
  readonly outputTokensToday: number;
  readonly createdAtMs: number;
}

export interface PlanSummary {
  readonly name: string;
  readonly label: string;
  /** Region and what the plan is, one short line. */
  readonly detail: string;
  /** What a key of it looks like, e.g. `sk-sp-…`. */
  readonly keyHint: string;
  /** Where a user finds the key. */
  readonly keyUrl?: string;
  /** The user has to give a base URL (`custom`, `workspace`). */
  readonly needsBaseUrl: boolean;
  /** Terms to show once when an account is added. */
  readonly terms?: string;
}

/** What one real request to the upstream said about an account. No health state is derived from it. */
export interface ProbeVerdict {
  readonly ok: boolean;
  /** One sentence for a person: `Connected: …` or the reason. */
  readonly message: string;
  readonly code?: ErrorCode;
  /** The way out, one sentence. */
  readonly fix?: string;
  readonly models?: readonly string[];
  readonly durationMs: number;
}

export interface AddAccountInput {
  /** Lower-case letters, digits, `-`, `_`, `.`; generated from the plan when absent. */
  readonly id?: string;
  readonly label?: string;
  readonly plan: string;
  /** The API key; not for `demo`. */
  readonly key?: string;
  readonly baseUrl?: string;
  readonly anthropicBaseUrl?: string;
  readonly responsesBaseUrl?: string;
  readonly probe: boolean;
}

export interface AddAccountResult {
  readonly account: AccountSummary;
  /** Absent when no probe was asked for. */
  readonly verdict?: ProbeVerdict;
}

/** A started device flow. The verifier, the device code and the tokens stay in the server. */
export interface SignInStart {
  /** Opaque handle of the flow for {@link ProxyControl.pollSignIn}. */
  readonly handle: string;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete: string;
  readonly expiresAtMs: number;
  /** Wait at least this long between polls. */
  readonly intervalMs: number;
}

export type SignInPoll =
  | { readonly status: 'pending'; readonly intervalMs: number; readonly slowDown: boolean }
  | { readonly status: 'complete'; readonly account: AccountSummary; readonly verdict: ProbeVerdict }
  | { readonly status: 'expired' | 'denied' }
  | { readonly status: 'failed'; readonly message: string };

/** `following` = another window of this install serves, and this one shows its state. */
export type ProxyState = 'stopped' | 'starting' | 'serving' | 'following' | 'error';

export interface ProxySnapshot {
  readonly state: ProxyState;
  readonly version: string;
  readonly host: string;
  /** The bound port while serving, else the wanted one. */
  readonly port: number;
  /** `http://127.0.0.1:<port>`, only while serving. */
  readonly url?: string;
  /** Why `error`: one sentence and, for a taken port, who holds it. */
  readonly problem?: {
    readonly code: 'port_taken' | 'crashed' | 'failed';
    readonly message: string;
    readonly owner?: string;
  };
  /** The window that serves, while `following`. */
  readonly owner?: { readonly pid: number; readonly version: string };
  readonly accounts: readonly AccountSummary[];
  readonly requestsToday: number;
}

/** What a host asks of the proxy. Rejections are `Error`s whose message is fit for a person. */
export interface ProxyControl {
  /** Binds the port and serves; answers with the new snapshot, `error` included, and rejects only on a programming fault. */
  start(options?: { readonly port?: number }): Promise<ProxySnapshot>;
  /** Frees the port, lets open answers run for `drainMs` (default 0), then ends the rest truthfully. */
  stop(options?: { readonly drainMs?: number }): Promise<ProxySnapshot>;
  snapshot(): Promise<ProxySnapshot>;
  plans(): Promise<readonly PlanSummary[]>;
  addAccount(input: AddAccountInput): Promise<AddAccountResult>;
  removeAccount(id: string): Promise<void>;
  setAccountEnabled(id: string, enabled: boolean): Promise<void>;
  /** Puts the account at `index` of the user's order, 0 first. */
  moveAccount(id: string, index: number): Promise<void>;
  /** Ends every cooldown and `unauthorized`. */
  clearAccount(id: string): Promise<void>;
  testAccount(id: string): Promise<ProbeVerdict>;
  startSignIn(input: { readonly id?: string }): Promise<SignInStart>;
  pollSignIn(handle: string): Promise<SignInPoll>;
  cancelSignIn(handle: string): Promise<void>;
  /** The key clients send; created on first use. */
  localKey(): Promise<string>;
}
