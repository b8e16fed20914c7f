import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { listen, PortTakenError } from '../../src/server/listen.ts';
import {
  chatRequest,
  clientKey,
  startProxy,
  type TestProxy,
  testSettings,
  textOfEvents,
} from '../support/server-proxy.ts';
import { chunkEvent, eventStream, roleChunk, startUpstream } from '../support/server-upstream.ts';
import { useSimulator } from '../support/use-simulator.ts';

describe('server: its life', () => {
  const simulator = useSimulator({ keys: ['sk-one'] });
  const running: { dispose(): Promise<void> }[] = [];

  const start = async (...options: Parameters<typeof startProxy>): Promise<TestProxy> => {
    const server = await startProxy({ accounts: { one: 'sk-one' }, baseUrl: simulator.baseUrl, ...options[0] });
    running.push(server);
    return server;
  };
  const isFree = async (port: number) => {
    const server = createServer();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
  };

  afterEach(async () => {
    for (const server of running.splice(0)) await server.dispose();
  });

  it('starts, stops, and starts again on the same port', async () => {
    const server = await start();
    assert.equal((await server.chat()).status, 200);
    const stopped = await server.proxy.stop();
    assert.deepEqual([stopped.state, stopped.url], ['stopped', undefined]);
    await isFree(server.port);
    const again = await server.proxy.start({ port: server.port });
    assert.deepEqual([again.state, again.url], ['serving', server.url]);
    assert.equal((await server.chat()).status, 200);
    await server.proxy.start();
    assert.equal((await server.proxy.snapshot()).url, server.url, 'starting twice changes nothing');
  });

  it('announces its states', async () => {
    const server = await start();
    await new Promise(setImmediate);
    await server.proxy.stop();
    await new Promise(setImmediate);
    const states = server.snapshots.map((snapshot) => snapshot.state);
    assert.ok(states.includes('serving'));
    assert.equal(states.at(-1), 'stopped');
  });

  it('a port that another program holds: says so, and takes no other', async () => {
    const stranger = createServer((_request, response) => {
      response.setHeader('server', 'nginx/1.2');
      response.end('hello');
    });
    stranger.listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    const { port } = stranger.address() as AddressInfo;
    const server = await start();
    await server.proxy.stop();
    const { state, problem, url } = await server.proxy.start({ port });
    assert.deepEqual([state, problem?.code, url], ['error', 'port_taken', undefined]);
    assert.match(problem?.message ?? '', new RegExp(`^Port ${port} is used by `));
    assert.match(problem?.owner ?? '', /\(pid \d+\)|another program/);
    stranger.close();
    stranger.closeAllConnections();
    await once(stranger, 'close');
    const freed = await server.proxy.start({ port });
    assert.deepEqual([freed.state, freed.problem, freed.port], ['serving', undefined, port]);
  });

  it('a port that another Qwen Proxy holds: names it', async () => {
    const owner = await start();
    const server = await start();
    await server.proxy.stop();
    const { problem } = await server.proxy.start({ port: owner.port });
    assert.equal(problem?.owner, `Qwen Proxy headless, pid ${process.pid}`);
  });

  it('a race for one port has one winner, and the losers are told', async () => {
    const probe = await start();
    await probe.proxy.stop();
    const { port } = probe;
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, () => listen((_request, response) => response.end(), { host: '127.0.0.1', port })),
    );
    const won = results.filter((result) => result.status === 'fulfilled');
    const lost = results.filter((result) => result.status === 'rejected');
    assert.equal(won.length, 1);
    for (const { reason } of lost) assert.ok(reason instanceof PortTakenError, String(reason));
    await won[0]?.value.close();
  });

  it('an address of IPv6 is bound, named and served', async () => {
    const server = await start({ settings: { HOST: '::1' } });
    assert.equal(server.url, `http://[::1]:${server.port}`);
    assert.equal((await server.chat()).status, 200);
  });
  it('so is one in brackets', async () => {
    const server = await start({ settings: { HOST: '[::1]' } });
    assert.equal((await server.chat()).status, 200);
  });
  it('another loopback address is served under its own name', async () => {
    const server = await start({ settings: { HOST: '127.0.0.2' } });
    assert.match(server.url, /127\.0\.0\.2/);
    assert.equal((await server.chat()).status, 200);
  });

  describe('stopping', () => {
    it('ends an open stream with an error in it, and frees the port', async () => {
      const server = await start();
      simulator.fail({ fault: { kind: 'stall', afterChunks: 3 } });
      let stopped: Promise<unknown> | undefined;
      const answer = await server.chat(
        { stream: true },
        {
          onRead: () => {
            stopped ??= server.proxy.stop();
          },
        },
      );
      await stopped;
      assert.equal(answer.end, 'broken');
      assert.match(JSON.stringify(answer.events.at(-1)), /"code":"shutting_down"/);
      assert.ok(!answer.text.includes('[DONE]'));
      await isFree(server.port);
      assert.equal((await server.proxy.snapshot()).accounts[0]?.state, 'ready');
    });
    it('answers a waiting JSON client with 503', async () => {
      const server = await start();
      simulator.fail({ fault: { kind: 'stall', afterChunks: 3 } });
      const answer = server.chat();
      await simulator.until(() => simulator.openStreams === 1);
      await server.proxy.stop();
      const { status, error } = await answer;
      assert.deepEqual([status, error.code], [503, 'shutting_down']);
    });
    it('lets a short one finish while it drains', async () => {
      const server = await start();
      simulator.script({ answer: { text: ['a', 'b', 'c', 'd'], chunkDelayMs: 20 } });
      const answer = server.chat({ stream: true });
      await simulator.until(() => simulator.openStreams === 1);
      const stopped = server.proxy.stop({ drainMs: 30_000 });
      assert.equal(textOfEvents(await answer), 'abcd');
      assert.ok((await answer).text.endsWith('data: [DONE]\n\n'));
      assert.equal((await stopped).state, 'stopped');
      await isFree(server.port);
    });
    it('does not wait for a client that reads nothing', async () => {
      // More than all buffers on the way hold: the answer can never be sent to its end.
      const piece = chunkEvent({ content: 'x'.repeat(64 * 1024) });
      let full = () => {};
      const isFull = new Promise<void>((resolve) => {
        full = resolve;
      });
      const upstream = await startUpstream((response) => {
        response.writeHead(200, eventStream);
        response.write(roleChunk);
        for (let count = 0; count < 640; count++) response.write(piece);
        full();
      });
      const server = await start({ baseUrl: upstream.baseUrl });
      const body = JSON.stringify(chatRequest({ stream: true }));
      const socket = connect({ port: server.port, host: '127.0.0.1' }).on('error', () => {});
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${clientKey}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      try {
        await isFull;
        await once(socket, 'readable');
        await server.proxy.dispose();
        await upstream.until(() => upstream.openSockets === 0);
        await isFree(server.port);
      } finally {
        socket.destroy();
        await upstream.close();
      }
    });
  });

  it('moves to another port when the settings say so', async () => {
    const server = await start();
    const free = await start();
    await free.proxy.stop();
    const moved = await server.proxy.updateSettings(testSettings({ PORT: free.port }));
    assert.deepEqual([moved.state, moved.port], ['serving', free.port]);
    await assert.rejects(server.chat(), { code: 'ECONNREFUSED' });
  });

  it('takes other settings without letting go of open streams', async () => {
    const server = await start();
    simulator.script({ answer: { text: ['a', 'b', 'c'], chunkDelayMs: 20 } });
    const answer = server.chat({ stream: true });
    await simulator.until(() => simulator.openStreams === 1);
    const settings = testSettings({ API_KEY: 'other-key', DEFAULT_MODEL: 'qwen-plus', STREAM: 'true' });
    await server.proxy.updateSettings(settings);
    assert.equal(textOfEvents(await answer), 'abc');
    assert.equal((await server.chat()).status, 401);
    const next = await server.chat({ model: undefined }, { headers: { authorization: 'Bearer other-key' } });
    assert.match(String(next.headers['content-type']), /event-stream/);
    assert.match(simulator.chatRequests.at(-1)?.rawBody ?? '', /"model":"qwen-plus"/);
    assert.equal(await server.proxy.localKey(), 'other-key');
  });

  it('follows accounts that somebody else wrote', async () => {
    const server = await start({ accounts: {} });
    const writer = await start({ secrets: server.secrets, accounts: { later: 'sk-one' } });
    assert.equal((await writer.chat()).status, 200);
    server.secrets.announce();
    await server.proxy.secretsChanged();
    assert.equal((await server.proxy.snapshot()).accounts[0]?.id, 'later');
    assert.equal((await server.chat()).status, 200);
  });

  describe('without an account', () => {
    it('a home that never had one serves the demo, which says what it is', async () => {
      const server = await start({ accounts: {} });
      const [account] = (await server.proxy.snapshot()).accounts;
      assert.deepEqual([account?.id, account?.kind], ['demo', 'demo']);
      assert.match(textOfEvents(await server.chat({ stream: true })), /demo account/);
    });
    it('one that had an account does not', async () => {
      const server = await start();
      await server.proxy.removeAccount('one');
      const { status, error } = await server.chat();
      assert.deepEqual([status, error.code], [503, 'no_account']);
      assert.deepEqual((await server.proxy.snapshot()).accounts, []);
    });
    it('nor does an editor, or a server that others can reach', async () => {
      const editor = await start({ accounts: {}, mode: 'editor' });
      assert.equal((await editor.chat()).status, 503);
      const open = await start({ accounts: {}, settings: { HOST: '0.0.0.0' } });
      assert.match(open.url, /127\.0\.0\.1/);
      assert.equal((await open.chat()).error.code, 'no_account');
    });
  });
});
