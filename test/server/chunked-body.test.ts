import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import fc from 'fast-check';
import { streamBody } from '../../src/server/chunked-body.ts';
import { clientKey, startProxy, type TestProxy } from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

/** Everything that comes back for the bytes, until the server ends the connection or `isAll` has come. */
async function exchange(port: number, request: string, isAll: (text: string) => boolean): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(request);
  const parts: Buffer[] = [];
  for await (const part of socket) {
    parts.push(part);
    if (isAll(Buffer.concat(parts).toString())) break;
  }
  return Buffer.concat(parts).toString();
}

describe('the body of an event stream', () => {
  describe('written by hand', () => {
    let server: Server;
    let writes: readonly (string | Buffer)[] = [];
    let last = '';
    before(async () => {
      server = createServer((_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.flushHeaders();
        const body = streamBody(response);
        for (const each of writes) body.write(each);
        body.end(last);
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
    });
    after(() => server.close());

    it('is what was written, whatever the pieces are', async () => {
      const { port } = server.address() as AddressInfo;
      const piece = fc.oneof(
        fc.string({ unit: 'grapheme', maxLength: 300 }),
        fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(Buffer.from(bytes).toString('latin1'))),
        fc.constantFrom('x'.repeat(8_192), 'ü'.repeat(5_000), Buffer.alloc(8_193, 'y'), Buffer.alloc(300_000, 'z')),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(piece, { maxLength: 8 }), fc.string({ unit: 'grapheme' }), async (pieces, end) => {
          writes = pieces;
          last = end;
          const expected = [...pieces.map((each) => each.toString()), end].join('');
          const answer = await fetch(`http://127.0.0.1:${port}/`);
          assert.equal(Buffer.from(await answer.arrayBuffer()).toString(), expected);
        }),
        { numRuns: 60 },
      );
    });
    it('comes without chunks to a client of HTTP/1.0, and ends with the connection', async () => {
      writes = ['a', Buffer.alloc(9_000, 'b')];
      last = 'c';
      const { port } = server.address() as AddressInfo;
      const answer = await exchange(port, 'GET / HTTP/1.0\r\n\r\n', () => false);
      const [head = '', body] = answer.split('\r\n\r\n');
      assert.doesNotMatch(head, /transfer-encoding/i);
      assert.equal(body, `a${'b'.repeat(9_000)}c`);
    });
    it('keeps its turn where several were asked for at once', async () => {
      writes = ['one', Buffer.alloc(100_000, 'x'), 'two'];
      last = 'end';
      const { port } = server.address() as AddressInfo;
      const one = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
      const answer = await exchange(port, one + one + one, (text) => text.split('0\r\n\r\n').length === 4);
      const bodies = answer.split(/HTTP\/1\.1 200 OK\r\n/).slice(1);
      assert.equal(bodies.length, 3);
      for (const each of bodies)
        assert.ok(
          each.endsWith(`\r\n\r\n3\r\none\r\n186a0\r\n${'x'.repeat(100_000)}\r\n3\r\ntwo\r\n3\r\nend\r\n0\r\n\r\n`),
        );
    });
  });

  describe('of the server', () => {
    const simulator = useSimulator({ keys: ['sk-one'] });
    let server: TestProxy;
    beforeEach(async () => {
      server = await startProxy({ accounts: { one: 'sk-one' }, baseUrl: simulator.baseUrl });
    });
    afterEach(() => server.dispose());

    it('leaves the connection as fit for the next request as it was', async () => {
      const body = JSON.stringify({
        model: 'qwen3-coder-plus',
        stream: true,
        messages: [{ role: 'user', content: 'hello' }],
      });
      const request = `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\nauthorization: Bearer ${clientKey}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
      const answers = await exchange(server.port, request + request, (text) => text.split('0\r\n\r\n').length === 3);
      assert.equal(answers.split('HTTP/1.1 200 OK').length, 3);
      assert.equal(answers.split('data: [DONE]\n\n\r\n0\r\n\r\n').length, 3);
    });
  });
});
