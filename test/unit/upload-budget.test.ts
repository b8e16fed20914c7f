import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { GatewayError } from '../../src/core/errors.ts';
import { readJsonBody } from '../../src/server/body.ts';
import { createUploadBudget, type UploadBudget } from '../../src/server/upload-budget.ts';

const limitBytes = 40_000;
const bodyBytes = 20_000;

describe('upload budget', () => {
  let budget: UploadBudget;
  let server: Server;
  let port = 0;
  let most = 0;
  /** Error codes, or `read`, of the requests that are over. */
  let ended: string[] = [];
  let onEnded = () => {};

  before(async () => {
    server = createServer(async (request, response) => {
      try {
        await readJsonBody(request, bodyBytes, budget);
        most = Math.max(most, budget.takenBytes);
        ended.push('read');
      } catch (error) {
        ended.push(error instanceof GatewayError ? error.code : String(error));
      } finally {
        budget.release(request);
        budget.release(request);
        response.end();
        onEnded();
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    budget = createUploadBudget(() => limitBytes);
    [most, ended] = [0, []];
  });

  const json = (length: number) => Buffer.from(JSON.stringify({ text: 'x'.repeat(length) }));
  const upload = fc.record({
    length: fc.oneof(fc.nat(15_000), fc.nat(30_000)),
    coding: fc.constantFrom('', 'gzip', 'broken'),
    announced: fc.boolean(),
    /** How much of it is sent before its client leaves; 1 = all of it, and it stays. */
    sent: fc.constantFrom(1, 1, 0.9, 0.3, 0),
    spoilt: fc.boolean(),
  });

  it('is empty again when every request is over, however each of them ended', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(upload, { minLength: 1, maxLength: 12 }), async (uploads) => {
        [most, ended] = [0, []];
        const over = new Promise<void>((resolve) => {
          onEnded = () => ended.length === uploads.length && resolve();
        });
        const sockets = uploads.map(({ length, coding, announced, sent, spoilt }) => {
          const plain = spoilt ? Buffer.concat([json(length), Buffer.from('}')]) : json(length);
          const body = coding === 'gzip' ? gzipSync(plain) : plain;
          const part = body.subarray(0, Math.floor(body.length * sent));
          const socket = connect(port, '127.0.0.1');
          socket.on('error', () => {}).resume();
          socket.write(
            `POST / HTTP/1.1\r\nHost: x\r\n${coding === '' ? '' : 'Content-Encoding: gzip\r\n'}${
              announced ? `Content-Length: ${body.length}` : 'Transfer-Encoding: chunked'
            }\r\n\r\n`,
          );
          if (!announced && part.length > 0) socket.write(`${part.length.toString(16)}\r\n`);
          socket.write(part);
          if (!announced && part.length > 0) socket.write('\r\n');
          if (!announced && sent === 1) socket.write('0\r\n\r\n');
          if (sent < 1) socket.end();
          return socket;
        });
        await over;
        for (const socket of sockets) socket.destroy();
        assert.equal(budget.takenBytes, 0, ended.join());
        assert.ok(most <= limitBytes, `${most} bytes at once`);
      }),
      { numRuns: 60 },
    );
  });
  it('says when to come back', () => {
    const error = budget.take(limitBytes) ?? budget.take(1);
    assert.equal(error?.code, 'too_many_requests');
    assert.equal(error?.retryAfterMs, 1_000);
  });
  it('refuses an announced body at once where it cannot be taken', () => {
    assert.equal(budget.take(limitBytes - 10), undefined);
    budget.check(10);
    assert.throws(() => budget.check(11), { code: 'too_many_requests' });
  });
});
