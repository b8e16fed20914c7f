import * as vscode from 'vscode';
import type { Client, ClientSetting } from '../../clients/client.ts';
import { type ClientVerdict, verifyClient } from '../../clients/verify.ts';
import { type App, offer, showLogAction } from '../app.ts';
import { keepRunning } from './keep-running.ts';

/** One real request as the client will make it, and what came of it. `done` says what was done before. */
export async function testClient(
  app: App,
  client: Client,
  { done, setting }: { readonly done: string; readonly setting: Required<ClientSetting> },
): Promise<void> {
  const title = vscode.l10n.t('Testing {0}…', client.name);
  const location = vscode.ProgressLocation.Notification;
  const userAgent = `QwenProxy/${app.host.lastSnapshot.version}`;
  const verdict = await vscode.window.withProgress({ location, title }, () =>
    verifyClient(client.wire, setting, { userAgent, now: () => performance.now() }),
  );
  if (!verdict.ok && !verdict.isForToolsOnly) {
    app.log.warn(`The test of ${client.name} failed: ${verdict.message}`);
    const failed = vscode.l10n.t('{0} But its test failed: {1}', done, verdict.message);
    return offer(vscode.window.showWarningMessage, failed, [showLogAction(app)]);
  }
  const works = `${done} ${praise(verdict, setting.model)}`;
  // A gateway is there without this editor.
  if (app.host.lastSnapshot.gateway !== undefined) return offer(vscode.window.showInformationMessage, works, []);
  // Who reads "it works" here would look for the fault elsewhere on the day the editor is closed.
  const limit = vscode.l10n.t('It works while a window of this editor is open.');
  await offer(vscode.window.showInformationMessage, `${works} ${limit}`, [
    { label: vscode.l10n.t('Keep Running Outside VS Code'), run: () => keepRunning(app) },
  ]);
}

function praise({ isForToolsOnly, durationMs }: ClientVerdict, model: string): string {
  return isForToolsOnly
    ? vscode.l10n.t('Address and key are right; the plan answers coding tools only, so the client itself has to try.')
    : vscode.l10n.t('{0} answered in {1} ms.', model, Math.round(durationMs));
}
