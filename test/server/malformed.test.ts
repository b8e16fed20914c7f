import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import { limits } from '../../src/server/limits.ts';
import { listen } from '../../src/server/listen.ts';
import { chatRequest, clientKey, startProxy, type TestProxy } from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

const key = `Authorization: Bearer ${clientKey}\r\n`;
const chat = `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${key}`;
const body = JSON.stringify(chatRequest());

/** Bytes as written, and all that comes back until the other end closes. */
async function exchange(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (part) => {
    answer += part;
  });
  socket.on('error', (error) => {
    answer += `\n${error.message}`;
  });
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  return answer;
}

describe('server: what is no request, or more than one', () => {
  const simulator = useSimulator({ keys: ['sk-one'] });
  let server: TestProxy;
  before(async () => {
    server = await startProxy({ accounts: { one: 'sk-one' }, baseUrl: simulator.baseUrl });
  });
  after(() => server.dispose());

  const smuggling: readonly (readonly [string, string | Buffer])[] = [
    ['a length beside chunks', `${chat}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['two lengths', `${chat}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde`],
    ['a coding that is not the last', `${chat}Transfer-Encoding: chunked, gzip\r\n\r\n`],
    ['a coding that is none', `${chat}Transfer-Encoding: identity\r\n\r\n`],
    ['a coding behind a tab and letters', `${chat}Transfer-Encoding:\txchunked\r\n\r\n0\r\n\r\n`],
    ['a negative length', `${chat}Content-Length: -1\r\n\r\n`],
    ['a length with a sign', `${chat}Content-Length: +5\r\n\r\nabcde`],
    ['a length in hexadecimal', `${chat}Content-Length: 0x5\r\n\r\nabcde`],
    ['a folded header', `${chat}X-A: a\r\n b\r\nContent-Length: 0\r\n\r\n`],
    ['a blank before the colon', `${chat}Content-Length : 0\r\n\r\n`],
    ['line feeds alone', `${chat}Content-Length: 0\r\n\r\n`.replaceAll('\r\n', '\n')],
    ['a NUL in a header', `${chat}X-A: a\0b\r\nContent-Length: 0\r\n\r\n`],
    ['a chunk with a broken length', `${chat}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a TLS hello', Buffer.from('16030100a5010000a10303', 'hex')],
  ];
  for (const [name, bytes] of smuggling)
    it(`${name}: 400 with a reason, and nothing goes upstream`, async () => {
      const answer = await exchange(server.port, bytes);
      assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
      const { type, error } = JSON.parse(answer.split('\r\n\r\n')[1] ?? '');
      assert.deepEqual([type, error.type], ['error', 'invalid_request_error']);
      assert.match(error.message, /no valid HTTP/);
      assert.equal(answer.match(/^HTTP\/1\.1 \d/gm)?.length, 1, 'one answer');
      assert.equal(simulator.requests.length, 0);
    });

  for (const [name, bytes] of [
    ['a header of 70 kB', `${chat}X-A: ${'a'.repeat(70_000)}\r\n\r\n`],
    ['3,000 headers', `${chat}${Array.from({ length: 3_000 }, (_, index) => `x${index}: 1\r\n`).join('')}\r\n`],
    ['a URL of 20 kB', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
  ] as const)
    it(`${name}: 431 that can be read`, async () => {
      const answer = await exchange(server.port, bytes);
      assert.match(answer, /^HTTP\/1\.1 431 /);
      assert.match(answer, /"message":"The URL and the headers of the request are too long\."/);
    });

  it('two Host headers: 400, whichever comes first', async () => {
    for (const hosts of [
      ['localhost', 'evil.com'],
      ['localhost', 'localhost'],
    ]) {
      const lines = hosts.map((host) => `Host: ${host}\r\n`).join('');
      const answer = await exchange(server.port, `GET /health HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 400 /);
      assert.match(answer, /more than one Host/);
    }
  });
  it('a URL of another server is not asked, and not taken for ours', async () => {
    for (const [target, status] of [
      ['http://evil.com/v1/chat/completions', 403],
      ['http://127.0.0.1:1/v1/chat/completions', 403],
      ['https://user@localhost/v1/chat/completions', 403],
    ] as const) {
      const head = `POST ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${key}`;
      const answer = await exchange(server.port, `${head}Content-Length: ${body.length}\r\n\r\n${body}`);
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), target);
    }
    assert.equal(simulator.requests.length, 0);
  });
  it('CONNECT makes no tunnel', async () => {
    assert.equal(await exchange(server.port, 'CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: localhost\r\n\r\n'), '');
  });
  it('an expectation that nobody knows: 417', async () => {
    const answer = await exchange(server.port, `${chat}Expect: 200-maybe\r\nContent-Length: 2\r\n\r\n{}`);
    assert.match(answer, /^HTTP\/1\.1 417 /);
    assert.equal(simulator.requests.length, 0);
  });

  it('requests in one piece are answered in their order', async () => {
    const post = (content: string) => {
      const text = JSON.stringify(chatRequest({ messages: [{ role: 'user', content }] }));
      return `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n${key}Content-Length: ${text.length}\r\n\r\n${text}`;
    };
    const last = 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    const answer = await exchange(server.port, post('first') + post('second') + last);
    assert.match(answer, /Echo: first.*Echo: second.*"name":"qwen-proxy"/s);
    assert.equal(answer.match(/HTTP\/1\.1 200 OK/g)?.length, 3);
  });
  it('garbage behind a request does not get into its stream', async () => {
    simulator.script({ answer: { text: ['a', 'b', 'c'], chunkDelayMs: 20 } });
    const text = JSON.stringify(chatRequest({ stream: true }));
    const socket = connect(server.port, '127.0.0.1').on('error', () => {});
    let answer = '';
    socket.setEncoding('utf8').on('data', (part: string) => {
      if (!answer.includes('"a"') && (answer + part).includes('"a"')) socket.write('\0garbage\r\n\r\n');
      answer += part;
    });
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n${key}Content-Length: ${text.length}\r\n\r\n${text}`,
    );
    await new Promise((resolve) => socket.once('close', resolve));
    assert.equal(answer.match(/^HTTP\/1\.1 \d/gm)?.length, 1);
    assert.doesNotMatch(answer, /no valid HTTP/);
  });

  describe('bodies', () => {
    const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    const inEach: readonly (readonly [string, (value: string) => string])[] = [
      [
        '/v1/chat/completions',
        (value) => `{"model":"qwen3-coder-plus","messages":[{"role":"user","content":"x"}],"x":${value}}`,
      ],
      [
        '/v1/messages',
        (value) => `{"model":"qwen3-coder-plus","max_tokens":9,"messages":[{"role":"user","content":${value}}]}`,
      ],
      [
        '/v1/messages/count_tokens',
        (value) => `{"model":"qwen3-coder-plus","messages":[],"tools":[{"input_schema":${value}}]}`,
      ],
      ['/v1/responses', (value) => `{"model":"qwen3-coder-plus","input":"x","tools":[{"parameters":${value}}]}`],
      ['/v1/responses/input_tokens', (value) => `{"model":"qwen3-coder-plus","input":${value}}`],
      ['/v1/completions', (value) => `{"model":"qwen3-coder-plus","prompt":"x","x":${value}}`],
      ['/v1/embeddings', (value) => `{"model":"qwen3-coder-plus","input":"x","x":${value}}`],
      ['/auth/poll', (value) => `{"device_code":"x","x":${value}}`],
    ];
    for (const [path, around] of inEach) {
      it(`${path}: 100,000 levels are a clear refusal`, async () => {
        const text = around(nested(path === '/auth/poll' ? 1_000 : 100_000));
        const answer = await server.raw(path, { body: text });
        assert.equal(answer.status, 400);
        assert.match(String(answer.error.message), /nested more than 256 levels deep/);
        assert.equal(simulator.requests.length, 0);
      });
      it(`${path}: names of the prototype change nothing`, async () => {
        const value = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
        const text = `${around(value).slice(0, -1)},"__proto__":{"polluted":1,"isAdmin":true}}`;
        const { status } = await server.raw(path, { body: text });
        assert.notEqual(status, 500);
        assert.equal(Object.getOwnPropertyDescriptor(Object.prototype, 'polluted'), undefined);
        assert.equal(Reflect.get({}, 'isAdmin'), undefined);
      });
      it(`${path}: numbers beyond every range are no crash`, async () => {
        for (const number of ['1e999', '-1e999', '9'.repeat(400), '1e-999', '-0'])
          assert.notEqual((await server.raw(path, { body: around(number) })).status, 500);
      });
    }
    it('of a key that stands twice the last value counts, and only that one goes upstream', async () => {
      const text = `{"model":"evil","model":"qwen3-coder-plus","messages":[{"role":"user","content":"a"}],"messages":[{"role":"user","content":"b"}]}`;
      assert.equal((await server.raw('/v1/chat/completions', { body: text })).status, 200);
      const { rawBody = '' } = simulator.chatRequests[0] ?? {};
      assert.equal(rawBody.match(/"model"/g)?.length, 1);
      assert.ok(!rawBody.includes('evil') && !rawBody.includes('"a"'));
    });
    it('a model’s name as long as a body is refused, and kept nowhere', async () => {
      const name = 'm'.repeat(limits.modelNameLength + 1);
      const { messages } = chatRequest();
      for (const [path, fields] of [
        ['/v1/chat/completions', { messages }],
        ['/v1/messages', { messages, max_tokens: 9 }],
        ['/v1/responses', { input: 'x' }],
        ['/v1/embeddings', { input: 'x' }],
        ['/v1/completions', { prompt: 'x' }],
      ] as const) {
        const { status, error } = await server.raw(path, { body: JSON.stringify({ model: name, ...fields }) });
        assert.equal(status, 400, path);
        assert.match(String(error.message), /at most 256 characters/, path);
      }
      assert.equal(simulator.requests.length, 0);
      assert.ok(!JSON.stringify(await server.proxy.watchRequests()).includes(name));
      const longest = chatRequest({ model: name.slice(1) });
      assert.notEqual((await server.raw('/v1/chat/completions', { body: JSON.stringify(longest) })).status, 400);
      await server.proxy.clearAccount('one');
    });
    it('256 levels are taken', async () => {
      const value = nested(limits.bodyDepth - 1);
      assert.equal((await server.raw('/v1/chat/completions', { body: inEach[0]?.[1](value) ?? '' })).status, 200);
    });
  });

  it('no more connections than the limit', async () => {
    const seen: string[] = [];
    const answer: RequestListener = (_request, response) => {
      seen.push('request');
      response.end();
    };
    const listening = await listen(answer, { host: '127.0.0.1', port: 0, connections: 2 });
    const open = [1, 2].map(() => connect(listening.port, '127.0.0.1'));
    try {
      await Promise.all(open.map((socket) => once(socket, 'connect')));
      const request = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
      // The kernel accepts a third one; the server closes it unheard.
      assert.doesNotMatch(await exchange(listening.port, request), /HTTP/);
      assert.deepEqual(seen, []);
      open[0]?.write(request);
      open[0]?.resume();
      if (open[0]) await once(open[0], 'close');
      assert.match(await exchange(listening.port, request), /HTTP\/1\.1 200/);
    } finally {
      for (const socket of open) socket.destroy();
      await listening.close();
    }
  });
});
