import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import type { Client, ClientFile, Endpoint } from '../../clients/client.ts';
import { writeClient } from '../../clients/configure.ts';
import { findProgram } from '../../clients/detect.ts';
import { type EditPlan, planEdit } from '../../clients/plan-edit.ts';
import { baseUrlOf } from '../../clients/verify.ts';
import { type App, offer } from '../app.ts';
import { pickClient, pickModel } from './pick.ts';
import { withDiff } from './show-diff.ts';
import { clientHome, findEndpoint, listModels, shortPath } from './surroundings.ts';
import { testClient } from './tell-verdict.ts';

const commandTimeoutMs = 60_000;

/** Points a client at the proxy: shows what would be written, writes it on a click, and tries it. */
export async function configureClient(app: App, wanted?: Client): Promise<void> {
  const where = await findEndpoint(app);
  if (where === undefined) return;
  const client = wanted ?? (await pickClient(app, where.origin));
  if (client === undefined) return;
  const isInPicker = client.id === 'copilot-chat' && vscode.lm !== undefined;
  if (isInPicker && !(await wantsEndpointToo())) return;
  const model = await pickModel(client, await listModels(where));
  if (model === undefined) return;
  const endpoint = { ...where, model };
  if (client.file !== undefined) return editFile(app, { client, file: client.file, endpoint });
  const command = client.command?.(endpoint);
  const program = command && (await findRunnable(command.program));
  if (command && program !== undefined) return runCommand(app, { client, endpoint, program, words: command.arguments });
  return copySnippet(app, client, endpoint);
}

async function editFile(
  app: App,
  { client, file, endpoint }: { readonly client: Client; readonly file: ClientFile; readonly endpoint: Endpoint },
): Promise<void> {
  const home = clientHome(app);
  const plan = await planEdit(file, home.folders, endpoint);
  if (plan.kind === 'refused') return offerSnippet(app, { client, endpoint, reason: refusal(plan) });
  const { path, realPath, text } = plan.file;
  if (plan.kind === 'edit') {
    const title = vscode.l10n.t('{0}: {1}, now and with Qwen Proxy', client.name, shortPath(path));
    const view = { title, path, before: text ?? '', after: plan.after, secret: endpoint.key };
    const answer = await withDiff(view, () => askToWrite(client, text !== undefined));
    if (answer === undefined) return;
    if (answer === 'copy') return copySnippet(app, client, endpoint);
    await writeClient(home, { client, path: realPath, before: text, after: plan.after, origin: endpoint.origin });
    app.log.info(`Configured ${client.name}: ${realPath}`);
  }
  const setting = file.read(plan.kind === 'edit' ? plan.after : (text ?? ''));
  const done = vscode.l10n.t('{0} is configured.', client.name);
  const { key, model } = endpoint;
  const said = { baseUrl: baseUrlOf(client.wire, endpoint.origin), key, model: model.id, ...setting };
  await testClient(app, client, { done, setting: said });
}

async function askToWrite(client: Client, isThere: boolean): Promise<'write' | 'copy' | undefined> {
  const items = [
    {
      label: vscode.l10n.t('$(check) Write this and test it'),
      detail: isThere
        ? vscode.l10n.t('A copy of the file is kept beside it; "Qwen: Undo Client Configuration…" brings it back.')
        : vscode.l10n.t('The file is new; "Qwen: Undo Client Configuration…" removes it.'),
      answer: 'write' as const,
    },
    { label: vscode.l10n.t('$(copy) Copy the settings instead'), answer: 'copy' as const },
  ];
  const placeHolder = vscode.l10n.t('Look at the changes. Escape leaves the file as it is.');
  return (await vscode.window.showQuickPick(items, { title: client.name, placeHolder, ignoreFocusOut: true }))?.answer;
}

function refusal({ file, reason }: Extract<EditPlan, { kind: 'refused' }>): string {
  switch (reason) {
    case 'unreadable':
      return vscode.l10n.t('{0} cannot be read as it is, so it was not touched.', shortPath(file.path));
    case 'repository':
      return vscode.l10n.t(
        '{0} belongs to a repository, where no key should be; it was not touched.',
        shortPath(file.realPath),
      );
    case 'hides-other':
      return vscode.l10n.t(
        'A new {0} would hide the older settings beside it, so none was made.',
        shortPath(file.path),
      );
  }
}

async function offerSnippet(
  app: App,
  { client, endpoint, reason }: { readonly client: Client; readonly endpoint: Endpoint; readonly reason: string },
): Promise<void> {
  await offer(vscode.window.showWarningMessage, reason, [
    { label: vscode.l10n.t('Copy Settings'), run: () => copySnippet(app, client, endpoint) },
  ]);
}

async function copySnippet(app: App, client: Client, endpoint: Endpoint): Promise<void> {
  const { text, place } = client.snippet(endpoint);
  await vscode.env.clipboard.writeText(text);
  const done = vscode.l10n.t('The settings for {0} are in the clipboard.', place);
  await testClient(app, client, { done, setting: settingOf(client, endpoint) });
}

async function runCommand(
  app: App,
  {
    client,
    endpoint,
    program,
    words,
  }: {
    readonly client: Client;
    readonly endpoint: Endpoint;
    readonly program: string;
    readonly words: readonly string[];
  },
): Promise<void> {
  const shown = `${client.commands[0]} ${words[0]}`;
  const items = [
    { label: vscode.l10n.t('$(terminal) Run "{0}" and test it', shown), isRun: true },
    { label: vscode.l10n.t('$(copy) Copy the settings instead'), isRun: false },
  ];
  const chosen = await vscode.window.showQuickPick(items, { title: client.name, ignoreFocusOut: true });
  if (chosen === undefined) return;
  if (!chosen.isRun) return copySnippet(app, client, endpoint);
  try {
    await promisify(execFile)(program, [...words], { timeout: commandTimeoutMs });
  } catch (error) {
    // Neither its message nor its output may be shown: the key is among the words of the call.
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const reason = vscode.l10n.t('"{0}" failed ({1}).', shown, code);
    return offerSnippet(app, { client, endpoint, reason });
  }
  const done = vscode.l10n.t('{0} is configured.', client.name);
  await testClient(app, client, { done, setting: settingOf(client, endpoint) });
}

const settingOf = (client: Client, { origin, key, model }: Endpoint) => ({
  baseUrl: baseUrlOf(client.wire, origin),
  key,
  model: model.id,
});

/** A script of Windows needs a shell, and a shell has a history. */
async function findRunnable(name: string): Promise<string | undefined> {
  return process.platform === 'win32' ? undefined : findProgram(name, process.env);
}

async function wantsEndpointToo(): Promise<boolean> {
  const text = vscode.l10n.t(
    'The models of your accounts are in the model picker of the chat already; nothing has to be configured.',
  );
  const copy = vscode.l10n.t('Copy Custom Endpoint');
  return (await vscode.window.showInformationMessage(text, copy)) === copy;
}
