import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { chatRequest, clientKey, startProxy, type TestProxy, type TestProxyOptions } from '../support/server-proxy.ts';
import {
  chunkEvent,
  doneEvent,
  eventStream,
  finishChunk,
  roleChunk,
  startUpstream,
} from '../support/server-upstream.ts';
import { useSimulator } from '../support/use-simulator.ts';

const bodies = {
  '/v1/chat/completions': chatRequest(),
  '/v1/messages': { ...chatRequest(), max_tokens: 100 },
  '/v1/responses': { model: 'qwen3-coder-plus', input: 'hello' },
};

describe('server: clients that misbehave', () => {
  const simulator = useSimulator({ keys: ['sk-one'] });
  let server: TestProxy;
  const sockets: Socket[] = [];

  const start = async (options: TestProxyOptions = {}) => {
    server = await startProxy({ accounts: { one: 'sk-one' }, baseUrl: simulator.baseUrl, ...options });
  };
  /** A connection that sends and reads nothing by itself. */
  const open = (path: string, body: unknown, { length }: { readonly length?: number } = {}): Socket => {
    const text = JSON.stringify(body);
    const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
    sockets.push(socket);
    socket.pause();
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${clientKey}\r\nContent-Length: ${length ?? text.length}\r\n\r\n${text}`,
    );
    return socket;
  };
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.dispose();
    await simulator.until(() => simulator.sockets === 0 && simulator.openStreams === 0);
  });

  describe('one that never reads', () => {
    // More than all buffers on the way hold: the answer can never be sent to its end.
    const piece = chunkEvent({ content: 'x'.repeat(64 * 1024) });
    for (const [path, body] of Object.entries(bodies))
      for (const stream of [true, false])
        it(`${path} ${stream ? 'stream' : 'JSON'}: is given up, and its place is free`, async () => {
          let answers = 0;
          const upstream = await startUpstream((response) => {
            response.writeHead(200, eventStream);
            response.write(roleChunk);
            const pieces = ++answers === 1 ? 320 : 1;
            for (let count = 0; count < pieces; count++) response.write(piece);
            response.end(finishChunk + doneEvent);
          });
          try {
            await start({ baseUrl: upstream.baseUrl, concurrencyLimit: 1, clientStallMs: 100 });
            open(path, { ...body, stream });
            await upstream.until(() => upstream.requests.length === 1);
            assert.equal((await server.chat()).status, 429, 'the only place is taken');
            let next = await server.chat();
            while (next.status === 429) next = await server.chat();
            assert.equal(next.status, 200);
            const [account] = (await server.proxy.snapshot()).accounts;
            assert.equal(account?.state, 'ready');
          } finally {
            await server.dispose();
            await upstream.close();
          }
        });
    it('a slow one is not: what it takes is a sign of life', async () => {
      const pieces = 160;
      const upstream = await startUpstream((response) => {
        response.writeHead(200, eventStream);
        response.write(roleChunk);
        for (let count = 0; count < pieces; count++) response.write(piece);
        response.end(finishChunk + doneEvent);
      });
      try {
        await start({ baseUrl: upstream.baseUrl, clientStallMs: 1_000 });
        const socket = open('/v1/chat/completions', { ...chatRequest(), stream: true });
        let received = 0;
        let tail = '';
        // Reads a little, looks away, and reads on, for several times the patience in all.
        socket.on('data', (part) => {
          received += part.length;
          tail = (tail + part.toString('latin1')).slice(-200);
          socket.pause();
          setTimeout(() => socket.resume(), 12);
        });
        const ended = new Promise<void>((resolve) => {
          socket.on('data', () => tail.includes('[DONE]') && resolve()).on('close', () => resolve());
        });
        socket.resume();
        await ended;
        assert.match(tail, /\[DONE\]/);
        assert.ok(received > pieces * piece.length);
      } finally {
        await server.dispose();
        await upstream.close();
      }
    });
  });

  describe('one that closes its half of the connection has left', () => {
    for (const [path, body] of Object.entries(bodies))
      it(path, async () => {
        await start();
        simulator.fail({ fault: { kind: 'stall', afterChunks: 2 } });
        const socket = open(path, { ...body, stream: true });
        await simulator.until(() => simulator.openStreams === 1);
        socket.resume();
        socket.end();
        await simulator.until(() => simulator.chatRequests[0]?.answered === 'aborted');
        assert.equal(simulator.chatRequests.length, 1);
      });
  });

  it('one that announces more than it sends reaches no upstream, and holds no place when it goes', async () => {
    await start({ concurrencyLimit: 3 });
    for (let round = 0; round < 3; round++) {
      const half = [1, 2, 3].map(() => open('/v1/chat/completions', chatRequest(), { length: 10_000 }));
      await Promise.all(half.map((socket) => once(socket, 'connect')));
      for (const socket of half) socket.destroy();
    }
    let answer = await server.chat();
    while (answer.status === 429) answer = await server.chat();
    assert.equal(answer.status, 200);
    assert.equal(simulator.chatRequests.length, 1);
  });

  it('one that leaves with more requests in the pipe: all of them end', async () => {
    await start();
    simulator.fail({ fault: { kind: 'stall', afterChunks: 2 }, times: 3 });
    const text = JSON.stringify(chatRequest({ stream: true }));
    const socket = connect(server.port, '127.0.0.1').on('error', () => {});
    sockets.push(socket);
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${clientKey}\r\nContent-Length: ${text.length}\r\n\r\n${text}`.repeat(
        3,
      ),
    );
    await simulator.until(() => simulator.openStreams === 3);
    socket.destroy();
    await simulator.until(() => simulator.chatRequests.every(({ answered }) => answered === 'aborted'));
    assert.equal((await server.chat()).status, 200);
  });
});
