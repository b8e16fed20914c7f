import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startProxy, type TestProxy } from '../support/server-proxy.ts';
import { chunkEvent, eventStream } from '../support/server-upstream.ts';

const answered = `${chunkEvent({ role: 'assistant', content: 'Yes.' })}${chunkEvent({}, 'stop')}data: [DONE]\n\n`;

/** Of one letter, so that a byte of another request shows. */
const letterOf = (number: number) => String.fromCharCode(97 + (number % 26));
/** Bodies of 0.2 to 2.3 MB. */
const lengthOf = (number: number) => 100_000 + 70_000 * number;

describe('bodies of megabytes', () => {
  let upstream: Server;
  let server: TestProxy;
  let answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>;

  beforeEach(async () => {
    upstream = createServer((request, response) => {
      request.on('error', () => {});
      response.on('error', () => {});
      void answer(request, response).catch(() => response.destroy());
    }).listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const { port } = upstream.address() as AddressInfo;
    server = await startProxy({
      accounts: { one: 'sk-one', two: 'sk-two' },
      baseUrl: `http://127.0.0.1:${port}/v1`,
      settings: { ACCOUNT_STRATEGY: 'fallback' },
    });
  });
  afterEach(async () => {
    await server.dispose();
    upstream.closeAllConnections();
    upstream.close();
  });

  const ask = async (text: string, stream: boolean) => {
    const { status } = await server.chat({
      messages: [
        { role: 'system', content: 'Short.' },
        { role: 'user', content: text },
        { role: 'assistant', content: 'Yes.' },
        { role: 'user', content: text },
      ],
      stream,
    });
    return status;
  };
  const bytesOf = async (request: IncomingMessage) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    return Buffer.concat(parts).toString();
  };

  it('arrive as they were sent, many at once, refused on the way and sent again', async () => {
    const seen: string[] = [];
    answer = async (request, response) => {
      if (request.headers.authorization === 'Bearer sk-one') {
        // Some before their body has come, some after.
        if (seen.length % 2 === 0) await bytesOf(request);
        response.writeHead(401, { 'content-type': 'application/json' });
        response.end('{"error":{"code":"invalid_api_key","message":"Incorrect API key provided."}}');
        return;
      }
      const { messages } = JSON.parse(await bytesOf(request));
      const text: string = messages[1].content;
      assert.equal(messages[3].content, text);
      assert.equal(text, text.slice(0, 1).repeat(text.length));
      seen.push(`${text[0]} ${text.length}`);
      response.writeHead(200, eventStream);
      response.end(answered);
    };
    const wanted: string[] = [];
    for (const round of [0, 1, 2]) {
      await server.proxy.clearAccount('one');
      const statuses = await Promise.all(
        Array.from({ length: 16 }, (_, number) => {
          const letter = letterOf(round * 16 + number);
          wanted.push(`${letter} ${lengthOf(number)}`);
          return ask(letter.repeat(lengthOf(number)), number % 2 === 0);
        }),
      );
      assert.deepEqual(new Set(statuses), new Set([200]));
    }
    assert.deepEqual(seen.toSorted(), wanted.toSorted());
  });

  it('are not changed under an upstream that answers before it has read them', async () => {
    const late: Promise<string>[] = [];
    let goOn = () => {};
    const allAnswered = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    answer = async (request, response) => {
      response.writeHead(200, eventStream);
      response.write(answered);
      // What is still in the sockets is read when the client has its answer, and others have come and gone.
      late.push(allAnswered.then(() => bytesOf(request)).catch((error) => String(error)));
    };
    const letters = Array.from({ length: 8 }, (_, number) => letterOf(number));
    for (const letter of letters) assert.equal(await ask(letter.repeat(2_000_000), true), 200);
    for (const letter of letters) assert.equal(await ask(letter.toUpperCase().repeat(2_000_000), true), 200);
    goOn();
    for (const body of await Promise.all(late)) {
      const [letter = ''] = /([a-zA-Z])\1{99}/.exec(body)?.[1] ?? '';
      const rest = body.replaceAll(letter.repeat(100), '');
      assert.ok(!/([a-zA-Z])\1{99}/.test(rest) && !/[\0\ufffd]/.test(rest), rest.slice(0, 200));
    }
    assert.equal(late.length, 16);
  });
});
