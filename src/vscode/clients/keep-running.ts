import { writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { findStaleClients } from '../../clients/configure.ts';
import { messageOf } from '../../core/message-of.ts';
import { type App, offer, showLogAction } from '../app.ts';
import { offerRewrites, rewriteClients } from './rewrite.ts';
import {
  findFreePort,
  findNode,
  importAccounts,
  installProgram,
  readServiceOrigin,
  removeService,
  saveServiceOrigin,
  startService,
  waitForService,
} from './service.ts';
import { type ServiceProgram, serviceManager, windowsScript } from './service-files.ts';
import { clientHome, findEndpoint, shortPath } from './surroundings.ts';

/** Sets up a server of this user that needs no window, after the user's own yes; or updates or removes it. */
export async function keepRunning(app: App): Promise<void> {
  const { homeDirectory } = await import('../../gateway/main.ts');
  const home = homeDirectory(process.env);
  const program: ServiceProgram = { ...(await findNode(process.env)), home, folder: join(home, 'service') };
  const present = await readServiceOrigin(app.stateDirectory);
  if (present !== undefined) {
    const wish = await askWhatToDo(present);
    if (wish === 'remove') return remove(app, program);
    if (wish === undefined) return;
  }
  const where = await findEndpoint(app);
  if (where === undefined) return;
  const { port: ownPort, accounts } = app.host.lastSnapshot;
  const count = accounts.filter(({ kind }) => kind === 'api-key').length;
  const origin = present ?? `http://127.0.0.1:${await findFreePort(ownPort + 1)}`;
  if (!(await askConsent({ count, home, origin }))) return;
  const title = vscode.l10n.t('Starting Qwen Proxy outside VS Code…');
  const location = vscode.ProgressLocation.Notification;
  try {
    await vscode.window.withProgress({ location, title }, async () => {
      const dist = vscode.Uri.joinPath(app.extensionUri, 'dist').fsPath;
      await installProgram(program, { dist, settings: settingsOf(new URL(origin).port, where.key) });
      if (count > 0) {
        const kinds = ['api-key'] as const;
        await importAccounts(
          program,
          async (passphrase) => (await app.host.exportAccounts({ passphrase, kinds })).text,
        );
      }
      const manager = managerOf(program);
      if (manager === undefined) return;
      await startService(manager);
      await waitForService(origin);
    });
  } catch (error) {
    return tellFailure(app, program, error);
  }
  await saveServiceOrigin(app.stateDirectory, origin);
  if (managerOf(program) === undefined) return tellScript(program);
  await rewriteClients(app, await findStaleClients(clientHome(app), { origin, key: where.key }), origin);
  const stop = vscode.l10n.t('Run "Qwen: Keep Running Outside VS Code…" again to end it.');
  await vscode.window.showInformationMessage(
    vscode.l10n.t('Your accounts are served at {0}, with or without a window. {1}', origin, stop),
  );
}

function settingsOf(port: string, key: string): Readonly<Record<string, string>> {
  const configuration = vscode.workspace.getConfiguration('qwenProxy');
  return {
    HOST: '127.0.0.1',
    PORT: port,
    API_KEY: configuration.get('requireApiKey') === false ? 'off' : key,
    DEFAULT_MODEL: configuration.get('defaultModel', 'qwen3-coder-plus'),
    ACCOUNT_STRATEGY: configuration.get('accountStrategy', 'fallback'),
  };
}

const managerOf = (program: ServiceProgram) =>
  serviceManager(program, { platform: process.platform, userHome: homedir(), userId: process.getuid?.() ?? 0 });

async function askConsent(facts: { readonly count: number; readonly home: string; readonly origin: string }) {
  const yes = vscode.l10n.t('Copy Accounts and Start');
  const message = vscode.l10n.t('Keep your Qwen accounts served while no window is open?');
  const detail = vscode.l10n.t(
    'The keys of your API-key accounts ({0}) and the key for clients are copied to {1}, readable by you alone, and a service of your user serves them at {2} from now on. Clients configured here are moved to it. Sign-ins stay in this editor: their tokens can have one owner only.',
    facts.count,
    shortPath(facts.home),
    facts.origin,
  );
  return (await vscode.window.showWarningMessage(message, { modal: true, detail }, yes)) === yes;
}

async function askWhatToDo(origin: string): Promise<'update' | 'remove' | undefined> {
  const items = [
    { label: vscode.l10n.t('$(refresh) Update it: program, settings and new accounts'), wish: 'update' as const },
    {
      label: vscode.l10n.t('$(trash) Stop it and remove it; its accounts stay in their folder'),
      wish: 'remove' as const,
    },
  ];
  const title = vscode.l10n.t('Qwen Proxy runs outside VS Code at {0}', origin);
  return (await vscode.window.showQuickPick(items, { title }))?.wish;
}

async function remove(app: App, program: ServiceProgram): Promise<void> {
  const manager = managerOf(program);
  if (manager !== undefined) await removeService(manager, program);
  await saveServiceOrigin(app.stateDirectory, undefined);
  void vscode.window.showInformationMessage(vscode.l10n.t('Qwen Proxy no longer runs outside VS Code.'));
  await offerRewrites(app);
}

/** Without a service manager that would take it, the user still gets the line that starts it. */
async function tellFailure(app: App, { node, folder, isElectron }: ServiceProgram, error: unknown): Promise<void> {
  app.log.error(messageOf(error));
  const line = `cd "${folder}" && ${isElectron ? 'ELECTRON_RUN_AS_NODE=1 ' : ''}"${node}" cli.js serve`;
  const text = vscode.l10n.t(
    'The service could not be started. Accounts and program are in {0}; start it yourself.',
    folder,
  );
  await offer(vscode.window.showErrorMessage, text, [
    { label: vscode.l10n.t('Copy Command'), run: () => vscode.env.clipboard.writeText(line) },
    showLogAction(app),
  ]);
}

async function tellScript(program: ServiceProgram): Promise<void> {
  const path = join(program.folder, 'qwen-proxy.cmd');
  await writeFile(path, windowsScript(program));
  const text = vscode.l10n.t(
    'Put a shortcut to {0} into the Startup folder (Win+R, shell:startup): it starts the server at your next sign-in.',
    path,
  );
  await offer(vscode.window.showInformationMessage, text, [
    {
      label: vscode.l10n.t('Open Folder'),
      run: () => vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(path)),
    },
  ]);
}
