import { systemClock } from '../core/clock.ts';
import type { HostedProxy } from '../core/worker-protocol.ts';
import { createTransport } from '../upstream/transport.ts';
import { createLocalProxy } from './proxy.ts';
import type { ProxyOptions } from './proxy-options.ts';
import { createSharedProxy, type SharedProxy } from './shared-proxy.ts';
import { createWindowCalls } from './window-calls.ts';

/** A window that yields to a newer one lets open answers run this long. */
const yieldDrainMs = 10_000;
const yieldPauseMs = 1_000;

/** A proxy for its host: headless it serves alone, in the editor the windows of an install share one. */
export function createHostedProxy(options: ProxyOptions): HostedProxy {
  if (options.mode === 'headless') return createLocalProxy(options);
  let shared: SharedProxy | undefined;
  const clock = options.clock ?? systemClock;
  const transport = options.transport ?? createTransport({ environment: options.environment ?? {} });
  const yieldPort = async () => {
    local.windows()?.broadcast({ type: 'yielding' });
    await local.stop({ drainMs: yieldDrainMs });
    // Who asked for the port shall get it; if it went away meanwhile, this window serves again.
    await clock.sleep(yieldPauseMs);
    await shared?.proxy.start();
  };
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
  return shared.proxy;
}
