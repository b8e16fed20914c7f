import * as vscode from 'vscode';
import type { ProxySnapshot } from '../core/control.ts';
import type { ServerHost } from './server-host.ts';

/** Keeps what decides which commands and views are offered, and which steps of the walkthrough are done. */
export function createContextKeys(host: ServerHost): vscode.Disposable {
  const known = new Map<string, boolean>();
  const set = (key: string, value: boolean) => {
    if (known.get(key) === value) return;
    known.set(key, value);
    void vscode.commands.executeCommand('setContext', key, value);
  };
  const render = ({ state, accounts, requestsToday, gateway }: ProxySnapshot) => {
    set('qwenProxy.running', state === 'serving' || state === 'following' || state === 'starting');
    set('qwenProxy.isGatewayClient', gateway !== undefined);
    set('qwenProxy.hasAccounts', accounts.length > 0);
    if (requestsToday > 0) set('qwenProxy.hasServed', true);
  };
  render(host.lastSnapshot);
  return host.onDidChangeSnapshot(render);
}
