import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** An upstream that does exactly what one test says, for what the strict simulator never does. */
export interface RawUpstream {
  readonly baseUrl: string;
  readonly port: number;
  /** Connections that were ever made. */
  readonly connections: number;
  readonly openSockets: number;
  readonly requests: readonly IncomingMessage[];
  until(condition: () => boolean): Promise<void>;
  close(): Promise<void>;
}

/** Listens on 127.0.0.1; every request goes to `answer` when its body has been read. */
export async function startUpstream(
  answer: (response: ServerResponse, request: IncomingMessage, body: string) => void,
): Promise<RawUpstream> {
  const changes = new EventEmitter().setMaxListeners(0);
  const sockets = new Set<Socket>();
  const requests: IncomingMessage[] = [];
  let connections = 0;
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    requests.push(request);
    response.on('error', () => {});
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', () => answer(response, request, body));
    request.on('error', () => {});
    changes.emit('change');
  });
  server.on('connection', (socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      changes.emit('change');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    port,
    get connections() {
      return connections;
    },
    get openSockets() {
      return sockets.size;
    },
    requests,
    async until(condition) {
      while (!condition()) await once(changes, 'change');
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

export const eventStream = { 'content-type': 'text/event-stream' } as const;

/** A `chat.completion.chunk` as an event. */
export function chunkEvent(delta: Readonly<Record<string, unknown>>, finish: string | null = null, index = 0): string {
  return `data: ${JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index, delta, finish_reason: finish }],
  })}\n\n`;
}

export const roleChunk = chunkEvent({ role: 'assistant', content: '' });
export const finishChunk = chunkEvent({}, 'stop');
export const doneEvent = 'data: [DONE]\n\n';

/** A whole short answer. */
export const shortAnswer = [roleChunk, chunkEvent({ content: 'Hel' }), chunkEvent({ content: 'lo' }), finishChunk];
