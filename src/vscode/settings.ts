import * as vscode from 'vscode';
import type { ProxySettings } from '../core/settings.ts';
import { type RefusedSetting, settingsSection, toProxySettings } from './settings-table.ts';
import type { NetworkSettings } from './worker-environment.ts';

/** The settings as they are now, checked. */
export function readProxySettings(): { settings: ProxySettings; refused: readonly RefusedSetting[] } {
  const configuration = vscode.workspace.getConfiguration(settingsSection);
  return toProxySettings((key) => configuration.get(key));
}

/** Should the proxy start with the window? */
export function readAutoStart(): boolean {
  return vscode.workspace.getConfiguration(settingsSection).get<unknown>('autoStart') !== false;
}

/** Makes `port` the user's fixed port. */
export async function keepPort(port: number): Promise<void> {
  await vscode.workspace.getConfiguration(settingsSection).update('port', port, vscode.ConfigurationTarget.Global);
}

/** Opens the settings editor at one setting, or at all of ours. */
export async function openSettings(id: string = settingsSection): Promise<void> {
  await vscode.commands.executeCommand('workbench.action.openSettings', id);
}

/** The editor's own network settings, as far as they say which HTTP proxy to use. */
export function readNetworkSettings(): NetworkSettings {
  const http = vscode.workspace.getConfiguration('http');
  return {
    proxy: http.get<string>('proxy', ''),
    noProxy: http.get<string[]>('noProxy', []),
    proxySupport: http.get<string>('proxySupport', 'override'),
  };
}

/** Tells which settings are not used and opens them on a click. Each one is told once per window. */
export function createSettingsReporter(log: vscode.LogOutputChannel): (refused: readonly RefusedSetting[]) => void {
  const told = new Set<string>();
  return (refused) => {
    for (const { id, reason, message } of refused) {
      if (told.has(message)) continue;
      told.add(message);
      log.warn(`${message}; the default is used`);
      const text =
        reason === 'remote-host'
          ? vscode.l10n.t(
              '{0} must be an address of this machine, such as 127.0.0.1; the default is used. To serve other machines, run the proxy headless.',
              id,
            )
          : vscode.l10n.t('The default is used for a setting: {0}.', message);
      void offerToOpen(text, id);
    }
  };
}

async function offerToOpen(text: string, id: string): Promise<void> {
  const open = vscode.l10n.t('Open Setting');
  if ((await vscode.window.showWarningMessage(text, open)) === open) await openSettings(id);
}
