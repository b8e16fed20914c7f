import * as vscode from 'vscode';
import type { Client, ClientModel, Endpoint } from '../../clients/client.ts';
import { type DetectedClient, detectClients } from '../../clients/detect.ts';
import { clients } from '../../clients/table.ts';
import type { App } from '../app.ts';
import { clientHome, shortPath } from './surroundings.ts';

/** Asks for a client; those that are there come first, with how they are configured now. */
export async function pickClient(app: App, origin: string): Promise<Client | undefined> {
  const { folders } = clientHome(app);
  const isThere = new Set(vscode.extensions.all.map(({ id }) => id.toLowerCase()));
  const found = await detectClients(clients, folders, (id) => isThere.has(id));
  const toItem = (detected: DetectedClient) => ({
    label: detected.client.name,
    description: describe(detected, origin),
    detail: explain(detected.client, folders),
    client: detected.client,
  });
  const separator = (label: string) => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const [here, others] = [true, false].map((wanted) =>
    found.filter(({ isInstalled }) => isInstalled === wanted).map(toItem),
  );
  const items: (vscode.QuickPickItem & { client?: Client })[] = [
    ...(here?.length ? [separator(vscode.l10n.t('Found on this machine')), ...here] : []),
    separator(vscode.l10n.t('Others')),
    ...(others ?? []),
  ];
  const chosen = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t('Which client shall use your Qwen accounts?'),
    placeHolder: vscode.l10n.t('Nothing is written before you have seen it.'),
    matchOnDescription: true,
  });
  return chosen?.client;
}

/** Asks for a model; a single one needs no question. */
export async function pickModel(client: Client, models: readonly ClientModel[]): Promise<ClientModel | undefined> {
  if (models.length <= 1) return models[0];
  const items = models.map((model) => ({
    label: model.id,
    description: model.name === model.id ? '' : model.name,
    model,
  }));
  const title = vscode.l10n.t('Which model shall {0} use?', client.name);
  return (await vscode.window.showQuickPick(items, { title, matchOnDescription: true }))?.model;
}

function describe({ isInstalled, setting }: DetectedClient, origin: Endpoint['origin']): string {
  if (setting?.baseUrl?.startsWith(`${origin}/`)) return vscode.l10n.t('uses this proxy');
  if (setting?.baseUrl !== undefined) return vscode.l10n.t('uses {0}', setting.baseUrl);
  return isInstalled ? vscode.l10n.t('found') : '';
}

function explain(client: Client, folders: ReturnType<typeof clientHome>['folders']): string {
  const [path] = client.file?.paths(folders) ?? [];
  if (path !== undefined) return vscode.l10n.t('Edits {0}', shortPath(path));
  if (client.id === 'copilot-chat') return vscode.l10n.t('Has your models in its model picker already');
  const nothing = { origin: '', key: '', model: { id: '', name: '' } };
  return vscode.l10n.t('Copies the settings for {0}', client.snippet(nothing).place);
}
