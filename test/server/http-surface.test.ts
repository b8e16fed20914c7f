import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { chatBody } from '../simulator/test-requests.ts';
import { chatRequest, clientKey, startProxy, type TestProxy, textOfEvents } from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

const bodyLimitBytes = 100_000;
const app = 'https://app.example.com';

describe('server: the HTTP surface', () => {
  const simulator = useSimulator({ keys: ['sk-one'] });
  let server: TestProxy;

  before(async () => {
    server = await startProxy({
      accounts: { one: 'sk-one' },
      baseUrl: simulator.baseUrl,
      bodyLimitBytes,
      concurrencyLimit: 2,
      settings: { CORS_ORIGINS: app, ALLOWED_HOSTS: 'proxy.lan,::2' },
    });
  });
  after(() => server.dispose());

  /** One request as written, and everything that comes back until the server closes. */
  const exchange = async (text: string) => {
    const socket = connect(server.port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (part) => {
      answer += part;
    });
    socket.write(text);
    await once(socket, 'close');
    return answer;
  };

  describe('paths', () => {
    const good = [
      '/v1/chat/completions',
      '/chat/completions',
      '//v1//chat/completions',
      '/v1/v1/chat/completions',
      '/v1/v1/v1/chat/completions/',
      '/v1/chat/completions/',
      '/chat/completions/',
      '/v1/chat/completions?api-version=2024-10-21',
    ];
    for (const path of good)
      it(`POST ${path} is a chat completion`, async () => {
        const answer = await server.raw(path, { body: JSON.stringify(chatRequest()) });
        assert.equal(answer.status, 200);
        assert.equal(answer.json.object, 'chat.completion');
      });
    for (const path of ['/models', '/v1/models/', '//v1/v1/models', '/models/qwen3-coder-plus', '/v1/models?x=//y/'])
      it(`GET ${path} is about models`, async () => {
        const { status, json } = await server.raw(path, { method: 'GET' });
        assert.equal(status, 200);
        assert.match(String(json.object), /^(list|model)$/);
      });
    for (const path of ['/', '/v1', '/v2/chat/completions', '/v1/chat/completionsx', '/openai', '/v1/engines'])
      it(`${path} is unknown, and the answer names the right URL`, async () => {
        const { status, error, headers } = await server.raw(path);
        assert.equal(status, 404);
        assert.equal(error.code, 'unknown_url');
        assert.ok(String(error.message).includes(`${server.url}/v1`));
        assert.match(String(headers['content-type']), /^application\/json/);
      });
    it('a broken escape names nothing', async () => {
      const { status, error } = await server.raw('/v1/models/%zz', { method: 'GET' });
      assert.deepEqual([status, error.code], [404, 'unknown_url']);
    });
    for (const [method, path, allow] of [
      ['GET', '/v1/chat/completions', 'POST'],
      ['PUT', '/v1/chat/completions', 'POST'],
      ['POST', '/v1/models', 'GET, HEAD'],
      ['DELETE', '/v1/models/x', 'GET, HEAD'],
      ['OPTIONS', '/v1/models', 'GET, HEAD'],
      ['GET', '/auth/poll', 'POST'],
    ] as const)
      it(`${method} ${path} is not allowed`, async () => {
        const { status, error, headers } = await server.raw(path, { method });
        assert.deepEqual([status, error.code, headers.allow], [405, 'method_not_allowed', allow]);
      });
    it('HEAD answers as GET does, without the body', async () => {
      const head = await server.raw('/health', { method: 'HEAD' });
      const get = await server.raw('/health', { method: 'GET' });
      assert.deepEqual([head.status, head.text], [200, '']);
      assert.equal(head.headers['content-length'], get.headers['content-length']);
    });
    it('/health needs no key and says who serves', async () => {
      const { status, json } = await server.raw('/health', { method: 'GET', headers: { authorization: '' } });
      assert.equal(status, 200);
      assert.deepEqual(json, {
        status: 'ok',
        name: 'qwen-proxy',
        version: '1.2.3',
        mode: 'headless',
        pid: process.pid,
      });
    });
    it('OPTIONS * does not upset it', async () => {
      const answer = await exchange(`OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 404 /);
      assert.match(answer, /"unknown_url"/);
    });
  });

  describe('bodies', () => {
    const bad: readonly (readonly [string, string, RegExp])[] = [
      ['no body', '', /no body/],
      ['broken JSON', '{"model":', /not valid JSON/],
      ['an array', '[]', /must be a JSON object/],
      ['a string', '"hello"', /must be a JSON object/],
      ['null', 'null', /must be a JSON object/],
    ];
    for (const [name, body, message] of bad)
      it(`${name}: 400`, async () => {
        const answer = await server.raw('/v1/chat/completions', { body });
        assert.equal(answer.status, 400);
        assert.equal(answer.error.type, 'invalid_request_error');
        assert.match(String(answer.error.message), message);
      });
    it('a JSON error does not quote the body back', async () => {
      const answer = await server.raw('/v1/chat/completions', { body: '{"secret-canary" oops' });
      assert.equal(answer.status, 400);
      assert.ok(!answer.text.includes('canary'));
    });
    it('invalid UTF-8: 400', async () => {
      const body = Buffer.concat([
        Buffer.from('{"messages":[{"role":"user","content":"'),
        Buffer.from([0xc3, 0x28]),
        Buffer.from('"}]}'),
      ]);
      const socket = connect(server.port, '127.0.0.1');
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${clientKey}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      socket.write(body);
      let answer = '';
      for await (const part of socket) answer += part;
      assert.match(answer, /^HTTP\/1\.1 400 /);
      assert.match(answer, /not valid UTF-8/);
    });
    it('names the field that is wrong', async () => {
      const answer = await server.chat({ messages: [{ role: 'user', content: 'x' }, { role: 7 }] });
      assert.deepEqual([answer.status, answer.error.param], [400, 'messages[1].role']);
      assert.equal(simulator.requests.length, 0);
    });

    it('a content-length above the limit: 413 before a byte of it', async () => {
      const outgoing = httpRequest(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        agent: false,
        headers: { authorization: `Bearer ${clientKey}`, 'content-length': 5_000_000 },
      });
      outgoing.on('error', () => {});
      outgoing.flushHeaders();
      const [response] = await once(outgoing, 'response');
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      await once(response, 'end');
      assert.equal(response.statusCode, 413);
      assert.match(Buffer.concat(parts).toString(), /larger than 100000 bytes/);
      outgoing.destroy();
    });
    it('an upload that announces no length is stopped at the limit, and its sender can read why', async () => {
      const outgoing = httpRequest(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        agent: false,
        headers: { authorization: `Bearer ${clientKey}` },
      });
      const failures: string[] = [];
      outgoing.on('error', (error) => failures.push(error.message));
      let isOver = false;
      const send = () => {
        while (!isOver && outgoing.write('x'.repeat(60_000)));
        if (!isOver) outgoing.once('drain', send);
      };
      send();
      const [response] = await once(outgoing, 'response');
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        isOver = true;
        outgoing.end();
      });
      await once(response, 'end');
      assert.equal(response.statusCode, 413);
      assert.match(response.headers['content-type'] ?? '', /json/);
      assert.equal(JSON.parse(text).error.code, 'request_too_large');
      assert.deepEqual(failures, []);
    });
    it('a body that is refused for its key still ends with a readable answer', async () => {
      const answer = await server.raw('/v1/chat/completions', {
        body: 'x'.repeat(3_000_000),
        headers: { authorization: 'Bearer wrong' },
      });
      assert.deepEqual([answer.status, answer.error.code], [401, 'invalid_api_key']);
    });
    it('Expect: 100-continue is answered', async () => {
      const body = JSON.stringify(chatRequest());
      const outgoing = httpRequest(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        agent: false,
        headers: {
          authorization: `Bearer ${clientKey}`,
          expect: '100-continue',
          'content-length': Buffer.byteLength(body),
        },
      });
      outgoing.flushHeaders();
      await once(outgoing, 'continue');
      outgoing.end(body);
      const [response] = await once(outgoing, 'response');
      response.resume();
      await once(response, 'end');
      assert.equal(response.statusCode, 200);
    });
    it('a client that goes away while it sends takes nothing with it', async () => {
      const socket = connect(server.port, '127.0.0.1');
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${clientKey}\r\nContent-Length: 900\r\n\r\n{"mess`,
      );
      await once(socket, 'connect');
      socket.destroy();
      assert.equal((await server.chat()).status, 200);
      assert.equal(simulator.chatRequests.length, 1);
    });
  });

  it('serves no more requests at once than the limit, and says when to come back', async () => {
    simulator.fail({ fault: { kind: 'stall', afterChunks: 2 }, times: 2 });
    const gone = new AbortController();
    const open = [1, 2].map(() => server.chat({ stream: true }, { signal: gone.signal }).catch(() => {}));
    await simulator.until(() => simulator.openStreams === 2);
    const third = await server.chat();
    assert.deepEqual([third.status, third.error.type, third.headers['retry-after']], [429, 'rate_limit_error', '1']);
    gone.abort();
    await Promise.all(open);
    // The places are free again when both requests have been written down; until then it is 429.
    let next = await server.chat();
    while (next.status === 429) next = await server.chat();
    assert.equal(next.status, 200);
  });

  describe('keys', () => {
    for (const [name, headers] of [
      ['none', { authorization: '' }],
      ['a wrong one', { authorization: 'Bearer nope' }],
      ['a longer one', { authorization: `Bearer ${clientKey}x` }],
      ['a shorter one', { authorization: `Bearer ${clientKey.slice(0, -1)}` }],
      ['an empty bearer', { authorization: 'Bearer ' }],
      ['another scheme', { authorization: `Basic ${clientKey}` }],
    ] as const)
      it(`${name}: 401`, async () => {
        for (const [method, path] of [
          ['POST', '/v1/chat/completions'],
          ['GET', '/v1/models'],
          ['GET', '/v1/models/qwen3-coder-plus'],
          ['POST', '/auth/initiate'],
          ['POST', '/auth/poll'],
        ] as const) {
          const answer = await server.raw(path, { method, headers, body: method === 'POST' ? chatBody() : '' });
          assert.deepEqual([answer.status, answer.error.code], [401, 'invalid_api_key'], path);
        }
        assert.equal(simulator.requests.length, 0);
      });
    it('x-api-key serves as well', async () => {
      const headers = { authorization: '', 'x-api-key': clientKey };
      assert.equal((await server.raw('/v1/models', { method: 'GET', headers })).status, 200);
    });
    it('a good x-api-key beside a foreign bearer serves', async () => {
      const headers = { authorization: 'Bearer sk-ant-something', 'x-api-key': clientKey };
      assert.equal((await server.raw('/v1/models', { method: 'GET', headers })).status, 200);
    });
  });

  describe('hosts and origins', () => {
    for (const host of ['evil.com', '127.0.0.1.evil.com', 'localhost.evil.com', '0.0.0.0', '127.1', 'localhost.'])
      it(`Host ${host} is refused everywhere, key or not`, async () => {
        for (const path of ['/health', '/v1/models', '/nowhere']) {
          const { status, error } = await server.raw(path, { method: 'GET', headers: { host } });
          assert.deepEqual([status, error.code], [403, 'forbidden'], path);
        }
      });
    it('a request without a Host is refused', async () => {
      assert.match(await exchange('GET /health HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 403 /);
    });
    for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1:8080', '[::1]:80', 'proxy.lan', 'proxy.lan:99', '[::2]'])
      it(`Host ${host} passes`, async () => {
        assert.equal((await server.raw('/health', { method: 'GET', headers: { host } })).status, 200);
      });
    for (const origin of ['https://localhost.evil.com', 'null', 'file://', 'http://localhost:3000', `${app}.evil.com`])
      it(`a page of ${origin} is refused, its preflight too`, async () => {
        for (const method of ['GET', 'OPTIONS']) {
          const headers = { origin, 'access-control-request-method': 'POST' };
          const answer = await server.raw('/v1/models', { method, headers });
          assert.equal(answer.status, 403);
          assert.equal(answer.headers['access-control-allow-origin'], undefined);
        }
      });
    it('a cross-site fetch without an Origin is refused', async () => {
      const headers = { 'sec-fetch-site': 'cross-site' };
      assert.equal((await server.raw('/health', { method: 'GET', headers })).status, 403);
      assert.equal((await server.raw('/health', { method: 'GET', headers: { 'sec-fetch-site': 'none' } })).status, 200);
    });
    it('our own origin passes', async () => {
      assert.equal((await server.raw('/health', { method: 'GET', headers: { origin: server.url } })).status, 200);
    });
    it('an allowed page gets its preflight and its answers', async () => {
      const preflight = await server.raw('/v1/chat/completions', {
        method: 'OPTIONS',
        headers: {
          origin: app,
          authorization: '',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization, x-stainless-lang',
        },
      });
      assert.equal(preflight.status, 204);
      assert.equal(preflight.headers['access-control-allow-origin'], app);
      assert.match(String(preflight.headers['access-control-allow-methods']), /POST/);
      assert.equal(preflight.headers['access-control-allow-headers'], 'authorization, x-stainless-lang');
      for (const stream of [true, false]) {
        const answer = await server.chat({ stream }, { headers: { origin: app } });
        assert.equal(answer.status, 200);
        assert.equal(answer.headers['access-control-allow-origin'], app);
        assert.equal(answer.headers.vary, 'origin');
      }
      const refused = await server.chat({}, { headers: { origin: app, authorization: 'Bearer x' } });
      assert.deepEqual([refused.status, refused.headers['access-control-allow-origin']], [401, app]);
    });
  });

  it('gives every answer a request id of its own, whatever the client sends', async () => {
    const headers = { 'x-request-id': 'mine' };
    const answers = [
      await server.raw('/health', { method: 'GET', headers }),
      await server.raw('/v1/models', { method: 'GET', headers }),
      await server.raw('/v1/models/qwen3-coder-plus', { method: 'GET', headers }),
      await server.raw('/nowhere', { headers }),
      await server.raw('/v1/models', { method: 'PUT', headers }),
      await server.raw('/health', { method: 'GET', headers: { ...headers, host: 'evil.com' } }),
      await server.raw('/v1/models', { method: 'GET', headers: { ...headers, authorization: '' } }),
      await server.raw('/auth/poll', { headers }),
      await server.raw('/v1/models', {
        method: 'OPTIONS',
        headers: { ...headers, origin: app, 'access-control-request-method': 'GET' },
      }),
      await server.chat({}, { headers }),
      await server.chat({ stream: true }, { headers }),
      await server.chat({ messages: 1 }, { headers }),
    ];
    const ids = answers.map((answer) => String(answer.headers['x-request-id']));
    for (const id of ids) assert.match(id, /^req_[0-9a-f]{32}$/);
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(answers.at(-1)?.json.request_id, ids.at(-1), 'errors name it too');
  });

  it('lets requests without a key in where API_KEY is off', async () => {
    const open = await startProxy({
      accounts: { one: 'sk-one' },
      baseUrl: simulator.baseUrl,
      settings: { API_KEY: 'off' },
    });
    try {
      const answer = await open.chat({ stream: true }, { headers: { authorization: '' } });
      assert.equal(textOfEvents(answer), 'Echo: hello');
    } finally {
      await open.dispose();
    }
  });

  it('knows several keys', async () => {
    const several = await startProxy({ settings: { API_KEY: 'alpha, beta' } });
    try {
      const statuses = [];
      for (const key of ['alpha', 'beta', 'alpha, beta', 'gamma'])
        statuses.push(
          (await several.raw('/v1/models', { method: 'GET', headers: { authorization: `Bearer ${key}` } })).status,
        );
      assert.deepEqual(statuses, [200, 200, 401, 401]);
      assert.equal(await several.proxy.localKey(), 'alpha');
    } finally {
      await several.dispose();
    }
  });
});
