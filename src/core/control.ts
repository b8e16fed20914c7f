/**
 * The control surface of a running proxy: what the command line and the editor may ask of it. Every value is plain data
 * (it crosses a MessagePort). Keys and passphrases go in, to be stored or asked about; no answer holds a credential in
 * clear, except the local client key, which a user copies.
 */
import type { ErrorCode } from './errors.ts';
import type { FollowedGateway, GatewayProblem } from './followed-gateway.ts';
import type { FindPlanInput, KeyDiagnosis, PlanSearch } from './plan-search.ts';
import type { WindowSummary } from './quota-window.ts';
import type { SignInPoll, SignInStart } from './sign-in.ts';

export type AccountKindName = 'api-key' | 'oauth-device' | 'demo';

/** `ready` may serve; `cooling` waits out a transient fault; `exhausted` waits for a quota window; `unauthorized` needs the user; `disabled` was switched off. */
export type AccountState = 'ready' | 'cooling' | 'exhausted' | 'unauthorized' | 'disabled';

/** One model that the account cannot serve for a while, although it is ready for others. */
export interface ModelObstacle {
  readonly model: string;
  readonly reason: string;
  /** When it is tried again, epoch milliseconds. */
  readonly untilMs?: number;
}

/** A limit that the user sets: model calls or tokens in one window. */
export interface AccountLimit {
  readonly window: WindowSummary['name'];
  readonly requests?: number;
  readonly tokens?: number;
}

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
  /** Why it did not answer, the last time that it did not in this run: a code of `errors.ts`. */
  readonly lastError?: { readonly code: string; readonly atMs: number };
  /** Models that are out for a while, the account itself being ready. */
  readonly obstacles: readonly ModelObstacle[];
  readonly windows: readonly WindowSummary[];
  /** Client requests it answered since 00:00 UTC. */
  readonly requestsToday: number;
  readonly inputTokensToday: number;
  readonly outputTokensToday: number;
  readonly createdAtMs: number;
  /** Accounts of one group belong to one main account and share its limits. */
  readonly group?: string;
  /** Day of the month, in China, on which its month begins anew, as the user said. */
  readonly billingDay?: number;
  /** The file of another program that holds its tokens. */
  readonly linkedFile?: string;
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
  /** No free call could tell: {@link ProxyControl.testAccount} with `billed` can, after the user's own yes. */
  readonly needsBilledTest?: boolean;
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
  /** Terms of the plan that were not shown on this install yet. */
  readonly terms?: string;
}

/** What to do with an imported account whose id is taken. */
export type ImportConflict = 'skip' | 'replace' | 'rename';

export interface ImportCounts {
  readonly added: number;
  readonly replaced: number;
  readonly skipped: number;
}

/** An encrypted copy of the accounts. */
export interface ExportedAccounts {
  readonly text: string;
  readonly count: number;
  /** Ids that were left out: their tokens belong to another program's file, or they are of no wanted kind. */
  readonly leftOut: readonly string[];
}

/** `following` = another window of this install serves, or a team gateway, and this one shows its state. */
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
    readonly code: 'port_taken' | 'crashed' | 'failed' | GatewayProblem;
    readonly message: string;
    readonly owner?: string;
    /** The owner is this user's headless server: its accounts can be imported. */
    readonly isHeadless?: boolean;
  };
  /** The team gateway that this window is a client of, whether it answers or not. */
  readonly gateway?: FollowedGateway;
  /** The window that serves, while `following` one. */
  readonly owner?: { readonly pid: number; readonly version: string };
  readonly accounts: readonly AccountSummary[];
  readonly requestsToday: number;
  /** Bodies of requests are kept for the inspector. */
  readonly isInspecting?: true;
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
  /** @param options `billed` asks for one token of an answer; only after the user's own yes. */
  testAccount(id: string, options?: { readonly billed?: boolean }): Promise<ProbeVerdict>;
  /** Names the plans a key may belong to without sending it anywhere; refuses keys of other vendors. */
  diagnoseKey(input: { readonly key: string; readonly baseUrl?: string }): Promise<KeyDiagnosis>;
  /** Asks the agreed plans one by one, and stops at the first that takes the key. Nothing is stored. */
  findPlan(input: FindPlanInput): Promise<PlanSearch>;
  /** Says that the account shares its limits with the others of `group`; without one it stands alone. */
  setAccountGroup(id: string, group?: string): Promise<void>;
  /** Counts a window of the user's own, in place of the plan's of that name; without one, the plan's again. */
  setAccountLimit(id: string, limit?: AccountLimit): Promise<void>;
  /** Day of the month, 1 to 31, on which the plan is billed; without one, that of the account's first day. */
  setAccountBillingDay(id: string, day?: number): Promise<void>;
  /** The whole usage ledger as CSV, oldest first. */
  exportUsage(): Promise<string>;
  /** All accounts with their credentials, or those of some kinds, encrypted under the passphrase. */
  exportAccounts(input: {
    readonly passphrase: string;
    readonly kinds?: readonly AccountKindName[];
  }): Promise<ExportedAccounts>;
  importAccounts(input: {
    readonly text: string;
    readonly passphrase: string;
    readonly onConflict: ImportConflict;
  }): Promise<ImportCounts>;
  /** Copies the API-key accounts of this user's headless install; those whose key is here already are skipped. */
  importHeadlessAccounts(): Promise<ImportCounts>;
  /** qwen-code's credential files on this machine that no account is linked to yet. */
  linkableFiles(): Promise<readonly string[]>;
  /** Adds an account whose tokens stay in another program's file; without one the only linkable file is taken. */
  linkAccount(input: { readonly file?: string; readonly id?: string }): Promise<AddAccountResult>;
  /** With the id of a device-flow account its tokens are renewed in place. */
  startSignIn(input: { readonly id?: string }): Promise<SignInStart>;
  pollSignIn(handle: string): Promise<SignInPoll>;
  cancelSignIn(handle: string): Promise<void>;
  /** The key clients send; created on first use. */
  localKey(): Promise<string>;
  /**
   * Makes another key, and refuses the old one from then on.
   * @throws GatewayError `invalid_request` where the settings name the keys.
   */
  rotateKey(): Promise<string>;
}
