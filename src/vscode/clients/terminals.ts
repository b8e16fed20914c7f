import * as vscode from 'vscode';
import { claudeCode } from '../../clients/claude-code.ts';
import { readSetting } from '../../clients/plan-edit.ts';
import { type App, offer } from '../app.ts';
import { startProxy } from '../lifecycle.ts';
import { configureClient } from './configure.ts';
import { clientHome } from './surroundings.ts';
import { type TerminalChoice, terminalVariables, toTerminalChoice } from './terminal-variables.ts';

/** Keeps the variables of this window's terminals right until disposed. */
export function createTerminalVariables(
  app: App,
  collection: vscode.EnvironmentVariableCollection,
): vscode.Disposable & { update(): Promise<void> } {
  // A cached collection would be applied before this extension runs, with a port that nobody may serve.
  collection.persistent = false;
  let applied = '{}';
  let isWarned = false;

  async function update(): Promise<void> {
    const choice = readChoice();
    const { url } = app.host.lastSnapshot;
    const isOn = choice !== 'off' && url !== undefined;
    const variables = isOn ? terminalVariables(choice, { origin: url, key: await app.host.localKey() }) : {};
    const now = JSON.stringify(variables);
    // Every change marks the open terminals as outdated.
    if (now === applied) return;
    applied = now;
    collection.clear();
    collection.description = vscode.l10n.t('Programs in this terminal use your Qwen accounts through Qwen Proxy.');
    for (const [name, value] of Object.entries(variables)) collection.replace(name, value);
    if ('ANTHROPIC_BASE_URL' in variables && !isWarned) {
      isWarned = true;
      await warnOfOverride(app, variables.ANTHROPIC_BASE_URL);
    }
  }

  const watch = app.host.onDidChangeSnapshot(() => void update().catch((error) => app.log.warn(String(error))));
  return {
    update,
    dispose() {
      watch.dispose();
      collection.clear();
    },
  };
}

/** A terminal that uses the proxy, whatever the setting says; the proxy is started if it is not running. */
export async function createQwenShell(app: App): Promise<vscode.TerminalProfile> {
  if (app.host.lastSnapshot.url === undefined) await startProxy(app);
  const { url } = app.host.lastSnapshot;
  if (url === undefined) throw new Error(vscode.l10n.t('Qwen Proxy is not running.'));
  const env = terminalVariables('both', { origin: url, key: await app.host.localKey() });
  void warnOfOverride(app, env.ANTHROPIC_BASE_URL).catch((error) => app.log.warn(String(error)));
  return new vscode.TerminalProfile({ name: 'Qwen', env, iconPath: new vscode.ThemeIcon('cloud') });
}

const readChoice = (): TerminalChoice =>
  toTerminalChoice(vscode.workspace.getConfiguration('qwenProxy').get('terminal.environment'));

/** Claude Code takes its settings before the terminal's variables. */
async function warnOfOverride(app: App, ours: string | undefined): Promise<void> {
  const setting = await readSetting(claudeCode, clientHome(app).folders);
  if (setting?.baseUrl === undefined || setting.baseUrl === ours) return;
  const text = vscode.l10n.t(
    'Claude Code will not follow the terminal: its own settings say {0}, and they win.',
    setting.baseUrl,
  );
  await offer(vscode.window.showWarningMessage, text, [
    { label: vscode.l10n.t('Configure Claude Code'), run: () => configureClient(app, claudeCode) },
  ]);
}
