import { setImmediate as nextTurn } from 'node:timers/promises';
import type { WindowEvent } from '../core/window-protocol.ts';
import type { LocalProxy } from './shared-proxy-parts.ts';

/** Tells followers something before a stop: node holds what is written until the next turn, and a stop closes it all. */
export async function sayLast(local: Pick<LocalProxy, 'windows'>, event: WindowEvent): Promise<void> {
  local.windows()?.broadcast(event);
  await nextTurn();
}
