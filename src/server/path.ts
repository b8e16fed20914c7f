/**
 * The path a client meant: base URLs get joined with and without `/v1`, with doubled slashes and with trailing ones
 * (`//chat/completions`, `/v1/v1/models`, `/chat/completions/`). The query is left as it is.
 */
export function normalisePath(url: string): string {
  const queryStart = url.indexOf('?');
  const path = queryStart === -1 ? url : url.slice(0, queryStart);
  const query = queryStart === -1 ? '' : url.slice(queryStart);
  const collapsed = path
    .replace(/\/{2,}/g, '/')
    .replace(/(.)\/$/, '$1')
    .replace(/^(\/v1)+(?=\/|$)/, '/v1');
  const isMissingVersion = versionedPaths.some((prefix) => collapsed === prefix || collapsed.startsWith(`${prefix}/`));
  return (isMissingVersion ? `/v1${collapsed}` : collapsed) + query;
}

const versionedPaths = ['/chat/completions', '/completions', '/embeddings', '/responses', '/models', '/messages'];
