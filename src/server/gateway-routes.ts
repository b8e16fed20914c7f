import type { IncomingMessage, ServerResponse } from 'node:http';
import type { UsageBucket, UsageQuery } from '../core/activity.ts';
import { GatewayError } from '../core/errors.ts';
import { gatewayAliveMs, gatewayPaths } from '../core/gateway-protocol.ts';
import { type GatewayNews, sendFeed } from './gateway-feed.ts';
import { type GatewayViewer, viewerOf } from './gateway-viewer.ts';
import type { GuardPolicy } from './guard.ts';
import { limits } from './limits.ts';
import { sendJson } from './respond.ts';

/** What an editor that follows this server may ask; nothing of it changes anything, and no answer holds a credential. */
export interface GatewaySurface extends GatewayNews {
  /** Which of several servers this is, where there are several. */
  replica(): string | undefined;
  usage(viewer: GatewayViewer, query: UsageQuery): Promise<readonly UsageBucket[]>;
  accountModels(id: string): Promise<readonly string[]>;
}

export interface GatewayRoutesOptions {
  readonly policy: () => GuardPolicy;
  readonly clientStallMs?: number;
  readonly feedLimit?: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** How the app registers these routes. */
export type RegisterGatewayRoute = (
  path: string,
  handle: (visit: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly requestId: string;
  }) => Promise<void>,
) => void;

/** What each path answers to. */
export const gatewayMethods: Readonly<Record<string, string>> = {
  [gatewayPaths.state]: 'GET, HEAD',
  [gatewayPaths.usage]: 'GET, HEAD',
  [gatewayPaths.accountModels]: 'GET, HEAD',
  [gatewayPaths.events]: 'GET',
};

/** A dashboard shows a month; counting more costs the server more than it tells. */
const longestUsageMs = 32 * 86_400_000;
/** The ledger is read for one at a time; who comes after so many is told to come back. */
const waitingUsages = 64;

/** The routes of editors that follow this server as their team's gateway. */
export function registerGatewayRoutes(
  register: RegisterGatewayRoute,
  surface: GatewaySurface,
  options: GatewayRoutesOptions,
): void {
  const { policy, now } = options;
  const viewer = ({ headers }: IncomingMessage) => viewerOf(headers, policy());
  const headersOf = (requestId: string) => ({ 'cache-control': 'no-store', 'x-request-id': requestId });
  const queryOf = ({ url = '' }: IncomingMessage) => new URL(url, 'http://localhost').searchParams;
  const feedLimit = options.feedLimit ?? limits.gatewayFeeds;
  let openFeeds = 0;
  let usages = 0;
  let lastUsage: Promise<unknown> = Promise.resolve();

  register(gatewayPaths.state, async ({ request, response, requestId }) =>
    sendJson(response, 200, headersOf(requestId), { ...surface.state(viewer(request)) }),
  );
  register(gatewayPaths.usage, async ({ request, response, requestId }) => {
    const seeing = viewer(request);
    const asked = queryOf(request);
    const query = parseUsageQuery(asked, now());
    const replica = asked.get('replica');
    // RFC 9110, section 15.5.20: whoever asks may find the right one by asking again.
    if (replica !== null && replica !== surface.replica()) {
      const error = { message: `This is not the server ${replica}.`, type: 'misdirected_request' };
      return sendJson(response, 421, headersOf(requestId), { error });
    }
    if (usages >= waitingUsages)
      throw new GatewayError('too_many_requests', 'Too many ask for the usage at once.', { retryAfterMs: 1_000 });
    usages++;
    const counted = lastUsage.then(() => surface.usage(seeing, query));
    lastUsage = counted.catch(() => {});
    const buckets = await counted.finally(() => usages--);
    sendJson(response, 200, headersOf(requestId), { buckets });
  });
  register(gatewayPaths.accountModels, async ({ request, response, requestId }) => {
    if (viewer(request).scope !== 'admin')
      throw new GatewayError('forbidden', 'This needs the ADMIN_KEY.', { fix: 'GET /v1/models lists all models.' });
    const models = await surface.accountModels(queryOf(request).get('account') ?? '');
    sendJson(response, 200, headersOf(requestId), { models });
  });
  register(gatewayPaths.events, async ({ request, response, requestId }) => {
    viewer(request);
    if (openFeeds >= feedLimit)
      throw new GatewayError('too_many_requests', `More than ${feedLimit} editors follow already.`, {
        retryAfterMs: 30_000,
      });
    openFeeds++;
    response.socket?.setNoDelay(true);
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      // nginx would hold the events back otherwise.
      'x-accel-buffering': 'no',
      'x-request-id': requestId,
    });
    const stallMs = options.clientStallMs ?? limits.clientStallMs;
    try {
      await sendFeed(response, { news: surface, viewer: () => viewer(request), aliveMs: gatewayAliveMs, stallMs });
    } finally {
      openFeeds--;
    }
  });
}

function parseUsageQuery(query: URLSearchParams, nowMs: number): UsageQuery {
  const bucket = query.get('bucket');
  if (bucket !== 'hour' && bucket !== 'day')
    throw new GatewayError('invalid_request', "'bucket' must be hour or day.", { param: 'bucket' });
  const number = (name: string, minimum: number, maximum: number) => {
    const text = query.get(name) ?? '';
    const value = Number(text);
    if (text === '' || !Number.isInteger(value) || value < minimum || value > maximum)
      throw new GatewayError('invalid_request', `'${name}' must be a whole number from ${minimum} to ${maximum}.`, {
        param: name,
      });
    return value;
  };
  return {
    bucket,
    sinceMs: number('since', nowMs - longestUsageMs, Number.MAX_SAFE_INTEGER),
    untilMs: number('until', 0, Number.MAX_SAFE_INTEGER),
    utcOffsetMinutes: number('utc_offset', -1_440, 1_440),
  };
}
