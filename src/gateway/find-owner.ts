import type { ProxySettings } from '../core/settings.ts';
import { readControlSecret } from './control-secret.ts';
import type { SharedProxyOptions } from './shared-proxy-parts.ts';
import { type Follower, followOwner } from './window-follower.ts';

/** Asks who holds an address that is taken; `undefined` for a stranger, and for whoever gives no answer. */
export async function findOwner(
  { stateDirectory, version, transport, clock, logger }: SharedProxyOptions,
  { host, port }: Pick<ProxySettings, 'host' | 'port'>,
): Promise<Follower | undefined> {
  try {
    const controlSecret = await readControlSecret(stateDirectory);
    const address = host === '::1' || host === '[::1]' ? '[::1]' : '127.0.0.1';
    return await followOwner({ controlSecret, version, transport, clock, url: `http://${address}:${port}`, port });
  } catch (error) {
    logger.warn('The owner of the port could not be asked.', { reason: String(error) });
    return undefined;
  }
}
