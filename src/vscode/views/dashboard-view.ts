import type { ProxySnapshot } from '../../core/control.ts';
import type { AccountView, DashboardAction, DashboardTexts, DashboardView } from '../../webview/dashboard-messages.ts';
import { describeRequests, describeState, describeWindow, windowName } from '../account-text.ts';
import { readinessOf } from '../gateway-text.ts';
import { stateLine } from '../status-bar-view.ts';
import type { Translator } from '../translator.ts';
import type { RowTexts } from './account-node.ts';

/** What the dashboard shows of a snapshot. */
export function toDashboardView(snapshot: ProxySnapshot, nowMs: number, { l10n, locale }: RowTexts): DashboardView {
  const isServing = snapshot.state === 'serving' || snapshot.state === 'following';
  const action = (name: DashboardAction, label: string) => ({ action: name, label });
  const { url, problem, gateway } = snapshot;
  const address = url === undefined ? [] : [`${url}/v1`];
  const replica =
    gateway?.replica === undefined ? [] : [l10n.t('requests and usage of its server {0}', gateway.replica)];
  return {
    title: 'Qwen Proxy',
    service: [stateLine(snapshot, l10n), ...address, ...replica, ...(problem ? [problem.message] : [])].join(' · '),
    locale,
    texts: { ...texts({ l10n, locale }), ...(gateway?.scope === 'client' && { noAccount: ofClient(snapshot, l10n) }) },
    actions: [
      ...(gateway === undefined ? [action('add-account', l10n.t('Add Account'))] : []),
      ...(isServing ? [action('copy-endpoint', l10n.t('Copy Endpoint'))] : []),
      action('copy-key', l10n.t('Copy API Key')),
      ...(gateway === undefined
        ? [isServing ? action('stop', l10n.t('Stop')) : action('start', l10n.t('Start'))]
        : [...(isServing ? [] : [action('start', l10n.t('Try Again'))]), action('disconnect', l10n.t('Disconnect'))]),
      action('show-log', l10n.t('Show Log')),
    ],
    accounts: snapshot.accounts.map((account): AccountView => {
      const { id, label, planLabel, state, fix, windows, requestsToday } = account;
      return {
        id,
        label,
        plan: planLabel,
        state,
        stateText: describeState(account, l10n, locale),
        ...(fix !== undefined && { fix }),
        windows: windows.map((window) => ({
          name: windowName(window.name, l10n),
          text: describeWindow(window, nowMs, l10n, locale),
          ...(window.left !== undefined && { left: window.left }),
        })),
        today: describeRequests(requestsToday, l10n),
      };
    }),
    isInspecting: snapshot.isInspecting === true,
    canInspect: gateway === undefined,
  };
}

/** Accounts are shown to administrators; everybody may know how many can serve. */
function ofClient(snapshot: ProxySnapshot, l10n: Translator): string {
  const { ready, total } = readinessOf(snapshot);
  return l10n.t('{0} of {1} accounts of the gateway are ready. Its administrators see which.', ready, total);
}

function texts({ l10n }: RowTexts): DashboardTexts {
  return {
    accounts: l10n.t('Accounts'),
    noAccount: l10n.t('There is no account yet.'),
    usage: l10n.t('Usage'),
    lastDay: l10n.t('Last 24 hours'),
    lastMonth: l10n.t('Last 30 days'),
    requests: l10n.t('Requests'),
    tokens: l10n.t('Tokens'),
    byAccount: l10n.t('By account'),
    byModel: l10n.t('By model'),
    range: l10n.t('Time range'),
    measure: l10n.t('Count'),
    grouping: l10n.t('Group'),
    asTable: l10n.t('As a table'),
    time: l10n.t('Time'),
    noUsage: l10n.t('Nothing was used in this time.'),
    live: l10n.t('Requests now'),
    noRequests: l10n.t('No request has come yet. Point a client at the endpoint, and watch it here.'),
    client: l10n.t('Client'),
    model: l10n.t('Model'),
    way: l10n.t('Way'),
    attempts: l10n.t('Attempts'),
    firstToken: l10n.t('First token'),
    speed: l10n.t('Tokens/s'),
    cached: l10n.t('From cache'),
    status: l10n.t('Status'),
    inspect: l10n.t('Inspect'),
    keepBodies: l10n.t('Keep request bodies'),
    keepBodiesHint: l10n.t('In memory only, the last 50, with every text replaced by its length.'),
    inspector: l10n.t('Request inspector'),
    clientRequest: l10n.t('What the client sent'),
    upstream: l10n.t('What went upstream'),
    clientAnswer: l10n.t('What the client got'),
    copyCurl: l10n.t('Copy as curl'),
    close: l10n.t('Close'),
    notKept: l10n.t('Nothing was kept of this request. Switch on "Keep request bodies", and send it again.'),
  };
}
