import * as vscode from 'vscode';
import type { NetworkSettings } from '../core/network.ts';
import type { ProxySettings } from '../core/settings.ts';
import { gatewaySettingKey, type RefusedSetting, settingsSection, toProxySettings } from './settings-table.ts';

/** The settings as they are now, checked. */
export function readProxySettings(): { settings: ProxySettings; refused: readonly RefusedSetting[] } {
  const configuration = vscode.workspace.getConfiguration(settingsSection);
  const { settings, refused } = toProxySettings((key) => configuration.get(key));
  return { settings: { ...settings, network: readNetworkSettings() }, refused };
}

/** Should the proxy start with the window? */
export function readAutoStart(): boolean {
  return vscode.workspace.getConfiguration(settingsSection).get<unknown>('autoStart') !== false;
}

/** The team gateway whose client this editor is, as it stands there; `undefined` = it serves by itself. */
export function readGatewaySetting(): string | undefined {
  const value = vscode.workspace.getConfiguration(settingsSection).get<unknown>(gatewaySettingKey);
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

export async function saveGatewaySetting(url: string | undefined): Promise<void> {
  const configuration = vscode.workspace.getConfiguration(settingsSection);
  await configuration.update(gatewaySettingKey, url, vscode.ConfigurationTarget.Global);
}

/** Makes `port` the user's fixed port. */
export async function keepPort(port: number): Promise<void> {
  await vscode.workspace.getConfiguration(settingsSection).update('port', port, vscode.ConfigurationTarget.Global);
}

/** Opens the settings editor at one setting, or at all of ours. */
export async function openSettings(id: string = settingsSection): Promise<void> {
  await vscode.commands.executeCommand('workbench.action.openSettings', id);
}

/** Settings of the editor that decide how an upstream is reached. */
export const networkSettingIds = [
  'http.proxy',
  'http.noProxy',
  'http.proxySupport',
  'http.proxyAuthorization',
  'http.proxyStrictSSL',
  'http.systemCertificates',
] as const;

/** The editor's own network settings. */
export function readNetworkSettings(): NetworkSettings {
  const http = vscode.workspace.getConfiguration('http');
  const proxyAuthorization = http.get<string | null>('proxyAuthorization', null);
  return {
    ...(proxyAuthorization && { proxyAuthorization }),
    strictSsl: http.get<boolean>('proxyStrictSSL', true),
    systemCertificates: http.get<boolean>('systemCertificates', true),
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
