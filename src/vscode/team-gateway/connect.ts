import * as vscode from 'vscode';
import { gatewayPaths } from '../../core/gateway-protocol.ts';
import { isJsonObject, objectItems } from '../../core/json.ts';
import { type App, offer, showLogAction } from '../app.ts';
import { ask } from '../ask.ts';
import { type GatewayKeys, storeGatewayKeys } from '../gateway-keys.ts';
import { describeUrlFault } from '../gateway-text.ts';
import { type GatewayAddress, parseGatewayUrl } from '../gateway-url.ts';
import { readGatewaySetting, saveGatewaySetting } from '../settings.ts';
import { GatewayFault, type GatewayPlace, readGateway } from './gateway-request.ts';

const answerTimeoutMs = 20_000;

/** Asks where the gateway is and for its key, tries both, and keeps them; the setting makes every window follow. */
export async function connectToGateway(app: App): Promise<void> {
  const address = await askAddress(app);
  if (address === undefined) return;
  const title = vscode.l10n.t('Team gateway {0}', address.url);
  for (;;) {
    const keys = await askKeys(title);
    if (keys === undefined) return;
    const place: GatewayPlace = { url: address.url, keys, userAgent: `QwenProxy/${app.host.lastSnapshot.version}` };
    try {
      const count = await vscode.window.withProgress(
        { location: vscode.ProgressLocation.Notification, title: vscode.l10n.t('Asking the team gateway…') },
        () => check(place),
      );
      await adopt(app, address, keys);
      void vscode.window.showInformationMessage(
        vscode.l10n.t('This editor now uses the team gateway {0}: {1} models.', address.url, count),
      );
      return;
    } catch (error) {
      if (!(error instanceof GatewayFault)) throw error;
      app.log.warn(error.message);
      if (!(await wantsAgain(app, error))) return;
    }
  }
}

/** The address of the settings where only the key is wanting, else what the user enters. */
async function askAddress(app: App): Promise<GatewayAddress | undefined> {
  const setting = readGatewaySetting();
  const known = parseGatewayUrl(setting ?? '');
  const problem = app.host.lastSnapshot.problem?.code;
  if (typeof known === 'object' && (problem === 'gateway_key_missing' || problem === 'gateway_key_refused'))
    return known;
  const faultOf = (text: string) => {
    const read = parseGatewayUrl(text);
    return typeof read === 'string' ? describeUrlFault(read, vscode.l10n) : undefined;
  };
  const text = await ask({
    title: vscode.l10n.t('Qwen: Connect to a Team Gateway'),
    prompt: vscode.l10n.t('Address of the gateway, as its administrator told you'),
    placeholder: 'https://qwen.example.com',
    validate: faultOf,
    ...(setting !== undefined && { value: setting }),
  });
  const read = text === undefined ? undefined : parseGatewayUrl(text);
  return typeof read === 'object' ? read : undefined;
}

async function askKeys(title: string): Promise<GatewayKeys | undefined> {
  const isKey = (text: string) => /^[\x21-\x7e]+$/.test(text);
  const fault = vscode.l10n.t('A key has no spaces, and only letters, digits and signs.');
  const clientKey = await ask({
    title,
    prompt: vscode.l10n.t('Your client key. It is kept in the secret storage, for this address alone.'),
    password: true,
    validate: (text) => (isKey(text) ? undefined : fault),
  });
  if (clientKey === undefined) return undefined;
  const adminKey = await ask({
    title,
    prompt: vscode.l10n.t(
      'Administrators only: the admin key, which shows accounts and all requests. Else press Enter.',
    ),
    password: true,
    validate: (text) => (text === '' || isKey(text) ? undefined : fault),
  });
  return adminKey === undefined ? undefined : { clientKey, ...(adminKey !== '' && { adminKey }) };
}

/** @returns how many models there are. @throws GatewayFault */
async function check(place: GatewayPlace): Promise<number> {
  const signal = AbortSignal.timeout(answerTimeoutMs);
  const { serves, scope } = await readGateway(place, gatewayPaths.state, signal);
  if (serves !== true)
    throw new GatewayFault(
      'gateway_key_refused',
      vscode.l10n.t('This is no client key. Ask the administrator for a key of your own.'),
    );
  if (place.keys.adminKey !== undefined && scope !== 'admin')
    throw new GatewayFault('gateway_key_refused', vscode.l10n.t('This is not the admin key of the gateway.'));
  const { clientKey } = place.keys;
  const list = await readGateway({ ...place, keys: { clientKey } }, '/v1/models', signal);
  return isJsonObject(list) ? objectItems(list, 'data').length : 0;
}

/** The keys first: who follows the setting finds them. */
async function adopt(app: App, { url, origin }: GatewayAddress, keys: GatewayKeys): Promise<void> {
  await storeGatewayKeys(app.secrets, origin, keys);
  const before = readGatewaySetting();
  // A change of the setting is followed by itself.
  if (before === url) await app.host.restart();
  else await saveGatewaySetting(url);
}

async function wantsAgain(app: App, { message }: GatewayFault): Promise<boolean> {
  let isWanted = false;
  await offer(vscode.window.showErrorMessage, message, [
    {
      label: vscode.l10n.t('Try Again'),
      run: () => {
        isWanted = true;
      },
    },
    showLogAction(app),
  ]);
  return isWanted;
}
