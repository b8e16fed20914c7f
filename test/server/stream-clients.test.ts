import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { createFakeClock } from '../support/fake-clock.ts';
import {
  chatRequest,
  clientKey,
  hurriedClock,
  hurriedPauses,
  startProxy,
  type TestProxy,
  type TestProxyOptions,
  textOfEvents,
} from '../support/server-proxy.ts';
import {
  chunkEvent,
  doneEvent,
  eventStream,
  finishChunk,
  type RawUpstream,
  roleChunk,
  shortAnswer,
  startUpstream,
} from '../support/server-upstream.ts';
import { useSimulator } from '../support/use-simulator.ts';

/**
 * Resolves when so many rounds of the event loop have passed, each with a look at the sockets; a machine too busy to get
 * round them takes longer, not fewer.
 */
async function looksQuiet(signal: AbortSignal): Promise<void> {
  for (let rounds = 0; rounds < 25; rounds++) await delay(10, undefined, { signal });
}

describe('server: streams and their clients', () => {
  const simulator = useSimulator({ keys: ['sk-one', 'sk-two'] });
  let server: TestProxy;

  const start = async (options: TestProxyOptions = {}) => {
    server = await startProxy({
      accounts: { one: 'sk-one', two: 'sk-two' },
      baseUrl: simulator.baseUrl,
      random: () => 0,
      ...options,
    });
  };
  const states = async () => (await server.proxy.snapshot()).accounts.map((account) => account.state);

  afterEach(async () => {
    await server.dispose();
    await simulator.until(() => simulator.sockets === 0 && simulator.openStreams === 0);
  });

  describe('while the upstream thinks', () => {
    it('pings, then the content', async () => {
      await start({ pingMs: 20 });
      simulator.fail({ fault: { kind: 'slow-first-byte', delayMs: 120 } });
      const answer = await server.chat({ stream: true });
      assert.equal(answer.status, 200);
      assert.match(answer.text, /^(: ping\n\n)+data: /);
      assert.equal(textOfEvents(answer), 'Echo: hello');
      assert.ok(answer.text.endsWith(doneEvent));
    });
    it('the SDK takes no notice of pings', async () => {
      await start({ pingMs: 20 });
      simulator.fail({ fault: { kind: 'slow-first-byte', delayMs: 80 } });
      const stream = server.client.chat.completions.stream({
        model: 'qwen3-coder-plus',
        messages: [{ role: 'user', content: 'hello' }],
      });
      assert.equal(await stream.finalContent(), 'Echo: hello');
    });
    it('an error after pings still rotates', async () => {
      await start({ pingMs: 20 });
      simulator.fail({
        key: 'sk-one',
        fault: [
          { kind: 'in-stream-error', form: 'event-error', id: 44, afterChunks: 1 },
          { kind: 'slow-first-byte', delayMs: 80 },
        ],
      });
      const answer = await server.chat({ stream: true });
      assert.match(answer.text, /^: ping\n\n/);
      assert.equal(textOfEvents(answer), 'Echo: hello');
      assert.deepEqual(
        simulator.chatRequests.map((request) => request.key),
        ['sk-one', 'sk-two'],
      );
    });
    it('an error after pings that nobody can mend travels in the stream', async () => {
      await start({ pingMs: 20 });
      simulator.fail({
        fault: [
          { kind: 'in-stream-error', form: 'data-error', id: 63, afterChunks: 0 },
          { kind: 'slow-first-byte', delayMs: 80 },
        ],
      });
      const answer = await server.chat({ stream: true });
      assert.equal(answer.status, 200);
      assert.match(answer.text, /^(: ping\n\n)+data: \{"error":/);
      assert.match(JSON.stringify(answer.events[0]), /"code":"content_filter"/);
      assert.ok(!answer.text.includes('[DONE]'));
    });
    it('a JSON client gets no pings', async () => {
      await start({ pingMs: 10 });
      simulator.fail({ fault: { kind: 'slow-first-byte', delayMs: 60 } });
      const answer = await server.chat();
      assert.equal(answer.json.object, 'chat.completion');
      assert.match(answer.text, /^\{/);
    });
    it('a pause between chunks is filled with pings', async () => {
      let goOn = () => {};
      const upstream = await startUpstream((response) => {
        response.writeHead(200, eventStream);
        response.write(roleChunk + chunkEvent({ content: 'a' }));
        goOn = () => response.end(chunkEvent({ content: 'b' }) + finishChunk + doneEvent);
      });
      try {
        await start({ baseUrl: upstream.baseUrl, pingMs: 20 });
        let seen = '';
        const onRead = (text: string) => {
          seen += text;
          if (!/"a".*: ping/s.test(seen)) return;
          goOn();
          goOn = () => {};
        };
        const answer = await server.chat({ stream: true }, { onRead });
        assert.equal(textOfEvents(answer), 'ab');
        assert.match(answer.text, /"a"[^\n]*\n\n(: ping\n\n)+data: /);
      } finally {
        await server.dispose();
        await upstream.close();
      }
    });
  });

  describe('a client that leaves', () => {
    interface Departure {
      readonly stream: boolean;
      /** Resolves when the moment to leave has come. */
      readonly moment: () => Promise<void>;
    }

    /** Leaves at the moment, and waits until the upstream has seen that nobody listens any more. */
    const leave = async ({ stream, moment }: Departure): Promise<void> => {
      const gone = new AbortController();
      const answer = server.chat({ stream }, { signal: gone.signal }).catch(() => undefined);
      await moment();
      gone.abort();
      await answer;
      await simulator.until(() => simulator.chatRequests.every((request) => request.answered === 'aborted'));
      assert.equal(simulator.chatRequests.length, 1, 'nobody else was asked');
      assert.deepEqual(await states(), ['ready', 'ready']);
    };

    for (const stream of [true, false]) {
      const kind = stream ? 'stream' : 'JSON';
      it(`${kind}: before the upstream's headers`, async () => {
        await start();
        simulator.fail({ fault: { kind: 'slow-first-byte', delayMs: 60_000 } });
        await leave({ stream, moment: () => simulator.until(() => simulator.chatRequests.length === 1) });
      });
      it(`${kind}: after the upstream's headers`, async () => {
        await start();
        simulator.fail({ fault: { kind: 'stall', afterChunks: 1 } });
        await leave({ stream, moment: () => simulator.until(() => simulator.openStreams === 1) });
      });
    }

    it('JSON: in the middle of the answer', async () => {
      let halfSent = () => {};
      const half = new Promise<void>((resolve) => {
        halfSent = resolve;
      });
      const upstream = await startUpstream((response) => {
        response.writeHead(200, eventStream);
        response.write(roleChunk + chunkEvent({ content: 'half' }), () => halfSent());
      });
      try {
        await start({ baseUrl: upstream.baseUrl });
        const gone = new AbortController();
        const answer = server.chat({}, { signal: gone.signal }).catch(() => undefined);
        await half;
        // The kernel has the bytes; some turns later the proxy, in this process too, has read them.
        for (let turns = 0; turns < 20; turns++) await nextTurn();
        gone.abort();
        await answer;
        await upstream.until(() => upstream.openSockets === 0);
        assert.equal(upstream.requests.length, 1, 'nobody else was asked');
        assert.deepEqual(await states(), ['ready', 'ready']);
      } finally {
        await server.dispose();
        await upstream.close();
      }
    });

    it('in the middle of a stream it was reading', async () => {
      await start();
      // Endless for any machine: the request can end in no other way than by the client's leaving.
      simulator.script({ answer: { text: Array(50_000).fill('word '), chunkDelayMs: 5 } });
      const gone = new AbortController();
      const onRead = (text: string) => {
        if (text.includes('word')) gone.abort();
      };
      await server.chat({ stream: true }, { signal: gone.signal, onRead }).catch(() => undefined);
      await simulator.until(() => simulator.chatRequests[0]?.answered === 'aborted');
      assert.equal(simulator.chatRequests.length, 1);
      assert.deepEqual(await states(), ['ready', 'ready']);
    });

    it('after pings have opened its stream', async () => {
      await start({ pingMs: 20 });
      simulator.fail({ fault: { kind: 'slow-first-byte', delayMs: 60_000 } });
      const gone = new AbortController();
      const left = server
        .chat({ stream: true }, { signal: gone.signal, onRead: () => gone.abort() })
        .catch(() => undefined);
      await left;
      await simulator.until(() => simulator.chatRequests[0]?.answered === 'aborted');
      assert.deepEqual(await states(), ['ready', 'ready']);
    });

    it('during the pause before another try: there is none', async () => {
      let pausing = () => {};
      const paused = new Promise<void>((resolve) => {
        pausing = resolve;
      });
      const clock = hurriedClock(1);
      await start({
        accounts: { one: 'sk-one' },
        clock: {
          ...clock,
          sleep: (ms, signal) => {
            // The one pause of this length is the retry's.
            if (ms === 300) pausing();
            return clock.sleep(ms, signal);
          },
        },
      });
      simulator.fail({ fault: { kind: 'error', id: 65 } });
      const gone = new AbortController();
      const answer = server.chat({ stream: true }, { signal: gone.signal }).catch(() => undefined);
      await paused;
      gone.abort();
      await answer;
      // The next request is served at once and by the same account; the one given up was never sent again.
      assert.equal((await server.chat()).status, 200);
      assert.equal(simulator.chatRequests.length, 2);
      assert.deepEqual(await states(), ['ready']);
    });
  });

  describe('a slow reader', () => {
    it('stops the upstream, costs little memory, and gets everything in the end', async () => {
      const piece = 'x'.repeat(64 * 1024);
      const pieces = 640;
      let written = 0;
      let stopped = () => {};
      const isStopped = new Promise<void>((resolve) => {
        stopped = resolve;
      });
      const upstream = await startUpstream(async (response) => {
        response.writeHead(200, eventStream);
        for (let count = 0; count < pieces; count++) {
          const hasRoom = response.write(chunkEvent({ content: piece }));
          written += piece.length;
          if (hasRoom) continue;
          const drained = new AbortController();
          void looksQuiet(drained.signal).then(stopped, () => {});
          await once(response, 'drain');
          drained.abort();
        }
        response.end(finishChunk + doneEvent);
      });
      try {
        const clock = createFakeClock();
        await start({ baseUrl: upstream.baseUrl, clock, idleMs: 60_000 });
        const body = JSON.stringify(chatRequest({ stream: true }));
        const socket = connect({ port: server.port, host: '127.0.0.1' });
        socket.pause();
        socket.write(
          `POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer ${clientKey}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
        await isStopped;
        assert.ok(written < pieces * piece.length * 0.75, `${written} of ${pieces * piece.length} bytes taken unread`);
        // A client that does not read is not a silent upstream.
        await clock.advance(10 * 60_000);
        let received = 0;
        let tail = '';
        socket.on('data', (part) => {
          received += part.length;
          tail = (tail + part.toString('latin1')).slice(-200);
        });
        socket.resume();
        await once(socket, 'close');
        assert.ok(received > pieces * piece.length);
        assert.ok(tail.includes('[DONE]'), tail);
      } finally {
        await server.dispose();
        await upstream.close();
      }
    });
  });

  describe('upstreams that only a raw server can be', () => {
    let upstream: RawUpstream | undefined;
    afterEach(async () => {
      await server.dispose();
      await upstream?.close();
      upstream = undefined;
    });

    it('one that never closes after [DONE]: the client is done at once, the socket is given up', async () => {
      upstream = await startUpstream((response) => {
        response.writeHead(200, eventStream);
        response.write(shortAnswer.join('') + doneEvent);
      });
      await start({ accounts: { one: 'sk-one' }, baseUrl: upstream.baseUrl });
      const streamed = await server.chat({ stream: true });
      assert.ok(streamed.text.endsWith(doneEvent));
      assert.equal((await server.chat()).status, 200);
      await upstream.until(() => upstream?.openSockets === 0);
    });
    it('one that goes on talking after [DONE]: nothing of it reaches the client', async () => {
      upstream = await startUpstream((response) => {
        response.writeHead(200, eventStream);
        response.write(shortAnswer.join('') + doneEvent + chunkEvent({ content: 'more' }));
        response.write(chunkEvent({ content: 'z'.repeat(5_000) }));
      });
      await start({ accounts: { one: 'sk-one' }, baseUrl: upstream.baseUrl });
      const answer = await server.chat({ stream: true });
      assert.equal(textOfEvents(answer), 'Hello');
      assert.ok(answer.text.endsWith(doneEvent));
      await upstream.until(() => upstream?.openSockets === 0);
    });
    it('one whose end comes a moment after [DONE]: its connection serves again', async () => {
      upstream = await startUpstream((response) => {
        response.writeHead(200, eventStream);
        response.write(shortAnswer.join('') + doneEvent);
        setImmediate(() => response.end());
      });
      await start({ accounts: { one: 'sk-one' }, baseUrl: upstream.baseUrl });
      for (let count = 0; count < 10; count++)
        assert.ok((await server.chat({ stream: true })).text.endsWith(doneEvent));
      assert.ok(upstream.connections < 10, `${upstream.connections} connections`);
      assert.equal(upstream.openSockets, upstream.connections, 'none was given up');
    });
    it('one that sends no headers counts as stalled', async () => {
      upstream = await startUpstream(() => {});
      await start({ accounts: { one: 'sk-one' }, baseUrl: upstream.baseUrl, clock: hurriedClock(30), idleMs: 3_000 });
      const answer = await server.chat({ stream: true });
      assert.equal(answer.status, 504);
      assert.match(String(answer.error.message), /sent nothing for 3 seconds/);
      await upstream.until(() => upstream?.openSockets === 0);
    });
    it('one whose error body never ends is taken at its status', async () => {
      upstream = await startUpstream((response) => {
        response.writeHead(400, { 'content-type': 'application/json' });
        response.write('{"error":{"message":"Range of input');
      });
      await start({ accounts: { one: 'sk-one' }, baseUrl: upstream.baseUrl, clock: hurriedClock(30), idleMs: 3_000 });
      assert.equal((await server.chat({ stream: true })).status, 400);
      await upstream.until(() => upstream?.openSockets === 0);
    });
    it('one that stalls in the middle of a JSON answer counts as stalled', async () => {
      upstream = await startUpstream((response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.write('{"choices":[');
      });
      await start({ accounts: { one: 'sk-one' }, baseUrl: upstream.baseUrl, clock: hurriedClock(30), idleMs: 3_000 });
      assert.equal((await server.chat()).status, 504);
    });
    it('one that says [DONE] and nothing else gives no answer', async () => {
      upstream = await startUpstream((response) => {
        response.writeHead(200, eventStream);
        response.write(roleChunk + doneEvent);
      });
      await start({ accounts: { one: 'sk-one' }, baseUrl: upstream.baseUrl, clock: hurriedPauses(30) });
      const answer = await server.chat({ stream: true });
      assert.equal(answer.status, 502);
      assert.match(String(answer.error.message), /an empty answer/);
    });
    it('one whose only event lacks its blank line is understood', async () => {
      upstream = await startUpstream((response) => {
        response.writeHead(200, eventStream);
        response.end(
          'data: {"choices":[{"index":0,"delta":{"content":"all of it"},"finish_reason":"stop"}],"object":"chat.completion.chunk"}',
        );
      });
      await start({ accounts: { one: 'sk-one' }, baseUrl: upstream.baseUrl });
      const answer = await server.chat({ stream: true });
      assert.equal(textOfEvents(answer), 'all of it');
      assert.ok(answer.text.endsWith(`}\n\n${doneEvent}`));
    });
    it('content that comes in one piece with an error reaches the client before it', async () => {
      upstream = await startUpstream((response) => {
        response.writeHead(200, eventStream);
        response.write(roleChunk + chunkEvent({ content: 'a' }));
        response.write(
          `${chunkEvent({ content: 'b' })}data:{"request_id":"r","code":"InternalError","message":"flat"}\n\n`,
        );
      });
      await start({ accounts: { one: 'sk-one' }, baseUrl: upstream.baseUrl });
      const answer = await server.chat({ stream: true });
      assert.equal(textOfEvents(answer), 'ab');
      assert.match(JSON.stringify(answer.events.at(-1)), /"message":"flat/);
      assert.ok(!answer.text.includes('[DONE]'));
    });
  });
});
