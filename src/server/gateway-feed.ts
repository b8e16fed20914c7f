import type { ServerResponse } from 'node:http';
import type { RequestRecord } from '../core/activity.ts';
import type { Event } from '../core/contracts.ts';
import type { GatewayEvent, GatewayState } from '../core/gateway-protocol.ts';
import type { GatewayViewer } from './gateway-viewer.ts';

/** What can be seen of the gateway, by who looks. */
export interface GatewayNews {
  state(viewer: GatewayViewer): GatewayState;
  /** The part of these requests that may be seen. */
  visible(viewer: GatewayViewer, records: readonly RequestRecord[]): readonly RequestRecord[];
  /** The last requests, oldest first. */
  requests(): readonly RequestRecord[];
  readonly onDidChange: Event<void>;
  readonly onDidChangeRequests: Event<readonly RequestRecord[]>;
}

export interface FeedOptions {
  readonly news: GatewayNews;
  /** Who looks, by the keys that are accepted now. @throws once they are not any more. */
  readonly viewer: () => GatewayViewer;
  readonly aliveMs: number;
  /** A reader that takes nothing of what waits for it is given up after this long. */
  readonly stallMs: number;
}

/** Changes of this long become one event: a busy gateway changes many times a second, and an editor only shows it. */
const gatherMs = 250;
/** As many as the gateway remembers; what a slow reader misses beyond them is gone from the list too. */
const keptRequests = 200;

/**
 * Tells one editor what changes, until it goes or its key is refused. What waits for a slow reader is the newest state
 * and the newest word on each request, so a reader that hangs costs no more memory than one that reads.
 */
export function sendFeed(response: ServerResponse, { news, viewer, aliveMs, stallMs }: FeedOptions): Promise<void> {
  const waiting = new Map<string, RequestRecord>();
  let isStateDue = false;
  let lastState = '';
  let gathering: NodeJS.Timeout | undefined;
  let stalledMs = 0;

  const write = (event: GatewayEvent) => response.write(`data: ${JSON.stringify(event)}\n\n`);
  const flush = () => {
    if (response.destroyed || response.writableEnded || response.writableNeedDrain) return;
    try {
      const seeing = viewer();
      if (isStateDue) {
        isStateDue = false;
        const state = news.state(seeing);
        const text = JSON.stringify(state);
        if (text !== lastState) write({ type: 'state', state });
        lastState = text;
      }
      const records = news.visible(seeing, [...waiting.values()]);
      waiting.clear();
      if (records.length > 0) write({ type: 'requests', records });
    } catch {
      // The key was revoked: the next request says so in words.
      response.end();
    }
  };
  const gather = () => {
    gathering ??= setTimeout(() => {
      gathering = undefined;
      flush();
    }, gatherMs);
  };
  const subscriptions = [
    news.onDidChange(() => {
      isStateDue = true;
      gather();
    }),
    news.onDidChangeRequests((records) => {
      for (const record of records) {
        waiting.delete(record.id);
        waiting.set(record.id, record);
      }
      for (const id of waiting.keys()) {
        if (waiting.size <= keptRequests) break;
        waiting.delete(id);
      }
      gather();
    }),
  ];
  const alive = setInterval(() => {
    stalledMs = response.writableNeedDrain ? stalledMs + aliveMs : 0;
    if (stalledMs >= stallMs) return void response.destroy();
    isStateDue = true;
    flush();
    if (!response.writableNeedDrain && !response.writableEnded) write({ type: 'alive' });
  }, aliveMs);
  response.on('drain', flush);

  const closed = new Promise<void>((resolve) => {
    response.once('close', () => {
      clearInterval(alive);
      clearTimeout(gathering);
      for (const subscription of subscriptions) subscription.dispose();
      resolve();
    });
  });
  isStateDue = true;
  for (const record of news.requests()) waiting.set(record.id, record);
  flush();
  return closed;
}
