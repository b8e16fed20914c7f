/** The bundle of windows that are clients of a team gateway; loaded where the settings name one, or a command asks for it. */
import * as vscode from 'vscode';
import { systemClock } from '../../core/clock.ts';
import { administeredText } from '../gateway-commands.ts';
import { connectInProcess, type HostedProxyOptions, type ServerConnection } from '../server-connection.ts';
import { createGatewayProxy } from './gateway-proxy.ts';

export { connectToGateway } from './connect.ts';
export { disconnectFromGateway } from './disconnect.ts';
export { retryGateway } from './retry.ts';

/** Follows the gateway in place of a server of our own. */
export async function connectGateway(gateway: string, options: HostedProxyOptions): Promise<ServerConnection> {
  const refusal = administeredText(vscode.l10n);
  const proxy = createGatewayProxy({ ...options, gateway, clock: systemClock, random: Math.random, refusal });
  return connectInProcess(proxy, 'gateway');
}
