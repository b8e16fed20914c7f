import * as vscode from 'vscode';
import { type App, offer, showLogAction } from '../app.ts';
import { openSettings } from '../settings.ts';
import { gatewaySettingKey, settingsSection } from '../settings-table.ts';

/** Tries the gateway now, and says what stands in the way. */
export async function retryGateway(app: App): Promise<void> {
  const { state, problem } = await app.host.start();
  if (state !== 'error' || problem === undefined) return;
  const isKey = problem.code === 'gateway_key_missing' || problem.code === 'gateway_key_refused';
  await offer(vscode.window.showErrorMessage, problem.message, [
    isKey
      ? {
          label: vscode.l10n.t('Enter Key'),
          run: () => vscode.commands.executeCommand('qwenProxy.connectGateway'),
        }
      : {
          label: vscode.l10n.t('Open Settings'),
          run: () => openSettings(`${settingsSection}.${gatewaySettingKey}`),
        },
    showLogAction(app),
  ]);
}
