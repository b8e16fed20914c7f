import * as vscode from 'vscode';
import type { ProxySnapshot } from '../core/control.ts';
import type { ServerHost } from './server-host.ts';
import { tooltipCommands, toStatusBarView } from './status-bar-view.ts';

/** Shows the proxy's state at the left of the status bar until disposed. */
export function createStatusBar(host: ServerHost): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('qwenProxy.status', vscode.StatusBarAlignment.Left);
  item.name = 'Qwen Proxy';
  const render = (snapshot: ProxySnapshot) => {
    const view = toStatusBarView(snapshot, vscode.l10n, vscode.env.language);
    const tooltip = new vscode.MarkdownString(view.tooltip, true);
    tooltip.isTrusted = { enabledCommands: tooltipCommands };
    item.text = view.text;
    item.tooltip = tooltip;
    item.command = view.command;
    item.accessibilityInformation = { label: view.label, role: 'button' };
    item.backgroundColor =
      view.background === undefined ? undefined : new vscode.ThemeColor(`statusBarItem.${view.background}Background`);
  };
  render(host.lastSnapshot);
  item.show();
  return vscode.Disposable.from(item, host.onDidChangeSnapshot(render));
}
