import type { RequestListener } from 'node:http';
import type { Logger } from '../core/contracts.ts';
import type { ProxySnapshot, ProxyState } from '../core/control.ts';
import { GatewayError } from '../core/errors.ts';
import { messageOf } from '../core/message-of.ts';
import { type Listening, listen, PortTakenError } from '../server/listen.ts';
import { describePortOwner } from '../server/port-owner.ts';

export interface HttpServiceOptions {
  /** Makes the app of one run; `stopping` aborts when that run ends. */
  readonly createListener: (stopping: AbortSignal) => RequestListener;
  readonly address: () => { readonly host: string; readonly port: number };
  /** Requests that are being served. */
  readonly openRequests: () => number;
  readonly logger: Logger;
  readonly onChange: () => void;
}

/** The bound port and its states. */
export interface HttpService {
  start(port?: number): Promise<void>;
  stop(drainMs: number): Promise<void>;
  readonly state: ProxyState;
  readonly port: number | undefined;
  readonly problem: ProxySnapshot['problem'];
}

/** Starts and stops the HTTP server; calls that overlap wait for one another. */
export function createHttpService(options: HttpServiceOptions): HttpService {
  let state: ProxyState = 'stopped';
  let problem: ProxySnapshot['problem'];
  let running: { readonly listening: Listening; readonly stopping: AbortController } | undefined;
  let turn: Promise<void> = Promise.resolve();

  const become = (next: ProxyState, why?: ProxySnapshot['problem']) => {
    state = next;
    problem = why;
    options.onChange();
  };
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const result = turn.then(work);
    turn = result.catch(() => {});
    return result;
  };

  const start = async (wantedPort: number | undefined) => {
    if (running) return;
    become('starting');
    const { host, port: settingsPort } = options.address();
    const port = wantedPort ?? settingsPort;
    const stopping = new AbortController();
    try {
      const listening = await listen(options.createListener(stopping.signal), { host, port });
      running = { listening, stopping };
      options.logger.info('Serving.', { host, port: listening.port });
      become('serving');
    } catch (error) {
      if (error instanceof PortTakenError) {
        const owner = await describePortOwner(host, port);
        return become('error', {
          code: 'port_taken',
          message: `Port ${port} is used by ${owner}.`,
          owner,
          isHeadless: owner.startsWith('Qwen Proxy headless'),
        });
      }
      const reason = messageOf(error);
      options.logger.error('The server could not start.', { reason });
      become('error', { code: 'failed', message: `The server could not start: ${reason}` });
    }
  };

  const stop = async (drainMs: number) => {
    const stopped = running;
    running = undefined;
    if (stopped === undefined) return become('stopped');
    stopped.listening.stopAccepting();
    const deadlineMs = performance.now() + drainMs;
    while (options.openRequests() > 0 && performance.now() < deadlineMs)
      await new Promise((resolve) => setTimeout(resolve, 20));
    if (options.openRequests() > 0) {
      stopped.stopping.abort(new GatewayError('shutting_down', 'Qwen Proxy is stopping.'));
      const graceMs = performance.now() + 300;
      while (options.openRequests() > 0 && performance.now() < graceMs)
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await stopped.listening.close();
    become('stopped');
  };

  return {
    start: (port) => inTurn(() => start(port)),
    stop: (drainMs) => inTurn(() => stop(drainMs)),
    get state() {
      return state;
    },
    get port() {
      return running?.listening.port;
    },
    get problem() {
      return problem;
    },
  };
}
