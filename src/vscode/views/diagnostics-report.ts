import type { RequestRecord } from '../../core/activity.ts';
import type { ProxySnapshot } from '../../core/control.ts';
import type { NetworkSettings } from '../../core/network.ts';

/** What a report is made of; everything in it may hold a secret, and none of it may come through. */
export interface DiagnosticsFacts {
  readonly snapshot: ProxySnapshot;
  readonly requests: readonly RequestRecord[];
  readonly editor: {
    readonly name: string;
    readonly version: string;
    readonly remote: string;
    readonly language: string;
  };
  readonly runtime: { readonly node: string; readonly platform: string; readonly arch: string };
  readonly network: NetworkSettings;
  /** Names of proxy variables that are set in the environment. */
  readonly proxyVariables: readonly string[];
  /** Settings that are not at their default. */
  readonly changedSettings: Readonly<Record<string, unknown>>;
  readonly atMs: number;
}

const shownErrors = 20;

/**
 * A report to paste into an issue, in English whatever the editor's language. Accounts are numbered: their names are the
 * user's, and so are base URLs, texts of settings and addresses of network proxies.
 */
export function diagnosticsReport(facts: DiagnosticsFacts): string {
  const { snapshot, requests, editor, runtime, network } = facts;
  const numberOf = (id: string | undefined) => {
    const index = snapshot.accounts.findIndex((account) => account.id === id);
    return index === -1 ? '–' : `#${index + 1}`;
  };
  const accounts = snapshot.accounts.map((account, index) => [
    `#${index + 1}`,
    account.kind,
    account.plan,
    account.state,
    withoutSecrets(account.reason ?? ''),
    account.untilMs === undefined ? '' : time(account.untilMs),
    String(account.requestsToday),
    account.lastError === undefined ? '' : `${account.lastError.code} ${time(account.lastError.atMs)}`,
    account.windows
      .map(({ name, left }) => `${name} ${left === undefined ? '?' : `${Math.floor(left * 100)} %`}`)
      .join(', '),
  ]);
  const errors = requests
    .filter(({ state, attempts }) => (state !== 'open' && state !== 'answered') || attempts.some(({ error }) => error))
    .slice(-shownErrors)
    .map((request) => [
      time(request.startedMs),
      request.dialect,
      request.lane ?? '',
      withoutSecrets(request.modelAsked ?? ''),
      request.state,
      String(request.status ?? ''),
      request.error ?? '',
      request.attempts.map(({ account, error }) => `${numberOf(account)} ${error ?? 'ok'}`).join(' → '),
    ]);
  return [
    '# Qwen Proxy diagnostics',
    '',
    `- Made: ${time(facts.atMs)}`,
    `- Extension: ${snapshot.version}`,
    `- Editor: ${editor.name} ${editor.version}, ${editor.remote}, ${editor.language}`,
    `- Runtime: Node ${runtime.node}, ${runtime.platform} ${runtime.arch}`,
    `- State: ${snapshot.state}, port ${snapshot.port}${isLoopback(snapshot.host) ? '' : ', not on loopback'}`,
    ...(snapshot.gateway
      ? [`- Team gateway: version ${snapshot.gateway.version ?? '?'}, seen as ${snapshot.gateway.scope ?? '?'}`]
      : []),
    ...(snapshot.owner ? [`- Owner: process ${snapshot.owner.pid}, version ${snapshot.owner.version}`] : []),
    ...(snapshot.problem ? [`- Problem: ${snapshot.problem.code}: ${withoutSecrets(snapshot.problem.message)}`] : []),
    `- Network: http.proxySupport ${network.proxySupport}, http.proxy ${network.proxy === '' ? 'not set' : 'set'}, ${network.noProxy.length} exceptions${network.strictSsl ? '' : ', certificates not checked'}, system certificates ${network.systemCertificates ? 'trusted' : 'not used'}, variables: ${facts.proxyVariables.join(', ') || 'none'}`,
    `- Settings changed: ${Object.entries(facts.changedSettings).map(describeSetting).join(', ') || 'none'}`,
    '',
    '## Accounts',
    '',
    table(['', 'Kind', 'Plan', 'State', 'Reason', 'Until', 'Requests today', 'Last error', 'Left'], accounts),
    '',
    '## Last errors',
    '',
    table(['Time', 'Dialect', 'Lane', 'Model', 'State', 'Status', 'Error', 'Attempts'], errors),
    '',
  ].join('\n');
}

/** Numbers and switches as they are; texts may be addresses or names. */
function describeSetting([name, value]: readonly [string, unknown]): string {
  return typeof value === 'boolean' || typeof value === 'number' ? `${name} = ${value}` : `${name} = (set)`;
}

/**
 * A sentence of an upstream without what might be a credential or a person: long words, words after a scheme, addresses.
 */
export function withoutSecrets(text: string): string {
  return text
    .replace(/[a-z][a-z0-9+.-]*:\/\/\S+/gi, '<url>')
    .replace(/\S+@\S+/g, '<address>')
    .replace(/\b(Bearer|Basic)\s+\S+/gi, '<credential>')
    .replace(/\b(?:(?:sk|qp|pk|ak)[-_]|LTAI)[\w*.-]{4,}/gi, '<credential>')
    .replace(/[\w+/=-]{24,}/g, '<long word>')
    .replace(/[|\r\n]+/g, ' ');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return 'none';
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const time = (atMs: number) => new Date(atMs).toISOString();
const isLoopback = (host: string) => /^(localhost|127\.[\d.]+|\[?::1\]?)$/.test(host);
