import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { ClientWire } from '../../src/clients/client.ts';
import { baseUrlOf, verifyClient } from '../../src/clients/verify.ts';

interface Seen {
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

describe('clients: verification', () => {
  let server: Server;
  let origin: string;
  let seen: Seen | undefined;
  let answer: { status: number; body: string };
  beforeEach(async () => {
    answer = { status: 200, body: '{}' };
    server = createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      seen = { url: request.url, headers: request.headers, body: JSON.parse(text) };
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    origin = `http://127.0.0.1:${address.port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const verify = (wire: ClientWire) => {
    let time = 0;
    const options = { userAgent: 'QwenProxy/1', now: () => (time += 5) };
    return verifyClient(wire, { baseUrl: baseUrlOf(wire, origin), key: 'k', model: 'm' }, options);
  };

  const requests: readonly (readonly [ClientWire, string, object])[] = [
    ['chat', '/v1/chat/completions', { model: 'm', max_tokens: 16 }],
    ['responses', '/v1/responses', { model: 'm', max_output_tokens: 16, store: false }],
    ['messages', '/anthropic/v1/messages', { model: 'm', max_tokens: 16 }],
  ];
  for (const [wire, url, fields] of requests)
    it(`asks as a client of ${wire} does`, async () => {
      assert.deepEqual(await verify(wire), { ok: true, isForToolsOnly: false, message: '', durationMs: 5 });
      assert.equal(seen?.url, url);
      assert.equal(seen?.headers.authorization, 'Bearer k');
      assert.equal(seen?.headers['user-agent'], 'QwenProxy/1');
      assert.partialDeepStrictEqual(seen?.body, fields);
    });

  const failures: readonly (readonly [string, number, string, string, boolean])[] = [
    ['an error of OpenAI’s shape', 401, '{"error":{"message":"No.","code":"invalid_api_key"}}', 'No.', false],
    ['an error of Anthropic’s shape', 404, '{"type":"error","error":{"type":"x","message":"Gone."}}', 'Gone.', false],
    ['a plan for tools only', 403, '{"error":{"message":"Tools only.","code":"client_rejected"}}', 'Tools only.', true],
    [
      'the same in Anthropic’s shape',
      403,
      '{"type":"error","error":{"type":"permission_error","message":"For Coding Agents only."}}',
      'For Coding Agents only.',
      true,
    ],
    ['no JSON at all', 502, 'Bad Gateway', 'HTTP 502: Bad Gateway', false],
  ];
  for (const [name, status, body, message, isForToolsOnly] of failures)
    it(`tells ${name}`, async () => {
      answer = { status, body };
      assert.deepEqual(await verify('chat'), { ok: false, isForToolsOnly, message, durationMs: 5 });
    });

  it('tells that nobody listens', async () => {
    server.closeAllConnections();
    server.close();
    const { ok, message } = await verify('chat');
    assert.equal(ok, false);
    assert.match(message, /ECONNREFUSED/);
  });
});
