import type { IncomingMessage } from 'node:http';
import { readError } from '../../clients/error-message.ts';
import { readAll, sendRequest } from '../../clients/http-request.ts';
import type { GatewayProblem } from '../../core/followed-gateway.ts';
import { isJsonObject, type JsonObject, parseJson, stringField } from '../../core/json.ts';
import { messageOf } from '../../core/message-of.ts';
import { type GatewayKeys, headersOf } from '../gateway-keys.ts';

const healthTimeoutMs = 5_000;

/** Why the gateway cannot be followed. */
export class GatewayFault extends Error {
  readonly code: GatewayProblem;
  /** What it was answered with, where it was. */
  readonly status: number | undefined;

  constructor(code: GatewayProblem, message: string, status?: number) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export interface GatewayPlace {
  readonly url: string;
  readonly keys: GatewayKeys;
  readonly userAgent: string;
}

/**
 * Asks the gateway; resolves with a head that says 200.
 * @throws GatewayFault for everything else, with what to tell the user.
 */
export async function askGateway(
  { url, keys, userAgent }: GatewayPlace,
  path: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const headers = { ...headersOf(keys), 'user-agent': userAgent };
  const answer = await sendRequest({ method: 'GET', url: url + path, headers, signal }).catch((error) => {
    throw unreachable(url, signal.aborted ? messageOf(signal.reason) : reasonOf(error));
  });
  const { statusCode: status = 0 } = answer;
  if (status === 200) return answer;
  const text = await readAll(answer).catch(() => '');
  const { message } = readError(status, text);
  switch (status) {
    case 401:
      throw new GatewayFault('gateway_key_refused', `${url} does not know this key.`);
    case 403:
      throw new GatewayFault('gateway_forbidden', message);
    case 404:
    case 405:
      throw await whatAnswers(url, userAgent);
    default:
      throw unreachable(url, message, status);
  }
}

/** One JSON document of the gateway. */
export async function readGateway(place: GatewayPlace, path: string, signal: AbortSignal): Promise<JsonObject> {
  const answer = await askGateway(place, path, signal);
  const text = await readAll(answer).catch((error) => {
    throw unreachable(place.url, reasonOf(error));
  });
  const document = parseJson(text);
  if (!isJsonObject(document)) throw unreachable(place.url, 'its answer is no JSON');
  return document;
}

export const unreachable = (url: string, reason: string, status?: number) =>
  new GatewayFault('gateway_unreachable', `${url} cannot be reached: ${reason}.`, status);

/** What has these routes not at all is an older Qwen Proxy, one in an editor, or something else. */
async function whatAnswers(url: string, userAgent: string): Promise<GatewayFault> {
  const signal = AbortSignal.timeout(healthTimeoutMs);
  const sent = { method: 'GET', url: `${url}/health`, headers: { 'user-agent': userAgent }, signal } as const;
  const health = parseJson(await sendRequest(sent).then(readAll, () => ''));
  if (!isJsonObject(health) || stringField(health, 'name') !== 'qwen-proxy')
    return unreachable(url, 'what answers there is no Qwen Proxy');
  const version = stringField(health, 'version') ?? '';
  return new GatewayFault(
    'gateway_version',
    stringField(health, 'mode') === 'editor'
      ? `${url} is the server of an editor, and no gateway.`
      : `Version ${version} at ${url} is too old to be followed.`,
  );
}

/** `ECONNREFUSED` says more than the sentence around it. */
function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : messageOf(error);
}
