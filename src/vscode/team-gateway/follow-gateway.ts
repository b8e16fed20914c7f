import type { RequestRecord } from '../../core/activity.ts';
import type { Clock } from '../../core/contracts.ts';
import {
  type GatewayEvent,
  type GatewayState,
  gatewayAliveMs,
  gatewayPaths,
  gatewayProtocol,
} from '../../core/gateway-protocol.ts';
import { isJsonObject, parseJson } from '../../core/json.ts';
import { messageOf } from '../../core/message-of.ts';
import { createWatchdog } from '../../core/watchdog.ts';
import { parseSseEvent, SseSplitter } from '../../wire/sse.ts';
import { askGateway, GatewayFault, type GatewayPlace, unreachable } from './gateway-request.ts';

const connectTimeoutMs = 15_000;
const firstPauseMs = 500;
const longestPauseMs = 30_000;
/** Larger than the state of a gateway with some hundred accounts. */
const largestEventBytes = 8 * 1024 * 1024;

export interface FollowOptions {
  /** Where the gateway is now. @throws GatewayFault where the settings or the keys do not say. */
  readonly place: () => Promise<GatewayPlace>;
  readonly clock: Clock;
  /** From 0 to 1: editors that lost their gateway together shall not all come back together. */
  readonly random: () => number;
  readonly onState: (state: GatewayState) => void;
  readonly onRequests: (records: readonly RequestRecord[]) => void;
  /** It cannot be followed at present; it is tried again. */
  readonly onFault: (fault: GatewayFault) => void;
}

/**
 * Follows the gateway until `signal` aborts, whatever becomes of it: a connection that ends is replaced at once, because
 * behind a load balancer another server takes it; what fails is tried again with growing pauses.
 * @returns how to try again without waiting.
 */
export function followGateway(options: FollowOptions, signal: AbortSignal): { retryNow(): void } {
  let pause = new AbortController();
  let connection = new AbortController();
  let isAsked = false;

  const run = async () => {
    let failures = 0;
    let isKnown = false;
    while (!signal.aborted) {
      connection = new AbortController();
      try {
        await readEvents(options, AbortSignal.any([signal, connection.signal]), (event) => {
          // It stayed: the next end is the first one again.
          if (event.type === 'alive') failures = 0;
          isKnown = true;
        });
        failures++;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        if (!isAsked && (failures > 1 || !isKnown)) options.onFault(asFault(error));
      }
      pause = new AbortController();
      const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (failures - 1)) * (0.5 + options.random() / 2);
      if (!isAsked) await options.clock.sleep(pauseMs, AbortSignal.any([signal, pause.signal])).catch(() => {});
      if (!isAsked) continue;
      isAsked = false;
      isKnown = false;
      failures = 0;
    }
  };
  void run();
  return {
    retryNow() {
      isAsked = true;
      connection.abort(new Error('The connection is made anew.'));
      pause.abort();
    },
  };
}

/** One connection, until it ends. */
async function readEvents(
  { place, clock, onState, onRequests }: FollowOptions,
  signal: AbortSignal,
  onEvent: (event: GatewayEvent) => void,
): Promise<void> {
  const where = await place();
  const hung = new AbortController();
  const stop = AbortSignal.any([signal, hung.signal]);
  const cancelTimeout = clock.after(connectTimeoutMs, () => hung.abort(new Error('it does not answer')));
  const answer = await askGateway(where, gatewayPaths.events, stop).finally(cancelTimeout);
  const watchdog = createWatchdog(clock, 3 * gatewayAliveMs, () => hung.abort(new Error('it fell silent')));
  const splitter = new SseSplitter();
  try {
    if (!/^text\/event-stream/.test(answer.headers['content-type'] ?? ''))
      throw unreachable(where.url, 'what answers there is no Qwen Proxy');
    for await (const chunk of answer) {
      watchdog.touch();
      const read = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      for (const bytes of splitter.push(read)) {
        const event = parseJson(parseSseEvent(bytes).data);
        if (!isGatewayEvent(event)) continue;
        if (event.type === 'state') onState(checked(event.state, where.url));
        if (event.type === 'requests' && Array.isArray(event.records)) onRequests(event.records);
        onEvent(event);
      }
      if (splitter.pendingBytes > largestEventBytes) throw unreachable(where.url, 'its answer is too long');
    }
  } catch (error) {
    if (hung.signal.aborted) throw unreachable(where.url, messageOf(hung.signal.reason));
    throw error;
  } finally {
    watchdog.stop();
    answer.destroy();
  }
}

/** @throws GatewayFault where this editor cannot follow what says so. */
export function checked(value: unknown, url: string): GatewayState {
  if (!isGatewayState(value)) throw unreachable(url, 'what answers there is no Qwen Proxy');
  const state = value;
  if (state.protocol !== gatewayProtocol)
    throw new GatewayFault('gateway_version', `Version ${state.version} at ${url} is too new: update this extension.`);
  if (!state.serves)
    throw new GatewayFault('gateway_key_refused', `This is the admin key of ${url}; models ask for a client key.`);
  return state;
}

/** As far as it decides what is shown; the rest is as the protocol says, because the gateway is whom the user trusts. */
function isGatewayState(value: unknown): value is GatewayState {
  if (!isJsonObject(value) || !isJsonObject(value.readiness)) return false;
  const { name, protocol, version, accounts, requestsToday, readiness } = value;
  const numbers = [protocol, requestsToday, readiness.ready, readiness.total];
  return (
    name === 'qwen-proxy' &&
    typeof version === 'string' &&
    Array.isArray(accounts) &&
    numbers.every((number) => typeof number === 'number')
  );
}

const isGatewayEvent = (value: unknown): value is GatewayEvent => isJsonObject(value) && typeof value.type === 'string';

const asFault = (error: unknown) =>
  error instanceof GatewayFault ? error : new GatewayFault('gateway_unreachable', messageOf(error));
