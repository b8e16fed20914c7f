import { homedir } from 'node:os';
import * as vscode from 'vscode';
import type { ClientModel, Endpoint } from '../../clients/client.ts';
import type { ClientHome } from '../../clients/configure.ts';
import { readAll, sendRequest } from '../../clients/http-request.ts';
import { isJsonObject, numberField, objectItems, parseJson, stringField } from '../../core/json.ts';
import { type App, offer } from '../app.ts';
import { startProxy } from '../lifecycle.ts';

const listTimeoutMs = 15_000;

/** This user's folders, on the machine where the extension host runs: there the clients run too. */
export function clientHome(app: App): ClientHome {
  return { stateDirectory: app.stateDirectory, folders: { home: homedir(), environment: process.env } };
}

/** A path as people write it, with `~` for the home folder. */
export function shortPath(path: string): string {
  const home = homedir();
  return path.startsWith(`${home}/`) || path.startsWith(`${home}\\`) ? `~${path.slice(home.length)}` : path;
}

/** Address and key that clients need; where there is nothing to go to, the user is told and gets `undefined`. */
export async function findEndpoint(app: App): Promise<Omit<Endpoint, 'model'> | undefined> {
  const { url, accounts, gateway } = app.host.lastSnapshot;
  if (url === undefined) {
    await offer(vscode.window.showWarningMessage, vscode.l10n.t('Qwen Proxy is not running.'), [
      { label: vscode.l10n.t('Start'), run: () => startProxy(app) },
    ]);
    return undefined;
  }
  if (accounts.length === 0 && gateway === undefined) {
    const text = vscode.l10n.t('There is no account yet. Run "Qwen: Login" to add one.');
    await offer(vscode.window.showInformationMessage, text, [
      { label: vscode.l10n.t('Add Account'), run: () => vscode.commands.executeCommand('qwenProxy.login') },
    ]);
    return undefined;
  }
  return { origin: url, key: await app.host.localKey() };
}

/** The models of the accounts, the default one first. */
export async function listModels({ origin, key }: Omit<Endpoint, 'model'>): Promise<readonly ClientModel[]> {
  const headers = { authorization: `Bearer ${key}` };
  const signal = AbortSignal.timeout(listTimeoutMs);
  const answer = await sendRequest({ method: 'GET', url: `${origin}/v1/models`, headers, signal });
  const list = parseJson(await readAll(answer));
  const models = isJsonObject(list) ? objectItems(list, 'data').flatMap(toModel) : [];
  const preferred = vscode.workspace.getConfiguration('qwenProxy').get('defaultModel');
  return models.toSorted((a, b) => Number(b.id === preferred) - Number(a.id === preferred));
}

function toModel(model: Parameters<typeof stringField>[0]): ClientModel[] {
  const id = stringField(model, 'id');
  if (id === undefined || model.mode === 'embedding') return [];
  const contextWindow = numberField(model, 'context_window');
  const maxOutput = numberField(model, 'max_output_tokens');
  const vision = model.supports_vision;
  return [
    {
      id,
      name: stringField(model, 'name') ?? id,
      ...(contextWindow !== undefined && { contextWindow }),
      ...(maxOutput !== undefined && { maxOutput }),
      ...(typeof vision === 'boolean' && { vision }),
    },
  ];
}
