/** The ports: what the server needs from its host. VS Code, the command line and the tests each bring their own. */

/** Stops a subscription; calling it twice is harmless. Shaped like `vscode.Disposable`. */
export interface Disposable {
  dispose(): void;
}

/** Same signature as `vscode.Event`, so that host code can treat core events as native ones. */
export type Event<T> = (listener: (value: T) => void) => Disposable;

/** Time as a port, so that tests run on a clock of their own. All times are epoch milliseconds. */
export interface Clock {
  now(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls after `ms`, unless the returned function is called first. Costs a tenth of a sleep that is given up. */
  after(ms: number, call: () => void): () => void;
}

/** Facts beside a log line. Never a credential, a header or a body. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/**
 * Where credentials live: `vscode.SecretStorage`, or one 0600 file. Values are opaque strings; there is no transaction
 * and no order between two processes, so one key holds one account and nothing else.
 */
export interface SecretStore {
  keys(): Promise<string[]>;
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string): Promise<void>;
  delete(key: string): Promise<void>;
  /**
   * Writes (`undefined` = deletes) unless the value is no longer `expected`; false, and nothing is written, then. Stores
   * that several processes write have it; the editor's has none.
   */
  swap?(key: string, expected: string | undefined, next: string | undefined): Promise<boolean>;
  /** Fires after somebody else wrote: re-read, the event carries no value. */
  readonly onDidChange: Event<void>;
}

/**
 * Runs `work` while nobody else who shares the accounts runs work of that name.
 * @throws GatewayError of scope `provider` where the lock is not had in time, or cannot be asked for.
 */
export type Exclusively = <Result>(name: string, work: () => Promise<Result>) => Promise<Result>;

/** Small machine state that is no secret (health, markers): one JSON document per name, replaced atomically. */
export interface StateStore {
  read(name: string): Promise<unknown>;
  write(name: string, value: unknown): Promise<void>;
}
