import * as vscode from 'vscode';
import type { App } from '../app.ts';
import { readNetworkSettings } from '../settings.ts';
import { editorOnlySettingKeys, settingKeys, settingsSection } from '../settings-table.ts';
import { diagnosticsReport } from './diagnostics-report.ts';

const proxyVariable = /^(https?|all|no)_proxy$/i;

/** Opens a report that can be pasted as it is; nothing is sent anywhere. */
export async function showDiagnostics({ host }: App): Promise<void> {
  const content = diagnosticsReport({
    snapshot: host.lastSnapshot,
    requests: await host.watchRequests().catch(() => []),
    editor: {
      name: vscode.env.appName,
      version: vscode.version,
      remote: remoteKind(vscode.env.remoteName),
      language: vscode.env.language,
    },
    runtime: { node: process.versions.node, platform: process.platform, arch: process.arch },
    network: readNetworkSettings(),
    proxyVariables: Object.keys(process.env).filter((name) => proxyVariable.test(name)),
    changedSettings: changedSettings(),
    atMs: Date.now(),
  });
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ language: 'markdown', content }));
}

/** `wsl`, `ssh-remote` …; an editor in a browser puts the address of its host there. */
function remoteKind(name: string | undefined): string {
  if (name === undefined) return 'local';
  return /^[a-z-]+$/.test(name) ? name : 'remote';
}

function changedSettings(): Readonly<Record<string, unknown>> {
  const configuration = vscode.workspace.getConfiguration(settingsSection);
  const keys = [...Object.values(settingKeys), ...editorOnlySettingKeys];
  const changed = keys.flatMap((key) => {
    const value = configuration.inspect<unknown>(key)?.globalValue;
    return value === undefined ? [] : [[key, value]];
  });
  return Object.fromEntries(changed);
}
