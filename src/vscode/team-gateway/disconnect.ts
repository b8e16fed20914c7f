import * as vscode from 'vscode';
import type { App } from '../app.ts';
import { forgetGatewayKeys } from '../gateway-keys.ts';
import { parseGatewayUrl } from '../gateway-url.ts';
import { readGatewaySetting, saveGatewaySetting } from '../settings.ts';

/** Forgets the gateway and its keys; windows serve by themselves again. */
export async function disconnectFromGateway(app: App): Promise<void> {
  const setting = readGatewaySetting();
  if (setting === undefined) {
    void vscode.window.showInformationMessage(vscode.l10n.t('This editor uses no team gateway.'));
    return;
  }
  const address = parseGatewayUrl(setting);
  if (typeof address === 'object') await forgetGatewayKeys(app.secrets, address.origin);
  await saveGatewaySetting(undefined);
  void vscode.window.showInformationMessage(
    vscode.l10n.t('This editor no longer uses the team gateway, and has forgotten its key.'),
  );
}
