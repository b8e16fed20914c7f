import { type IncomingMessage, request } from 'node:http';
import type { GatewayEvent } from '../../src/core/gateway-protocol.ts';
import { parseSseEvent, SseSplitter } from '../../src/wire/sse.ts';

/** An editor's end of the gateway's events. */
export interface OpenFeed {
  readonly status: number;
  /** All it was told so far. */
  readonly events: readonly GatewayEvent[];
  /** The first event, told already or to come, that `isWanted`; rejects when the feed ends before. */
  until(isWanted: (event: GatewayEvent) => boolean): Promise<GatewayEvent>;
  readonly ended: Promise<void>;
  close(): void;
}

/** Opens the feed and reads it. */
export async function openFeed(url: string, headers: Readonly<Record<string, string>>): Promise<OpenFeed> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { headers, agent: false }, resolve).once('error', reject).end();
  });
  const events: GatewayEvent[] = [];
  const waiting = new Set<() => void>();
  const splitter = new SseSplitter();
  let isOver = false;
  response.on('data', (read: Buffer) => {
    for (const bytes of splitter.push(read)) events.push(JSON.parse(parseSseEvent(bytes).data));
    for (const look of waiting) look();
  });
  response.on('error', () => {});
  const ended = new Promise<void>((resolve) => {
    response.once('close', () => {
      isOver = true;
      for (const look of waiting) look();
      resolve();
    });
  });
  return {
    status: response.statusCode ?? 0,
    events,
    ended,
    until: (isWanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = events.find(isWanted);
          if (found === undefined && !isOver) return;
          waiting.delete(look);
          if (found !== undefined) resolve(found);
          else reject(new Error(`The feed ended after ${JSON.stringify(events)}`));
        };
        waiting.add(look);
        look();
      }),
    close: () => void response.destroy(),
  };
}
