import type { GatewayError } from './errors.ts';
import type { JsonObject } from './json.ts';
import type { ProxySettings } from './settings.ts';
import type { WireFormat } from './upstream.ts';

/** A decoded request for generated text: the body as the client wrote it, and what every lane has to know of it. */
export interface GenerationRequest {
  /** The model as the client named it; absent = the default model. */
  readonly model: string | undefined;
  readonly stream: boolean;
  /** The client wants usage in its stream. */
  readonly includeUsage: boolean;
  readonly body: JsonObject;
}

/** An HTTP answer made by a dialect. */
export interface EncodedError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
}

/** How one client-facing API says that something failed. */
export interface ErrorDialect {
  encodeError(error: GatewayError, requestId: string): EncodedError;
}

/**
 * A client-facing API format for generated text: pure functions between its wire shapes and ours. It knows neither
 * accounts nor HTTP servers.
 */
export interface Dialect extends ErrorDialect {
  readonly id: WireFormat;
  /** Paths it answers, all POST. */
  readonly paths: readonly string[];
  /** @throws GatewayError `invalid_request` that names the field in the client's own spelling. */
  decodeRequest(body: unknown, settings: Pick<ProxySettings, 'stream'>): GenerationRequest;
  /** Sent while the client waits; must mean nothing to it. */
  readonly ping: string;
  /** The truthful last words of a stream that failed. */
  encodeStreamError(error: GatewayError, requestId: string): string;
  /** The terminal bytes of a stream that succeeded. */
  readonly streamEnd: string;
  /** Makes the JSON answer of a native stream's events, every unknown field kept. */
  foldStream(events: readonly Buffer[]): JsonObject;
}
