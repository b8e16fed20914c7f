import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What stands before the replicas of a team: each request goes to the next one; where one is gone, to the one after it. */
export interface Front {
  readonly port: number;
  /** Requests that were asked again at another replica. */
  readonly retried: number;
  close(): void;
}

/** @param ports Ports of the replicas; asked anew for each request. */
export async function startFront(ports: () => readonly number[]): Promise<Front> {
  const agent = new Agent({ keepAlive: true });
  let turn = 0;
  let retried = 0;

  const pass = (asked: IncomingMessage, answer: ServerResponse, body: Buffer, start: number, attempts = 1): void => {
    const known = ports();
    const port = known[(start + attempts) % known.length] ?? 0;
    const onward = request(
      {
        port,
        host: '127.0.0.1',
        method: asked.method,
        path: asked.url,
        headers: { ...asked.headers, connection: 'keep-alive' },
        agent,
      },
      (reply) => {
        answer.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.on('error', () => answer.destroy());
        reply.on('close', () => (reply.complete ? undefined : answer.destroy()));
        reply.pipe(answer);
      },
    );
    onward.on('error', () => {
      if (answer.headersSent) return;
      // As a load balancer does: nothing has come back, so the next one is asked.
      if (attempts < known.length * 2) {
        retried++;
        return pass(asked, answer, body, start, attempts + 1);
      }
      answer.writeHead(502).end();
    });
    onward.end(body);
  };
  const server = createServer((asked, answer) => {
    const parts: Buffer[] = [];
    asked.on('data', (part) => parts.push(part));
    asked.on('end', () => pass(asked, answer, Buffer.concat(parts), turn++));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    get retried() {
      return retried;
    },
    close() {
      agent.destroy();
      server.close();
      server.closeAllConnections();
    },
  };
}
