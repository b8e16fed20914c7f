import { createWindowOwner, type WindowOwner, type WindowOwnerOptions } from '../server/window-owner.ts';
import { ownControlSecret } from './control-secret.ts';
import type { ProxyOptions, SharingOptions } from './proxy-options.ts';

/** The owner's side of the windows' conversation, where the host has windows. */
export async function openWindows(
  { windowCalls, stateDirectory, version, mode, logger }: ProxyOptions & SharingOptions,
  facts: Pick<WindowOwnerOptions, 'port' | 'firstEvents'>,
): Promise<WindowOwner | undefined> {
  if (windowCalls === undefined) return undefined;
  const controlSecret = await ownControlSecret(stateDirectory, logger);
  return createWindowOwner({ ...facts, controlSecret, identity: { version, mode }, call: windowCalls });
}
