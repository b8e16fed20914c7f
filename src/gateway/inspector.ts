import { AsyncLocalStorage } from 'node:async_hooks';
import type { InspectedCall, InspectedRequest } from '../core/activity.ts';
import { redactHeaders, redactObject } from '../core/redact.ts';
import { bodyText, type UpstreamRequest, type UpstreamResponse } from '../core/upstream.ts';
import type { Attempt, OpenedAnswer } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import type { Gateway } from './gateway.ts';
import { createRedactedEvents, type RedactedEvents, redactText } from './redacted-events.ts';

type Send = (request: UpstreamRequest, signal: AbortSignal) => Promise<UpstreamResponse>;
type Open = (attempt: Attempt) => Promise<OpenedAnswer>;
type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** Requests whose bodies are kept, redacted, in memory alone. */
const keptRequests = 50;

/**
 * Keeps what the last requests said, on both sides of the proxy, while it is switched on. Nothing is kept unredacted,
 * and nothing is written to the disk. Off, it stands in nobody's way.
 */
export interface Inspector {
  readonly isOn: boolean;
  /** Off, it forgets everything. */
  set(isOn: boolean): void;
  find(id: string): InspectedRequest | null;
  /** Sees what clients send and get. */
  aroundGateway(gateway: Gateway): Gateway;
  /** Knows whose upstream calls are whose. */
  aroundOpen(open: Open): Open;
  /** Sees upstream calls, where they are made for a request. */
  aroundSend(send: Send): Send;
}

interface Kept {
  readonly request: Mutable<Omit<InspectedRequest, 'calls' | 'events' | 'eventsLeftOut'>>;
  readonly calls: { readonly call: Mutable<InspectedCall>; readonly events: RedactedEvents }[];
  readonly events: RedactedEvents;
}

/** What is known of an upstream call before it is made. */
interface Inspected {
  readonly kept: Kept;
  readonly account: string;
}

export function createInspector(): Inspector {
  const kept = new Map<string, Kept>();
  /** The request that a call is made for; a lane need not pass it on by hand. */
  const current = new AsyncLocalStorage<Inspected>();
  let isOn = false;

  const keep = (id: string, made: Kept) => {
    kept.set(id, made);
    const [oldest] = kept.keys();
    if (kept.size > keptRequests && oldest !== undefined) kept.delete(oldest);
  };

  return {
    get isOn() {
      return isOn;
    },
    set(next) {
      isOn = next;
      if (isOn) return;
      kept.clear();
      current.disable();
    },
    find(id) {
      const found = kept.get(id);
      if (found === undefined) return null;
      return {
        ...found.request,
        calls: found.calls.map(({ call, events }) => ({ ...call, events: events.list() })),
        events: found.events.list(),
        eventsLeftOut: found.events.leftOut(),
      };
    },
    aroundGateway: (gateway) => ({
      run(dialect, request, exchange) {
        if (!isOn) return gateway.run(dialect, request, exchange);
        const { requestId: id } = exchange;
        const body = redactObject(request.body);
        const made: Kept = {
          request: { id, dialect: dialect.id, path: dialect.paths[0] ?? '', body },
          calls: [],
          events: createRedactedEvents(),
        };
        keep(id, made);
        return gateway.run(dialect, request, watchedExchange(exchange, made));
      },
    }),
    aroundOpen: (open) => (attempt) => {
      const made = isOn ? kept.get(attempt.exchange.requestId) : undefined;
      if (made === undefined) return open(attempt);
      return current.run({ kept: made, account: attempt.lease.account.id }, () => open(attempt));
    },
    aroundSend: (send) => {
      const inspected = async (store: Inspected, request: UpstreamRequest, signal: AbortSignal) => {
        const { origin, pathname } = new URL(request.url);
        const events = createRedactedEvents();
        const call: Mutable<InspectedCall> = {
          account: store.account,
          url: origin === 'null' ? request.url : origin + pathname,
          method: request.method,
          headers: redactHeaders(request.headers),
          events: [],
          ...(request.body !== undefined && { body: redactText(bodyText(request.body)) }),
        };
        store.kept.calls.push({ call, events });
        const response = await send(request, signal);
        call.status = response.status;
        call.responseHeaders = redactHeaders(response.headers);
        return { ...response, body: watchedBody(response.body, events) };
      };
      return (request, signal) => {
        const store = isOn ? current.getStore() : undefined;
        return store === undefined ? send(request, signal) : inspected(store, request, signal);
      };
    },
  };
}

/** The same bytes, seen as they pass. */
function watchedBody(body: UpstreamResponse['body'], events: RedactedEvents): UpstreamResponse['body'] {
  return {
    async *[Symbol.asyncIterator]() {
      try {
        for await (const read of body) {
          events.push(read);
          yield read;
        }
      } finally {
        events.end();
      }
    },
    destroy: () => body.destroy(),
  };
}

/** The same exchange, with what it is told written down. */
function watchedExchange(exchange: Exchange, { request, events }: Kept): Exchange {
  return {
    requestId: exchange.requestId,
    signal: exchange.signal,
    userAgent: exchange.userAgent,
    session: exchange.session,
    passedHeaders: exchange.passedHeaders,
    ...(exchange.traceHeaders && { traceHeaders: exchange.traceHeaders }),
    clientKey: exchange.clientKey,
    isOpen: exchange.isOpen,
    openStream() {
      request.status = 200;
      exchange.openStream();
    },
    ping: (text) => exchange.ping(text),
    write(bytes) {
      events.push(Buffer.from(bytes));
      return exchange.write(bytes);
    },
    endStream(lastBytes) {
      events.push(Buffer.from(lastBytes));
      events.end();
      return exchange.endStream(lastBytes);
    },
    breakStream(lastBytes) {
      events.push(Buffer.from(lastBytes));
      events.end();
      return exchange.breakStream(lastBytes);
    },
    sendJson(status, headers, body) {
      request.status = status;
      events.add(redactObject(body));
      return exchange.sendJson(status, headers, body);
    },
  };
}
