import * as vscode from 'vscode';
import type { RequestRecord, UsageQuery } from '../../core/activity.ts';
import type { ProxySnapshot } from '../../core/control.ts';
import { createUsageBuckets, type UsageBuckets } from '../../core/usage-buckets.ts';
import type { ChartQuery, DashboardAction, DashboardHostMessage } from '../../webview/dashboard-messages.ts';
import { type App, showFailure } from '../app.ts';
import type { CommandId } from '../command-ids.ts';
import { webviewAssets, webviewPage } from '../webview-page.ts';
import type { RowTexts } from './account-node.ts';
import { parsePageMessage } from './dashboard-page-message.ts';
import { toDashboardView } from './dashboard-view.ts';
import { toCurl, toInspectorView } from './inspector-view.ts';
import { toRequestRow } from './request-row.ts';
import { toChartView, usageQuery } from './usage-chart.ts';

/** Changes of this long become one drawing of the chart. */
const redrawMs = 1_000;

const commands: Readonly<Record<DashboardAction, CommandId>> = {
  'add-account': 'qwenProxy.addAccount',
  'copy-endpoint': 'qwenProxy.copyEndpoint',
  'copy-key': 'qwenProxy.copyApiKey',
  start: 'qwenProxy.start',
  stop: 'qwenProxy.stop',
  'show-log': 'qwenProxy.showLog',
  disconnect: 'qwenProxy.disconnectGateway',
};

const serverOf = ({ gateway }: ProxySnapshot) => JSON.stringify([gateway?.url, gateway?.scope]);

/** The dashboard; one per window. It is told what changes and asks for nothing by the clock. */
export interface Dashboard extends vscode.Disposable {
  reveal(): void;
}

export function createDashboard(app: App): Dashboard {
  const { host } = app;
  const texts: RowTexts = { l10n: vscode.l10n, locale: vscode.env.language };
  const labelOf = (id: string) => host.lastSnapshot.accounts.find((account) => account.id === id)?.label ?? id;
  let panel: vscode.WebviewPanel | undefined;
  let chart: ChartQuery = { range: 'day', measure: 'requests', by: 'account' };
  let usage: { readonly query: UsageQuery; readonly buckets: UsageBuckets } | undefined;
  let redraw: NodeJS.Timeout | undefined;
  /** Whose requests and usage are shown. */
  let shownServer: string | undefined;
  /** Requests that were counted as they were told. */
  const counted = new Set<string>();

  const post = (message: DashboardHostMessage) => void panel?.webview.postMessage(message);
  const postView = () => post({ type: 'view', view: toDashboardView(host.lastSnapshot, Date.now(), texts) });
  const rowsOf = (records: readonly RequestRecord[]) => records.map((record) => toRequestRow(record, labelOf, texts));
  const postRequests = (records: readonly RequestRecord[]) => post({ type: 'requests', rows: rowsOf(records) });
  const postChart = () => {
    if (usage === undefined) return;
    const { query, buckets } = usage;
    const facts = { query, nowMs: Date.now(), labelOf, texts };
    post({ type: 'chart', chart: toChartView(buckets.list(), chart, facts) });
  };

  async function loadUsage(): Promise<void> {
    const query = usageQuery(chart.range, Date.now(), -new Date().getTimezoneOffset());
    const known = await host.usageSummary(query);
    usage = { query, buckets: createUsageBuckets(query, known) };
    counted.clear();
    postChart();
  }

  function count(records: readonly RequestRecord[]): void {
    for (const {
      id,
      startedMs,
      durationMs,
      state,
      account,
      model,
      inputTokens,
      outputTokens,
      cachedTokens,
    } of records) {
      if (state === 'open' || durationMs === undefined || usage === undefined || counted.has(id)) continue;
      const atMs = startedMs + durationMs;
      if (atMs <= usage.query.untilMs) continue;
      counted.add(id);
      usage.buckets.add({ atMs, account, model, outcome: state, inputTokens, outputTokens, cachedTokens });
      redraw ??= setTimeout(() => {
        redraw = undefined;
        postChart();
      }, redrawMs);
    }
  }

  /** Begins anew with what another server tells; the page stays. */
  async function followServer(): Promise<void> {
    const { state } = host.lastSnapshot;
    const now = serverOf(host.lastSnapshot);
    if (now === shownServer || (state !== 'serving' && state !== 'following')) return;
    shownServer = now;
    post({ type: 'requests', rows: rowsOf(await host.watchRequests(true)), isWhole: true });
    await loadUsage();
  }

  async function inspect(id: string): Promise<void> {
    const found = await host.inspectRequest(id);
    post({ type: 'inspected', ...(found && { view: toInspectorView(found, labelOf, texts) }) });
  }

  async function copyCurl(id: string): Promise<void> {
    const found = await host.inspectRequest(id);
    if (found === null) return post({ type: 'inspected' });
    const { url, host: address, port } = host.lastSnapshot;
    await vscode.env.clipboard.writeText(toCurl(found, url ?? `http://${address}:${port}`));
    const text = vscode.l10n.t('Copied. Put the key that clients send into QWEN_PROXY_KEY before you run it.');
    void vscode.window.showInformationMessage(text);
  }

  async function receive(value: unknown): Promise<void> {
    const message = parsePageMessage(value);
    switch (message?.type) {
      case undefined:
        return;
      case 'ready':
        // Also after the page was hidden and built anew.
        chart = message.query;
        postView();
        shownServer = serverOf(host.lastSnapshot);
        postRequests(await host.watchRequests(true));
        return loadUsage();
      case 'action':
        await vscode.commands.executeCommand(commands[message.action]);
        return;
      case 'chart': {
        const isSame = message.query.range === chart.range;
        chart = message.query;
        return isSame ? postChart() : loadUsage();
      }
      case 'inspecting':
        return host.setInspecting(message.isOn);
      case 'inspect':
        return inspect(message.id);
      case 'copy-curl':
        return copyCurl(message.id);
    }
  }

  function open(): vscode.WebviewPanel {
    const title = vscode.l10n.t('Qwen Dashboard');
    const options = { enableScripts: true, localResourceRoots: [webviewAssets(app.extensionUri)] };
    const made = vscode.window.createWebviewPanel('qwenProxy.dashboard', title, vscode.ViewColumn.Active, options);
    made.iconPath = vscode.Uri.joinPath(app.extensionUri, 'media', 'icon.png');
    const subscriptions = [
      host.onDidChangeSnapshot(() => {
        postView();
        void followServer().catch((error) => app.log.warn(String(error)));
      }),
      host.onDidChangeRequests((records) => {
        postRequests(records);
        count(records);
      }),
      made.webview.onDidReceiveMessage((message: unknown) =>
        receive(message).catch((error) => showFailure(app, error)),
      ),
    ];
    made.onDidDispose(() => {
      for (const subscription of subscriptions) subscription.dispose();
      clearTimeout(redraw);
      redraw = undefined;
      panel = undefined;
      void host.watchRequests(false).catch(() => {});
    });
    made.webview.html = webviewPage(made.webview, app.extensionUri, 'dashboard', title);
    return made;
  }

  return {
    reveal() {
      if (panel === undefined) panel = open();
      else panel.reveal();
    },
    dispose: () => panel?.dispose(),
  };
}
