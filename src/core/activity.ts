/**
 * What hosts may know of single requests: the live list, the usage over time, and the inspector. Every value is plain
 * data that crosses a MessagePort and a sealed channel; none holds a credential, and only the inspector's hold a body,
 * redacted.
 */
import type { JsonObject } from './json.ts';

/** One try of a request: the account, and why it was not the last one. */
export interface AttemptRecord {
  readonly account: string;
  /** The upstream began to answer. */
  readonly committed: boolean;
  /** Code of {@link GatewayError}; absent while it runs and where it succeeded. */
  readonly error?: string;
}

/** `open` = under way; the others are the ledger's outcomes. */
export type RequestState = 'open' | 'answered' | 'failed' | 'cut' | 'aborted';

/** One client request, from its beginning on. Times are epoch milliseconds. */
export interface RequestRecord {
  readonly id: string;
  readonly startedMs: number;
  readonly state: RequestState;
  /** First word of the client's User-Agent. */
  readonly client?: string;
  /** Name of the client key, where it has one. */
  readonly key?: string;
  readonly dialect: string;
  readonly lane?: string;
  readonly stream: boolean;
  readonly modelAsked?: string;
  readonly model?: string;
  /** Account that answers, or was tried last. */
  readonly account?: string;
  readonly attempts: readonly AttemptRecord[];
  /** What the client was answered with. */
  readonly status?: number;
  readonly error?: string;
  readonly ttftMs?: number;
  readonly durationMs?: number;
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cachedTokens?: number;
}

/** What one account did with one model in one bucket of time. */
export interface UsageBucket {
  /** Begin of the bucket, epoch milliseconds. */
  readonly startMs: number;
  readonly account: string;
  readonly model: string;
  /** Name of the client key; only where the query asks for it. */
  readonly key?: string;
  /** Requests that were answered. */
  readonly requests: number;
  /** Requests that ended in an error, cut answers included. */
  readonly failed: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedTokens: number;
}

export interface UsageQuery {
  readonly sinceMs: number;
  /** Later requests are counted as they are told. */
  readonly untilMs: number;
  readonly bucket: 'hour' | 'day';
  /** Minutes east of UTC: a day begins at the user's midnight. */
  readonly utcOffsetMinutes: number;
  /** Also by client key. */
  readonly byKey?: boolean;
}

/** A body or an event, redacted: names, numbers and the shape are kept, texts are replaced by their length. */
export type Redacted = JsonObject | string;

/** One call to an upstream, as far as it got. */
export interface InspectedCall {
  readonly account: string;
  /** Without its query. */
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Redacted;
  readonly status?: number;
  readonly responseHeaders?: Readonly<Record<string, string>>;
  /** Events of the answer, or its one document. */
  readonly events: readonly Redacted[];
}

/** One request in the inspector: what the client sent, what went upstream, and what both answered. */
export interface InspectedRequest {
  readonly id: string;
  readonly dialect: string;
  /** Path of the dialect, for a repeat. */
  readonly path: string;
  readonly body: JsonObject;
  readonly calls: readonly InspectedCall[];
  readonly status?: number;
  /** What the client got. */
  readonly events: readonly Redacted[];
  /** Events that were left out, because the inspector keeps no more. */
  readonly eventsLeftOut: number;
}

/** The part of a host's calls that is about requests. */
export interface ActivityControl {
  /** Turns the live list of this window on or off, or leaves it; answers with the last requests, oldest first. */
  watchRequests(isOn?: boolean): Promise<readonly RequestRecord[]>;
  /** Counts from the ledger, oldest first. */
  usageSummary(query: UsageQuery): Promise<readonly UsageBucket[]>;
  /** Keeps the bodies of coming requests, redacted and in memory; off, it forgets them. */
  setInspecting(isOn: boolean): Promise<void>;
  /** `null` where nothing is kept of it. */
  inspectRequest(id: string): Promise<InspectedRequest | null>;
  /** Models that an account may be asked for. */
  accountModels(id: string): Promise<readonly string[]>;
}
