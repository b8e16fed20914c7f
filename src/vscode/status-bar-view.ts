import type { ProxySnapshot } from '../core/control.ts';
import { isGatewayProblem } from '../core/followed-gateway.ts';
import { accountIcon, describeRequests, describeState, describeWindow, shareBar, shareLeft } from './account-text.ts';
import type { CommandId } from './command-ids.ts';
import { describeGateway, gatewayProblemHeadline, gatewayProblemName, readinessOf } from './gateway-text.ts';
import type { Translator } from './translator.ts';

/** What the status bar item shows. */
export interface StatusBarView {
  readonly text: string;
  /** Spoken instead of the text, whose icons read badly. */
  readonly label: string;
  /** Markdown with theme icons and links to `tooltipCommands`. */
  readonly tooltip: string;
  readonly background?: 'warning' | 'error';
  readonly command: CommandId;
}

/** The only commands a link in the tooltip may run. */
export const tooltipCommands: readonly CommandId[] = [
  'qwenProxy.login',
  'qwenProxy.showAccounts',
  'qwenProxy.showDashboard',
  'qwenProxy.start',
  'qwenProxy.stop',
  'qwenProxy.freePort',
  'qwenProxy.copyEndpoint',
  'qwenProxy.copyApiKey',
  'qwenProxy.connectGateway',
  'qwenProxy.disconnectGateway',
  'qwenProxy.showLog',
];

/** Renders a snapshot; the status bar holds no state of its own. */
export function toStatusBarView(snapshot: ProxySnapshot, l10n: Translator, locale: string): StatusBarView {
  return { ...headline(snapshot, l10n), tooltip: tooltip(snapshot, l10n, locale) };
}

function headline(snapshot: ProxySnapshot, l10n: Translator): Omit<StatusBarView, 'tooltip'> {
  const { accounts, gateway, problem } = snapshot;
  if (problem !== undefined && isGatewayProblem(problem.code)) return gatewayProblemHeadline(problem.code, l10n);
  switch (snapshot.state) {
    case 'starting':
      return { text: '$(sync~spin) Qwen', label: l10n.t('Qwen Proxy is starting'), command: 'qwenProxy.showAccounts' };
    case 'stopped':
      return {
        text: '$(circle-slash) Qwen',
        label: l10n.t('Qwen Proxy is stopped. Press to start it.'),
        command: 'qwenProxy.start',
      };
    case 'error':
      return {
        text: '$(error) Qwen',
        label: l10n.t('Qwen Proxy has a problem: {0}', problemName(snapshot, l10n)),
        background: 'error',
        // Starting again either works or shows the ways out of a taken port.
        command: snapshot.problem?.code === 'crashed' ? 'qwenProxy.showLog' : 'qwenProxy.start',
      };
    case 'following':
    case 'serving': {
      const { ready, total } = readinessOf(snapshot);
      if (total === 0 && gateway === undefined) {
        return {
          text: l10n.t('$(sign-in) Qwen: Login'),
          label: l10n.t('Qwen Proxy has no account. Press to add one.'),
          background: 'warning',
          command: 'qwenProxy.login',
        };
      }
      const able = accounts.filter(({ state }) => state === 'ready');
      const own = gateway?.readiness?.left;
      const left =
        own === undefined
          ? shareLeft(ready > 0 ? able : accounts.filter(({ enabled }) => enabled))
          : Math.floor(own * 100);
      const share = left === undefined ? [] : [l10n.t('{0} % left', left)];
      const counts = [`${ready}/${total}`, ...share].join(' · ');
      const label = [l10n.t('Qwen Proxy: {0} of {1} accounts ready', ready, total), ...share].join(', ');
      const command = gateway === undefined ? 'qwenProxy.showAccounts' : 'qwenProxy.showDashboard';
      return ready > 0
        ? { text: `$(cloud) Qwen ${counts}`, label, command }
        : { text: `$(warning) Qwen ${counts}`, label, background: 'warning', command };
    }
  }
}

