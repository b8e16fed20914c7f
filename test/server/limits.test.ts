import assert from 'node:assert/strict';
import { tracingChannel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { limits } from '../../src/server/limits.ts';
import { listen } from '../../src/server/listen.ts';

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
});
