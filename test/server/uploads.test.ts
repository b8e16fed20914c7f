import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { chatRequest, clientKey, startProxy, type TestProxy } from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

const mebibyte = 1024 * 1024;
const limitMib = 64;

/** Every route that takes a body of a client. */
const paths = [
  '/v1/chat/completions',
  '/v1/responses',
  '/v1/responses/input_tokens',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/messages',
  '/anthropic/v1/messages',
  '/v1/messages/count_tokens',
];
const isAnthropic = (path: string) => path.includes('/messages');

describe('server: all uploads together', () => {
  const simulator = useSimulator({ keys: ['sk-one'] });
  let server: TestProxy;
  let sockets: Socket[] = [];

  before(async () => {
    server = await startProxy({
      accounts: { one: 'sk-one' },
      baseUrl: simulator.baseUrl,
      settings: { UPLOAD_LIMIT_MIB: limitMib },
    });
  });
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    sockets = [];
  });
  after(() => server.dispose());

  /** A request whose body does not come to its end, and what it is answered. */
  const begin = (headers: string, part: Buffer, path = '/v1/chat/completions') => {
    const socket = connect(server.port, '127.0.0.1');
    sockets.push(socket);
    const upload = { socket, answer: '' };
    socket.on('error', () => {}).setEncoding('latin1');
    socket.on('data', (text: string) => {
      upload.answer += text;
    });
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${clientKey}\r\n${headers}\r\n\r\n`,
    );
    socket.write(part);
    return upload;
  };
  /** So many bytes as the body of a request that says nothing a model could be asked. */
  const useless = (bytes: number) => Buffer.from(`{"x":"${'x'.repeat(bytes - 8)}"}`);
  const statusOf = async (bytes: number, path = '/v1/chat/completions') =>
    (await server.raw(path, { body: gzipSync(useless(bytes), { level: 1 }), headers: { 'content-encoding': 'gzip' } }))
      .status;
  const chunk = (part: Buffer) =>
    Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]);

  const withText = (fields: object) =>
    JSON.stringify(chatRequest({ ...fields, messages: [{ role: 'user', content: 'x'.repeat(2 * mebibyte) }] }));
  /** Requests of 2 MiB each whose answers do not come to an end; the returned function lets them go. */
  const holdOpen = async (count: number) => {
    simulator.script({ answer: { text: 'never read' }, times: count });
    simulator.fail({ fault: { kind: 'stall', afterChunks: 2 }, times: count });
    const gone = new AbortController();
    const body = withText({ stream: true });
    const open = Array.from({ length: count }, () =>
      server.raw('/v1/chat/completions', { body, signal: gone.signal }).catch(() => {}),
    );
    await simulator.until(() => simulator.openStreams === count);
    return async () => {
      gone.abort();
      await Promise.all(open);
    };
  };
  /** Everything is free again: a body of nearly the whole limit is read. It is given back in the server's own time, too. */
  const isFree = async () => {
    while ((await statusOf(limitMib * mebibyte - 1_000)) === 429);
    return true;
  };

  it('a body beyond the limit of all is refused on every route, with Retry-After in the client’s format', async () => {
    const letGo = await holdOpen(31);
    const body = useless(2 * mebibyte);
    for (const path of paths) {
      const coding = { 'content-encoding': 'gzip' };
      const answers = [
        await server.raw(path, { body }),
        await server.raw(path, { body: gzipSync(body), headers: coding }),
      ];
      for (const { status, headers, error, json } of answers) {
        assert.deepEqual([status, headers['retry-after'], error.type], [429, '1', 'rate_limit_error'], path);
        assert.equal(json.type, isAnthropic(path) ? 'error' : undefined, path);
        assert.match(String(error.message), /All request bodies together are larger than 64 MiB/);
      }
      const unannounced = begin('Transfer-Encoding: chunked', chunk(body), path);
      await once(unannounced.socket, 'data');
      assert.match(unannounced.answer, /^HTTP\/1\.1 429 [\s\S]*retry-after: 1\r\n/i, path);
    }
    await letGo();
    assert.ok(await isFree());
  });
  it('of many half-sent uploads as many are kept as fit; the others can read why, and all of it is free when they leave', async () => {
    const half = useless(4 * mebibyte).subarray(0, 2 * mebibyte);
    const uploads = Array.from({ length: 40 }, () => begin(`Content-Length: ${4 * mebibyte}`, half));
    const refused = () => uploads.filter(({ answer }) => answer.includes('\r\n\r\n'));
    while (refused().length < uploads.length - limitMib / 2)
      await Promise.race(uploads.map(({ socket }) => once(socket, 'data').catch(() => {})));
    assert.ok(refused().length < uploads.length);
    for (const { answer } of refused()) assert.match(answer, /^HTTP\/1\.1 429 [\s\S]*retry-after: 1\r\n/i);
    for (const { socket } of uploads) socket.destroy();
    assert.ok(await isFree());
  });
  describe('is free again when a request', () => {
    const full = useless(2 * mebibyte);
    const ways: Readonly<Record<string, () => Promise<unknown>>> = {
      'is answered': () => {
        simulator.script({ answer: { text: 'yes' } });
        return server.raw('/v1/chat/completions', { body: withText({}) });
      },
      'is answered with a stream': () => {
        simulator.script({ answer: { text: 'yes' } });
        return server.raw('/v1/chat/completions', { body: withText({ stream: true }) });
      },
      'fails upstream': () => {
        simulator.fail({ fault: { kind: 'error', id: 65 }, times: 8 });
        return server.raw('/v1/chat/completions', { body: withText({}) });
      },
      'names a field that is wrong': () => server.raw('/v1/chat/completions', { body: full }),
      'is no JSON': () => server.raw('/v1/chat/completions', { body: full.subarray(1) }),
      'is not what its coding says': () =>
        server.raw('/v1/chat/completions', { body: full, headers: { 'content-encoding': 'gzip' } }),
      'breaks off in its coding': () => {
        const packed = gzipSync(Buffer.concat([full, full]), { level: 1 });
        const broken = Buffer.concat([packed.subarray(0, packed.length / 2), Buffer.alloc(1_000)]);
        return server.raw('/v1/chat/completions', { body: broken, headers: { 'content-encoding': 'gzip' } });
      },
      'counts tokens': () => server.raw('/v1/messages/count_tokens', { body: full }),
      'is larger than one may be': () => statusOf(65 * mebibyte),
      'loses its client in the upload': async () => {
        const { socket } = begin(`Content-Length: ${4 * mebibyte}`, full);
        await once(socket, 'drain');
        socket.destroy();
      },
      'loses its client in the answer': async () => {
        simulator.script({ answer: { text: 'never read' } });
        simulator.fail({ fault: { kind: 'stall', afterChunks: 2 } });
        const gone = new AbortController();
        const body = withText({ stream: true });
        const answer = server.raw('/v1/chat/completions', { body, signal: gone.signal, onRead: () => gone.abort() });
        await answer.catch(() => {});
      },
    };
    for (const [name, end] of Object.entries(ways))
      it(name, async () => {
        for (let count = 0; count < 2; count++) await end();
        await server.proxy.clearAccount('one');
        assert.ok(await isFree());
      });
  });
  it('holds the body of a request until it is answered', async () => {
    const letGo = await holdOpen(1);
    assert.equal(await statusOf(63 * mebibyte), 429);
    assert.equal(await statusOf(61 * mebibyte), 400);
    await letGo();
    assert.ok(await isFree());
  });
});