function tooltip(snapshot: ProxySnapshot, l10n: Translator, locale: string): string {
  const { problem, url } = snapshot;
  const lines = [`**Qwen Proxy** ${escapeMarkdown(snapshot.version)} · ${stateLine(snapshot, l10n)}`];
  if (url !== undefined) lines.push(`\`${url}/v1\``);
  if (problem !== undefined) lines.push(escapeMarkdown(problem.message));
  for (const account of snapshot.accounts) {
    const facts = [
      account.planLabel,
      describeState(account, l10n, locale),
      describeRequests(account.requestsToday, l10n),
    ];
    lines.push(
      `$(${accountIcon(account)}) **${escapeMarkdown(account.label)}** · ${facts.map(escapeMarkdown).join(' · ')}`,
    );
    const now = Date.now();
    const details = [
      ...account.windows.map((window) => `${shareBar(window)} ${describeWindow(window, now, l10n, locale)}`),
      ...account.obstacles.map(({ model, reason }) => `— ${model}: ${reason}`),
    ];
    lines.push(...details.map(escapeMarkdown));
  }
  if (snapshot.accounts.length > 1)
    lines.push(l10n.t('All accounts: {0}', describeRequests(snapshot.requestsToday, l10n)));
  lines.push(links(snapshot, l10n).join(' · '));
  return lines.join('\n\n');
}

function links({ state, problem, accounts, gateway }: ProxySnapshot, l10n: Translator): string[] {
  const link = (label: string, command: CommandId) => `[${label}](command:${command})`;
  const isServing = state === 'serving' || state === 'following';
  if (gateway !== undefined)
    return [
      ...(isServing
        ? [
            link(l10n.t('Copy Endpoint'), 'qwenProxy.copyEndpoint'),
            link(l10n.t('Copy API Key'), 'qwenProxy.copyApiKey'),
            link(l10n.t('Dashboard'), 'qwenProxy.showDashboard'),
          ]
        : [link(l10n.t('Try Again'), 'qwenProxy.start')]),
      link(l10n.t('Disconnect'), 'qwenProxy.disconnectGateway'),
      link(l10n.t('Show Log'), 'qwenProxy.showLog'),
    ];
  return [
    ...(isServing ? [link(l10n.t('Copy Endpoint'), 'qwenProxy.copyEndpoint')] : []),
    link(l10n.t('Copy API Key'), 'qwenProxy.copyApiKey'),
    link(l10n.t('Dashboard'), 'qwenProxy.showDashboard'),
    accounts.length > 0
      ? link(l10n.t('Accounts'), 'qwenProxy.showAccounts')
      : link(l10n.t('Add Account'), 'qwenProxy.login'),
    ...(problem?.code === 'port_taken' ? [link(l10n.t('Use a Free Port'), 'qwenProxy.freePort')] : []),
    isServing ? link(l10n.t('Stop'), 'qwenProxy.stop') : link(l10n.t('Start'), 'qwenProxy.start'),
    link(l10n.t('Show Log'), 'qwenProxy.showLog'),
  ];
}

/** The state of the proxy in words. */
export function stateLine(snapshot: ProxySnapshot, l10n: Translator): string {
  switch (snapshot.state) {
    case 'starting':
      return l10n.t('starting');
    case 'stopped':
      return l10n.t('stopped');
    case 'serving':
      return l10n.t('serving');
    case 'following':
      if (snapshot.gateway !== undefined) return describeGateway(snapshot.gateway, l10n);
      return l10n.t('served by another window (process {0})', snapshot.owner?.pid ?? 0);
    case 'error':
      return problemName(snapshot, l10n);
  }
}

function problemName({ problem, port }: ProxySnapshot, l10n: Translator): string {
  const code = problem?.code;
  if (code !== undefined && isGatewayProblem(code)) return gatewayProblemName(code, l10n);
  switch (code) {
    case 'port_taken':
      return problem?.owner === undefined
        ? l10n.t('port {0} is taken', port)
        : l10n.t('port {0} is taken by {1}', port, problem.owner);
    case 'crashed':
      return l10n.t('the server ended and is started again');
    case 'failed':
    case undefined:
      return l10n.t('it could not start');
  }
}

/** A user's own label must not become a link, an icon or a line break. */
function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!|<>~$&]/g, '\\$&').replace(/\s+/g, ' ');
}
