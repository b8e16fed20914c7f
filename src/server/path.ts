import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../core/errors.ts';

/**
 * The path a client meant: base URLs get joined with and without `/v1`, with doubled slashes and with trailing ones
 * (`//chat/completions`, `/v1/v1/models`, `/chat/completions/`, `/anthropic/messages`). The query is left as it is.
 * @throws GatewayError `not_found` for a path with a broken escape, which names nothing.
 */
export function normalisePath(url: string): string {
  const queryStart = url.indexOf('?');
  const path = queryStart === -1 ? url : url.slice(0, queryStart);
  const query = queryStart === -1 ? '' : url.slice(queryStart);
  try {
    decodeURI(path);
  } catch (error) {
    throw new GatewayError('not_found', 'The path holds a broken escape.', { cause: error });
  }
  const collapsed = path
    .replace(/\/{2,}/g, '/')
    .replace(/(.)\/$/, '$1')
    // Some clients are given the OpenAI base URL and add Anthropic's path to it, or the other way round.
    .replace(/^(?:\/v1)*\/anthropic(?=\/|$)/, '/anthropic')
    .replace(/^(\/anthropic)?(\/v1)+(?=\/|$)/, '$1/v1');
  const [, base = '', rest = ''] = /^(\/anthropic)?(.*)$/s.exec(collapsed) ?? [];
  const isMissingVersion = versionedPaths.some((prefix) => rest === prefix || rest.startsWith(`${prefix}/`));
  return (isMissingVersion ? `${base}/v1${rest}` : collapsed) + query;
}

const versionedPaths = ['/chat/completions', '/completions', '/embeddings', '/responses', '/models', '/messages'];

/** Names what is served where nothing is. */
export function unknownUrl({ method, url = '/', headers }: IncomingMessage, known: readonly string[]): GatewayError {
  const path = url.split('?', 1)[0] ?? url;
  return new GatewayError('not_found', `Nothing is served at ${method} ${path}.`, {
    fix: `The base URL is http://${headers.host}/v1 for OpenAI clients and http://${headers.host}/anthropic for Anthropic's; served are ${known.join(', ')}.`,
  });
}
