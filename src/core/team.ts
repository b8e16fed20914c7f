import type { Event, Exclusively, SecretStore } from './contracts.ts';
import type { KeyRates } from './key-rates.ts';

/**
 * Small values that every replica of a team holds in memory. The newest write of any replica wins. While the store
 * is lost, writes count in this replica alone and are shared as soon as it is back.
 */
export interface SharedMap {
  /** Everything as this replica knows it now. */
  entries(): ReadonlyMap<string, string>;
  /** Asks the store first, where it can be reached: another replica may have written a moment ago. */
  read(key: string): Promise<string | undefined>;
  /** {@link SharedMap.read} for all keys at once. */
  readAll(): Promise<ReadonlyMap<string, string>>;
  /** Counts here at once; resolves when the store has it, or when it is known to be lost. */
  set(key: string, value: string): Promise<void>;
  delete(key: string): Promise<void>;
  /** Writes (`undefined` = deletes) unless anybody has changed `expected` meanwhile; false, and nothing is written, then. */
  swap(key: string, expected: string | undefined, next: string | undefined): Promise<boolean>;
  /** Another replica wrote. */
  readonly onDidChange: Event<void>;
}

/** The counts of one replica: absolute values that it alone writes, so that writing them again changes nothing. */
export interface ReplicaCounts {
  readonly replica: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** Counters of a team: the sum over its replicas. */
export interface SharedCounters {
  /** Writes values of this replica; rejects while the store is lost. */
  publish(fields: Readonly<Record<string, string>>): Promise<void>;
  /** Takes fields of this replica away that no window needs any more. */
  drop(fields: readonly string[]): Promise<void>;
  /** What every other replica has counted. */
  load(): Promise<readonly ReplicaCounts[]>;
  /** Another replica has counted on; values are absolute. */
  readonly onDidPublish: Event<ReplicaCounts>;
}

/** A conversation and the account that it is on. */
export interface SharedSession {
  readonly session: string;
  readonly accountId: string;
}

/** Which conversations are where, told to every replica. Losing some costs a prompt cache, so nothing waits for it. */
export interface SharedSessions {
  bind(session: string, accountId: string): void;
  /** The newest conversations, newest last. */
  load(): Promise<readonly SharedSession[]>;
  readonly onDidBind: Event<readonly SharedSession[]>;
}

/** How the store stands, for `/health` and metrics. */
export interface TeamStatus {
  readonly replica: string;
  readonly store: 'connected' | 'lost';
  /** Since when, epoch milliseconds. */
  readonly sinceMs: number;
  /** Changes of this replica that the store does not have yet. */
  readonly unsent: number;
}

/** What replicas of one gateway share. The implementation on Redis is `src/team`. */
export interface Team {
  readonly secrets: SecretStore;
  readonly health: SharedMap;
  readonly models: SharedMap;
  readonly documents: SharedMap;
  /** The named client keys: digests and limits. */
  readonly keys: SharedMap;
  /** Holds them to their limits over all replicas; over this one alone while the store is lost. */
  readonly keyRates: KeyRates;
  readonly counters: SharedCounters;
  readonly sessions: SharedSessions;
  /** Plans whose terms know one subscriber serve here all the same: the operator has said that they may. */
  readonly allowsSingleUserPlans: boolean;
  /** Rejects while the store is lost. */
  readonly exclusively: Exclusively;
  status(): TeamStatus;
  /** The store was lost and is back: what was read before may be old. */
  readonly onDidReconnect: Event<void>;
}
