import type { InspectedRequest, Redacted } from '../../core/activity.ts';
import type { InspectorView } from '../../webview/dashboard-messages.ts';
import type { RowTexts } from './account-node.ts';

/** An inspected request as text, side by side. */
export function toInspectorView(
  request: InspectedRequest,
  labelOf: (account: string) => string,
  { l10n }: RowTexts,
): InspectorView {
  const { events, eventsLeftOut } = request;
  const more = eventsLeftOut === 0 ? [] : [l10n.t('… and {0} more', eventsLeftOut)];
  return {
    id: request.id,
    title: `${request.id} · POST ${request.path}`,
    request: pretty(request.body),
    calls: request.calls.map(({ account, method, url, headers, body, status, responseHeaders, events: answer }) => ({
      title: `${labelOf(account)} · ${status ?? '…'}`,
      request: [`${method} ${url}`, ...headerLines(headers), '', ...(body === undefined ? [] : [pretty(body)])].join(
        '\n',
      ),
      answer: [String(status ?? '…'), ...headerLines(responseHeaders ?? {}), '', ...answer.map(line)].join('\n'),
    })),
    answer: [String(request.status ?? '…'), '', ...events.map(line), ...more].join('\n'),
  };
}

/** A command that sends a request of the same shape. The key is the user's to put in, and so are the texts. */
export function toCurl({ path, body }: InspectedRequest, url: string): string {
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  return [
    `curl -sS ${quoted(url + path)}`,
    `  -H 'Content-Type: application/json'`,
    `  -H "Authorization: Bearer $QWEN_PROXY_KEY"`,
    `  -d ${quoted(JSON.stringify(body))}`,
  ].join(' \\\n');
}

const pretty = (value: Redacted) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));
const line = (event: Redacted) => (typeof event === 'string' ? event : JSON.stringify(event));
const headerLines = (headers: Readonly<Record<string, string>>) =>
  Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
