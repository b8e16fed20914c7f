import * as vscode from 'vscode';
import { findStaleClients, type StaleClient, writeClient } from '../../clients/configure.ts';
import { type App, offer } from '../app.ts';
import { readServiceOrigin } from './service.ts';
import { clientHome } from './surroundings.ts';

/** After a change of port or key: offers to bring the clients along that we configured. */
export async function offerRewrites(app: App): Promise<void> {
  const { url: origin } = app.host.lastSnapshot;
  if (origin === undefined) return;
  const key = await app.host.localKey();
  const home = clientHome(app);
  // Clients that use the service are right where they are.
  const exceptOrigin = await readServiceOrigin(app.stateDirectory);
  const stale = await findStaleClients(home, { origin, key, exceptOrigin });
  if (stale.length === 0) return;
  const names = stale.map(({ client }) => client.name).join(', ');
  const text = vscode.l10n.t(
    'The address or key of Qwen Proxy changed, and these clients still use the old one: {0}',
    names,
  );
  const rewrite = async () => {
    await rewriteClients(app, stale, origin);
    await vscode.window.showInformationMessage(vscode.l10n.t('{0} now use {1}.', names, origin));
  };
  await offer(vscode.window.showInformationMessage, text, [
    { label: vscode.l10n.t('Rewrite Their Settings'), run: rewrite },
  ]);
}

/** Writes the planned texts, each with a copy beside it. */
export async function rewriteClients(app: App, stale: readonly StaleClient[], origin: string): Promise<void> {
  for (const each of stale) {
    await writeClient(clientHome(app), { ...each, origin });
    app.log.info(`Configured ${each.client.name}: ${each.path}`);
  }
}
