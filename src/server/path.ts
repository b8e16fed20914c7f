import { GatewayError } from '../core/errors.ts';

/**
 * The path a client meant: base URLs get joined with and without `/v1`, with doubled slashes and with trailing ones
 * (`//chat/completions`, `/v1/v1/models`, `/chat/completions/`). The query is left as it is.
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
    .replace(/^(\/v1)+(?=\/|$)/, '/v1');
  const isMissingVersion = versionedPaths.some((prefix) => collapsed === prefix || collapsed.startsWith(`${prefix}/`));
  return (isMissingVersion ? `/v1${collapsed}` : collapsed) + query;
}

const versionedPaths = ['/chat/completions', '/completions', '/embeddings', '/responses', '/models', '/messages'];
