import type { Event } from '../core/contracts.ts';
import type { ProxySnapshot } from '../core/control.ts';
import { createEmitter } from '../core/emitter.ts';
import { parseGatewayUrl } from './gateway-url.ts';
import type { ServerHostOptions } from './server-host.ts';

/** The last word on the server, and who is told of it. */
export interface HostSnapshots {
  readonly last: ProxySnapshot;
  readonly onDidChange: Event<ProxySnapshot>;
  publish(snapshot: ProxySnapshot): ProxySnapshot;
  publishStarting(): void;
  publishProblem(code: 'crashed' | 'failed', message: string): ProxySnapshot;
}

type Options = Pick<ServerHostOptions, 'version' | 'logger' | 'gateway'> & {
  readonly address: () => Pick<ProxySnapshot, 'host' | 'port'>;
};

/** @param closed Nobody is told any more. */
export function createHostSnapshots(
  { version, logger, gateway, address }: Options,
  closed: AbortSignal,
): HostSnapshots {
  const changed = createEmitter<ProxySnapshot>((error) => logger.error(`A listener failed: ${String(error)}`));
  let followed = gateway?.();
  const fresh = (): ProxySnapshot => {
    const read = followed === undefined ? undefined : parseGatewayUrl(followed);
    const url = typeof read === 'object' ? read.url : '';
    const { host, port } = address();
    return {
      ...{ state: 'stopped', version, host, port, accounts: [], requestsToday: 0 },
      ...(followed !== undefined && { gateway: { url } }),
    };
  };
  let last = fresh();
  const publish = (snapshot: ProxySnapshot): ProxySnapshot => {
    last = snapshot;
    if (!closed.aborted) changed.fire(snapshot);
    return snapshot;
  };
  return {
    get last() {
      return last;
    },
    onDidChange: changed.event,
    publish,
    publishStarting() {
      // What was known of a gateway says nothing about a server of our own, nor of another gateway.
      if (gateway?.() !== followed) {
        followed = gateway?.();
        last = fresh();
      }
      const { url: _url, problem: _problem, ...rest } = last;
      publish({ ...rest, state: 'starting' });
    },
    publishProblem(code, message) {
      const { url: _, ...rest } = last;
      return publish({ ...rest, state: 'error', problem: { code, message } });
    },
  };
}
