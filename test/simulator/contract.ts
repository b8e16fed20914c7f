import type { JsonObject } from './json.ts';

/** Which product a credential belongs to. Each is served on a surface of its own and refused on the others. */
export type Plan = 'standard' | 'coding' | 'token' | 'portal';

/** What a credential may do. */
export interface KeyOptions {
  readonly plan?: Plan;
  /** The only models this key may call; without it, all models of its plan. */
  readonly models?: readonly string[];
  /** The Coding Plan's tool gate: a User-Agent that does not match is refused with 405. */
  readonly acceptUserAgents?: RegExp;
}

/** The routes that faults can be scripted for. */
export type Route = 'chat' | 'responses' | 'messages' | 'completions' | 'embeddings' | 'models' | 'count-tokens';

/** Which requests a script or a fault is meant for. */
export interface Matcher {
  readonly key?: string;
  readonly model?: string;
  /** Only requests whose body passes: clients ask on the side for titles and summaries. */
  readonly when?: (body: JsonObject) => boolean;
  /** `chat` unless told. */
  readonly route?: Route;
  /** How many requests it serves, 1 unless told; `Infinity` for all. */
  readonly times?: number;
}

export interface ScriptedToolCall {
  readonly id?: string;
  readonly name: string;
  /** An array gives the exact deltas of the stream. */
  readonly arguments: string | readonly string[];
}

/** A scripted answer. With neither text, reasoning, tool calls nor raw events the default content is used. */
export interface Answer {
  /** An array gives the exact deltas of the stream. */
  readonly text?: string | readonly string[];
  readonly reasoning?: string | readonly string[];
  readonly toolCalls?: readonly ScriptedToolCall[];
  /** Laid over the computed usage; wire spelling. */
  readonly usage?: JsonObject;
  readonly finishReason?: string;
  /** Exact bytes of the stream, one write each; sent as an event stream whatever the request asked for. */
  readonly rawEvents?: readonly string[];
  /** Pause between two writes. */
  readonly chunkDelayMs?: number;
}

/** The shapes in which Qwen reports an error after it has answered 200, and the event framing of a refused request. */
export type InStreamForm = 'event-error' | 'data-error' | 'error-finish' | 'anthropic-error' | 'sse-body-on-non-2xx';

/** Everything that can go wrong, as scripted. Ids are those of `test/fixtures/qwen-errors.json`. */
export type Fault =
  | { readonly kind: 'error'; readonly id: number; readonly inStream?: boolean }
  | {
      readonly kind: 'http';
      readonly status: number;
      readonly body: string | JsonObject;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'in-stream-error';
      readonly form: InStreamForm;
      readonly id?: number;
      readonly afterChunks: number;
    }
  /** Never continues until the client closes. */
  | { readonly kind: 'stall'; readonly afterChunks: number }
  /** Destroys the socket after exactly this many bytes of body. */
  | { readonly kind: 'cut'; readonly atByte: number }
  /** Clean end of the body without finish and `[DONE]`. */
  | { readonly kind: 'end-early'; readonly afterChunks: number }
  | { readonly kind: 'slow-first-byte'; readonly delayMs: number; readonly headersFirst?: boolean }
  /** Delivers the body in pieces of this many bytes. */
  | { readonly kind: 'split'; readonly bytes: number }
  | { readonly kind: 'gzip' | 'br' | 'deflate' }
  /** 200 with the page of the web application firewall. */
  | { readonly kind: 'html' }
  /** The socket is reset before any header. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'json-instead-of-stream' }
  | { readonly kind: 'no-done' }
  | { readonly kind: 'crlf' }
  | { readonly kind: 'retry-after'; readonly seconds: number; readonly id: number };

/** `open` until the answer has ended one way or another. */
export type AnsweredState = 'open' | 'complete' | 'refused' | 'cut' | 'aborted';

/** One request as it arrived and how it ended. */
export interface RecordedRequest {
  /** Arrival, epoch milliseconds of the machine's clock. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON or form fields; `undefined` if it was neither. */
  body: unknown;
  rawBody: string;
  /** The bearer credential, also if it was refused. */
  readonly key: string | undefined;
  answered: AnsweredState;
  /** When the client closed before the end, epoch milliseconds of the machine's clock. */
  abortedAtMs?: number;
  /** 0 until headers were decided. */
  status: number;
}
