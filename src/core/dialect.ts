import type { ChatEvent } from './chat-event.ts';
import type { GatewayError } from './errors.ts';
import type { JsonObject } from './json.ts';
import type { ProxySettings } from './settings.ts';
import type { WireFormat } from './upstream.ts';

/** A decoded request for generated text: the body as the client wrote it, and what every lane has to know of it. */
export interface GenerationRequest {
  /** The model as the client named it; absent = the default model. */
  readonly model: string | undefined;
  /** The name the client is told, where it is not `model`: ids that only decorate another one are echoed as they came. */
  readonly echoedModel?: string;
  readonly stream: boolean;
  /** The client wants usage in its stream. */
  readonly includeUsage: boolean;
  /** As the client wrote it, for the native lane. */
  readonly body: JsonObject;
  /** How to serve it through Chat Completions, for the translate lane; absent where that is its own format. */
  readonly translation?: Translation;
}

/**
 * A request in the canonical form, which is a Chat Completions body: every plan of Qwen speaks it, and the one table of
 * Qwen's own rules (`upstream/chat-fields.ts`) acts on it. See docs/decisions/0005-canonical-form.md.
 */
export interface Translation {
  readonly chat: JsonObject;
  /** What of the request has no counterpart and was left out, in words for the log. */
  readonly notes?: readonly string[];
  /** Makes the answer of one attempt in the client's format. */
  createEncoder(answer: AnswerFacts): AnswerEncoder;
  /** The client's spelling of a field of `chat` that was refused, as in `messages[2].content`. */
  paramOf?(chatParam: string): string | undefined;
}

/** What an encoder has to know of the answer it writes. */
export interface AnswerFacts {
  /** To be echoed: as the client asked, else as it was chosen. */
  readonly model: string;
  readonly requestId: string;
  /** Epoch milliseconds. */
  readonly createdAtMs: number;
}

/** Writes one answer in a client's format; holds the state of its one stream. */
export interface AnswerEncoder {
  /** The stream's text for one event; empty where nothing is to be said yet. */
  encode(event: ChatEvent): string;
  /** The stream's last text, after `finish` and whatever usage came. */
  end(): string;
  /** The same answer as one document, after `end`. */
  result(): JsonObject;
  /** The truthful last text of a stream that broke off after it had begun. */
  fail(error: GatewayError): string;
  /** Nothing of what still comes belongs to the answer: it can be given up. */
  readonly isOver?: boolean;
}

/** An HTTP answer made by a dialect. */
export interface EncodedError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
}

/** What the status and headers of a failure depend on besides the failure. */
export interface ErrorContext {
  readonly requestId: string;
  /** Clients take the same status differently; docs/errors.md has the table. */
  readonly userAgent: string | undefined;
  /** Of the request, where it was too long. */
  readonly inputTokens?: number;
}

/** How one client-facing API says that something failed. */
export interface ErrorDialect {
  encodeError(error: GatewayError, context: ErrorContext): EncodedError;
}

/**
 * A client-facing API format for generated text: pure functions between its wire shapes and ours. It knows neither
 * accounts nor HTTP servers.
 */
export interface Dialect extends ErrorDialect {
  readonly id: WireFormat;
  /** Paths it answers, all POST. */
  readonly paths: readonly string[];
  /** Its requests belong to no conversation: none says where the next one should go. */
  readonly isStateless?: boolean;
  /** @throws GatewayError `invalid_request` that names the field in the client's own spelling. */
  decodeRequest(body: unknown, settings: Pick<ProxySettings, 'stream'>): GenerationRequest;
  /** Sent while the client waits; must mean nothing to it. */
  readonly ping: string;
  /**
   * A failed stream ends with its connection, not as HTTP has it, because the format has no event that says how it ended:
   * opencode runs the calls of a broken answer once it has ended cleanly.
   */
  readonly breaksFailedStreams?: boolean;
  /** The truthful last words of a stream that failed before its answer began. */
  encodeStreamError(error: GatewayError, requestId: string): string;
}
