import * as vscode from 'vscode';
import type { ProxySnapshot } from '../core/control.ts';
import { isGatewayProblem } from '../core/followed-gateway.ts';
import { type App, offer, showLogAction } from './app.ts';
import { keepPort, openSettings } from './settings.ts';

/** Serves on the port of the settings, or tries to follow the gateway now. */
export async function startProxy(app: App): Promise<void> {
  if (app.host.lastSnapshot.gateway !== undefined) return (await import('./team-gateway/main.ts')).retryGateway(app);
  await tellProblem(app, await app.host.start());
}

/** Serves again, with a new server thread. */
export async function restartProxy(app: App): Promise<void> {
  const title = vscode.l10n.t('Restarting Qwen Proxy…');
  const location = vscode.ProgressLocation.Window;
  await tellProblem(app, await vscode.window.withProgress({ location, title }, () => app.host.restart()));
}

/** Takes a port nobody has, for this session; keeping it is the user's decision, because clients know the old one. */
export async function useFreePort(app: App): Promise<void> {
  const snapshot = await app.host.start({ port: 0 });
  await tellProblem(app, snapshot);
  if (snapshot.state !== 'serving' || snapshot.url === undefined) return;
  const { port, url } = snapshot;
  const text = vscode.l10n.t('Qwen Proxy now serves on {0}. Clients need this address.', `${url}/v1`);
  await offer(vscode.window.showInformationMessage, text, [
    { label: vscode.l10n.t('Keep This Port'), run: () => keepPort(port) },
    { label: vscode.l10n.t('Copy Endpoint'), run: () => copyEndpoint(app) },
  ]);
}

/** Copies the base URL that OpenAI clients want. */
export async function copyEndpoint(app: App): Promise<void> {
  const { url } = app.host.lastSnapshot;
  if (url === undefined) {
    await offer(vscode.window.showWarningMessage, vscode.l10n.t('Qwen Proxy is not running.'), [
      { label: vscode.l10n.t('Start'), run: () => startProxy(app) },
    ]);
    return;
  }
  const endpoint = `${url}/v1`;
  await vscode.env.clipboard.writeText(endpoint);
  await offer(vscode.window.showInformationMessage, vscode.l10n.t('Copied {0}', endpoint), [
    { label: vscode.l10n.t('Copy API Key'), run: () => copyApiKey(app) },
  ]);
}

/** Copies the key that clients send to the proxy; it is no Qwen key. */
export async function copyApiKey(app: App): Promise<void> {
  await vscode.env.clipboard.writeText(await app.host.localKey());
  await vscode.window.showInformationMessage(vscode.l10n.t('Copied the API key that clients send to Qwen Proxy.'));
}

/** Puts another key in the place of the one that clients send, and offers to bring along the clients that we configured. */
export async function rotateApiKey(app: App, offerRewrites: () => Promise<void>): Promise<void> {
  const rotate = vscode.l10n.t('Make a New Key');
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t('Make a new API key for Qwen Proxy?'),
    { modal: true, detail: vscode.l10n.t('Every client with the old one is refused until it has the new one.') },
    rotate,
  );
  if (chosen !== rotate) return;
  await vscode.env.clipboard.writeText(await app.host.rotateKey());
  void vscode.window.showInformationMessage(
    vscode.l10n.t('The new API key is in the clipboard; the old one is refused.'),
  );
  await offerRewrites();
}

/** Names what keeps the proxy from serving, with the ways out; says nothing when it serves. */
export async function tellProblem(app: App, { state, problem, port }: ProxySnapshot): Promise<void> {
  if (state !== 'error' || problem === undefined) return;
  app.log.error(problem.message);
  // A crash is mended by itself, a gateway is tried again; the status bar shows it meanwhile.
  if (problem.code === 'crashed' || isGatewayProblem(problem.code)) return;
  const settings = { label: vscode.l10n.t('Open Settings'), run: () => openSettings('qwenProxy.port') };
  if (problem.code === 'failed') {
    const text = vscode.l10n.t('Qwen Proxy could not start: {0}', problem.message);
    const again = { label: vscode.l10n.t('Try Again'), run: () => startProxy(app) };
    await offer(vscode.window.showErrorMessage, text, [again, showLogAction(app)]);
    return;
  }
  const text =
    problem.owner === undefined
      ? vscode.l10n.t('Qwen Proxy cannot serve: port {0} is taken by another program.', port)
      : vscode.l10n.t('Qwen Proxy cannot serve: port {0} is taken by {1}.', port, problem.owner);
  await offer(vscode.window.showErrorMessage, text, [
    { label: vscode.l10n.t('Use a Free Port'), run: () => useFreePort(app) },
    ...(problem.isHeadless
      ? [
          {
            label: vscode.l10n.t('Import Its Accounts'),
            run: async () => (await import('./account-files.ts')).importHeadlessAccounts(app),
          },
        ]
      : []),
    settings,
    showLogAction(app),
  ]);
}
