import assert from 'node:assert/strict';
import { tracingChannel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { limits } from '../../src/server/limits.ts';
import { listen } from '../../src/server/listen.ts';
import { answerMalformed } from '../../src/server/malformed.ts';

describe('limits', () => {
  it('are those of a real server', async () => {
    const servers: Server[] = [];
    const channel = tracingChannel('net.server.listen');
    const onListen = (message: unknown) => {
      const server: unknown = Reflect.get(Object(message), 'server');
      if (server instanceof Server) servers.push(server);
    };
    channel.asyncStart.subscribe(onListen);
    const listening = await listen((_request, response) => response.end(), { host: '127.0.0.1', port: 0 });
    channel.asyncStart.unsubscribe(onListen);
    try {
      const server = servers.find((each) => each.listening) ?? assert.fail('no server listened');
      assert.deepEqual(
        [server.headersTimeout, server.requestTimeout, server.keepAliveTimeout, server.maxConnections],
        [limits.headersTimeoutMs, limits.requestTimeoutMs, limits.keepAliveTimeoutMs, limits.connections],
      );
      assert.equal(Reflect.get(server, 'maxHeaderSize'), limits.headerBytes);
      const asked: unknown[] = [];
      server.prependListener('connection', (socket: Socket) => {
        Object.assign(socket, { setKeepAlive: (...args: unknown[]) => void asked.push(args) });
      });
      const socket = connect(listening.port, '127.0.0.1');
      await once(server, 'connection');
      assert.deepEqual(asked, [[true, limits.tcpKeepAliveMs]]);
      socket.destroy();
    } finally {
      await listening.close();
    }
  });
  for (const [what, sent] of [
    ['headers', 'POST / HTTP/1.1\r\nHost: localhost\r\n'],
    ['a body', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc'],
  ] as const)
    it(`a client that does not come to the end of ${what} gets 408 that it can read, and is let go`, async () => {
      const server = createServer(
        { connectionsCheckingInterval: 10, headersTimeout: 30, requestTimeout: 40 },
        (request) => request.resume().on('error', () => {}),
      );
      answerMalformed(server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      let answer = '';
      socket.setEncoding('utf8').on('data', (part) => {
        answer += part;
      });
      socket.write(sent);
      await once(socket, 'close');
      assert.match(answer, /^HTTP\/1\.1 408 /);
      assert.match(answer, /"message":"The request did not come to its end in time\."/);
      server.close();
      await once(server, 'close');
    });
});
