import { systemClock } from '../core/clock.ts';
import type { HostedProxy } from '../core/worker-protocol.ts';
import { createTransport } from '../upstream/transport.ts';
import { createLocalProxy } from './proxy.ts';
import type { ProxyOptions } from './proxy-options.ts';
import { createSharedProxy } from './shared-proxy.ts';
import type { SharedProxy } from './shared-proxy-parts.ts';
import { createWindowCalls } from './window-calls.ts';

/** A proxy for its host: headless it serves alone, in the editor the windows of an install share one. */
export function createHostedProxy(options: ProxyOptions): HostedProxy {
  if (options.mode === 'headless') return createLocalProxy(options);
  let shared: SharedProxy | undefined;
  const clock = options.clock ?? systemClock;
  const { network } = options.settings;
  const own = createTransport({ environment: options.environment ?? {}, network });
  const transport = options.transport ?? own;
  const yieldPort = async () => shared?.yieldPort();
  const local = createLocalProxy({
    ...options,
    transport,
    // A window whose editor does not answer any more keeps serving from memory, until another one can.
    onUnwritten: () => {
      if ((local.windows()?.followers ?? 0) > 0) void yieldPort();
    },
    windowCalls: createWindowCalls(() => shared?.proxy, yieldPort),
    onSnapshot: (snapshot) => shared?.onLocalSnapshot(snapshot),
  });
  shared = createSharedProxy(local, { ...options, transport, clock, random: options.random ?? Math.random });
  const { proxy } = shared;
  return {
    ...proxy,
    async updateSettings(settings) {
      own.configure(settings.network);
      return proxy.updateSettings(settings);
    },
  };
}
