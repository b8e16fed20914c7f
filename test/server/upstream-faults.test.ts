import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, zstdCompressSync } from 'node:zlib';
import Anthropic from '@anthropic-ai/sdk';
import { findFreePort } from '../support/free-port.ts';
import { clientKey, hurriedPauses, startProxy, type TestProxy } from '../support/server-proxy.ts';
import { type RawUpstream, startUpstream } from '../support/server-upstream.ts';
import { useSimulator } from '../support/use-simulator.ts';

const model = 'qwen3.7-plus';
const messages = [{ role: 'user' as const, content: 'hello' }];
const whole = 'Echo: hello';

/** A format of clients on a lane, as its own SDK reads it. */
interface Surface {
  readonly name: string;
  readonly isNative: boolean;
  ask(server: TestProxy, stream: boolean): Promise<string>;
}

const anthropicOf = ({ url }: TestProxy) =>
  new Anthropic({ baseURL: `${url}/anthropic`, apiKey: clientKey, authToken: null, maxRetries: 0 });

const surfaces: readonly Surface[] = [
  {
    name: 'chat',
    isNative: false,
    async ask({ client: { chat } }, stream) {
      if (stream) return (await chat.completions.stream({ model, messages }).finalContent()) ?? '';
      return (await chat.completions.create({ model, messages })).choices[0]?.message.content ?? '';
    },
  },
  {
    name: 'completions, translated',
    isNative: false,
    async ask({ client: { completions } }, stream) {
      const body = { model, prompt: 'hello' };
      let text = '';
      if (stream)
        for await (const part of await completions.create({ ...body, stream })) text += part.choices[0]?.text ?? '';
      else text = (await completions.create(body)).choices[0]?.text ?? '';
      return text.replace(/<\/?prefix>/g, '');
    },
  },
  ...[false, true].flatMap((isNative): Surface[] => [
    {
      name: `messages, ${isNative ? 'native' : 'translated'}`,
      isNative,
      async ask(server, stream) {
        const body = { model, max_tokens: 100, messages };
        if (stream) return anthropicOf(server).messages.stream(body).finalText();
        const [block] = (await anthropicOf(server).messages.create(body)).content;
        return block?.type === 'text' ? block.text : '';
      },
    },
    {
      name: `responses, ${isNative ? 'native' : 'translated'}`,
      isNative,
      async ask({ client: { responses } }, stream) {
        const body = { model, input: 'hello', store: false };
        if (!stream) return (await responses.create(body)).output_text;
        let text = '';
        let end: string | undefined;
        for await (const event of await responses.create({ ...body, stream: true })) {
          if (event.type === 'response.output_text.delta') text += event.delta;
          if (event.type === 'response.failed') throw new Error(event.response.error?.message);
          if (event.type === 'response.completed') end = event.response.status;
        }
        assert.equal(end, 'completed');
        return text;
      },
    },
  ]),
  {
    name: 'embeddings',
    isNative: true,
    async ask({ client: { embeddings } }) {
      const { data } = await embeddings.create({ model: 'text-embedding-v4', input: 'hello', dimensions: 64 });
      return data[0]?.embedding.length === 64 ? whole : '';
    },
  },
];

/** Connections that wait to be used again: one, or two where a native try was followed by a translated one. */
const mostIdle = 2;

/** The answer that the simulator gave. */
interface Genuine {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}
type Spoil = (response: ServerResponse, answer: Genuine) => void;

const end = (response: ServerResponse, { status, type }: Genuine, body: string | Buffer, headers = {}) =>
  response.writeHead(status, { 'content-type': type, ...headers }).end(body);
const isStream = ({ type }: Genuine) => type.includes('event-stream');
/** Faults of streams leave documents alone. */
const ofStream =
  (edit: (text: string) => string): Spoil =>
  (response, answer) =>
    end(response, answer, isStream(answer) ? edit(answer.text) : answer.text);

const harmless: Readonly<Record<string, Spoil>> = {
  'a byte order mark': ofStream((text) => `\ufeff${text}`),
  'comments between events': ofStream((text) => `: hello\n\n${text.replaceAll('\n\n', '\n\n: keep-alive\n\n:\n\n')}`),
  'line ends of Windows': ofStream((text) => text.replaceAll('\n', '\r\n')),
  'an event of one megabyte on one line': ofStream((text) =>
    text.replace('{', `{"padding":"${'x'.repeat(1024 * 1024)}",`),
  ),
  'a finish that comes twice': ofStream((text) =>
    text.replace(/(?:event:.*\n)?data:.*(?:"finish_reason":"|message_stop|response\.completed).*\n\n/, '$&$&'),
  ),
  'blank lines without end': ofStream((text) => `\n\n\n${text}${'\n'.repeat(5_000)}`),
  'a stream that is called text/plain': (response, answer) =>
    end(response, { ...answer, type: isStream(answer) ? 'text/plain' : answer.type }, answer.text),
  zstd: (response, answer) =>
    end(response, answer, zstdCompressSync(answer.text), { 'content-encoding': 'zstd', vary: '*' }),
  'brotli in capital letters': (response, answer) =>
    end(response, answer, brotliCompressSync(answer.text), { 'content-encoding': ' BR ' }),
  'a coding with the name of a method': (response, answer) =>
    end(response, answer, answer.text, { 'content-encoding': 'constructor' }),
  'a connection that stays open after the end': (response, answer) => {
    if (!isStream(answer)) return end(response, answer, answer.text);
    response.writeHead(answer.status, { 'content-type': answer.type });
    return response.write(answer.text);
  },
};

const page = '<!doctype html><html><body>Blocked</body></html>';
const redirect =
  (status: number): Spoil =>
  (response) =>
    response.writeHead(status, { location: 'http://127.0.0.1:1/elsewhere' }).end();

/** The other account answers, and the client notices nothing. */
const unseen: Readonly<Record<string, Spoil>> = {
  'a page with status 200': (response) => response.writeHead(200, { 'content-type': 'text/html' }).end(page),
  'a page that is called an event stream': (response) =>
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(page),
  'a page that is called JSON': (response) => response.writeHead(200, { 'content-type': 'application/json' }).end(page),
  'a page with status 502': (response) => response.writeHead(502, { 'content-type': 'text/html' }).end(page),
  'nothing with status 204': (response) => response.writeHead(204).end(),
  'JSON that is an array': (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('[]'),
  'JSON that is null': (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('null'),
  'JSON that breaks off': (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":'),
  'a length shorter than the body': (response, answer) => {
    const head = `HTTP/1.1 200 OK\r\ncontent-type: ${answer.type}\r\ncontent-length: 20\r\n\r\n`;
    response.socket?.end(head + answer.text);
  },
  'a length longer than the body': (response, answer) => {
    const head = `HTTP/1.1 200 OK\r\ncontent-type: ${answer.type}\r\ncontent-length: 99999\r\n\r\n`;
    response.socket?.end(head + answer.text.slice(0, 30));
  },
  'two lengths': (response, answer) =>
    response.socket?.end(
      `HTTP/1.1 200 OK\r\ncontent-type: ${answer.type}\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd`,
    ),
  'chunks that are none': (response) =>
    response.socket?.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n'),
  'what is no HTTP': (response) => response.socket?.end('SSH-2.0-OpenSSH_9.7\r\n'),
  'headers without end': (response) =>
    response.socket?.end(`HTTP/1.1 200 OK\r\n${`x-padding: ${'x'.repeat(1_000)}\r\n`.repeat(200)}`),
  'an end before the headers': (response) => response.socket?.end(),
  'a reset before the headers': (response) => response.socket?.resetAndDestroy(),
  'a reset after the headers': (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    setImmediate(() => response.socket?.resetAndDestroy());
  },
  'plain text that is called gzip': (response, answer) =>
    end(response, answer, answer.text, { 'content-encoding': 'gzip' }),
  'plain text that is called brotli': (response, answer) =>
    end(response, answer, answer.text, { 'content-encoding': 'br' }),
  'plain text that is called zstd': (response, answer) =>
    end(response, answer, answer.text, { 'content-encoding': 'zstd' }),
  ...Object.fromEntries([301, 302, 303, 307, 308].map((status) => [`a redirect with ${status}`, redirect(status)])),
};

describe('server: what an upstream may answer, dialect by lane by stream and JSON', () => {
  const simulator = useSimulator({ keys: ['sk-one', 'sk-two'] });
  let upstream: RawUpstream;
  let spoil: Spoil;
  let server: TestProxy;

  before(async () => {
    upstream = await startUpstream(async (response, request, body) => {
      const answer = await fetch(simulator.origin + request.url, {
        method: 'POST',
        headers: { authorization: request.headers.authorization ?? '', 'content-type': 'application/json' },
        body,
      });
      const type = answer.headers.get('content-type') ?? '';
      spoil(response, { status: answer.status, type, text: await answer.text() });
    });
  });
  after(() => upstream.close());
  afterEach(() => server.dispose());

  /** Account `one` is at that origin, `two` at a Qwen that works. */
  const start = async (origin: string, isNative: boolean) => {
    server = await startProxy({ clock: hurriedPauses(100), random: () => 0 });
    for (const [id, at] of [
      ['one', origin],
      ['two', simulator.origin],
    ] as const)
      await server.proxy.addAccount({
        id,
        plan: 'custom',
        key: `sk-${id}`,
        baseUrl: at + new URL(simulator.baseUrl).pathname,
        ...(isNative && {
          anthropicBaseUrl: at + new URL(simulator.anthropicBaseUrl).pathname,
          responsesBaseUrl: at + new URL(simulator.baseUrl).pathname,
        }),
        probe: false,
      });
  };
  const standing = async () =>
    (await server.proxy.snapshot()).accounts.map(({ state, obstacles }) =>
      state === 'ready' && obstacles.length === 0 ? 'ready' : 'blocked',
    );
  const unexpected = () => server.logs.filter(({ message }) => message === 'Unexpected error.');
  const origin = () => `http://127.0.0.1:${upstream.port}`;

  for (const surface of surfaces)
    for (const stream of surface.name === 'embeddings' ? [false] : [true, false])
      describe(`${surface.name}, ${stream ? 'stream' : 'JSON'}`, () => {
        for (const [name, fault] of Object.entries(harmless))
          it(`${name}: the whole answer`, async () => {
            spoil = fault;
            await start(origin(), surface.isNative);
            assert.equal(await surface.ask(server, stream), whole);
            assert.deepEqual(await standing(), ['ready', 'ready']);
            assert.ok(simulator.requests.every(({ key }) => key === 'sk-one'));
            await upstream.until(() => upstream.openSockets <= mostIdle);
          });

        for (const [name, fault] of Object.entries(unseen))
          it(`${name}: the other account's answer`, async () => {
            spoil = fault;
            await start(origin(), surface.isNative);
            assert.equal(await surface.ask(server, stream), whole);
            assert.deepEqual(await standing(), ['blocked', 'ready']);
            assert.equal(simulator.requests.at(-1)?.key, 'sk-two');
            assert.ok(!JSON.stringify(server.logs).includes('sk-'));
            assert.deepEqual(unexpected(), []);
            await upstream.until(() => upstream.openSockets <= mostIdle);
          });
      });

  describe('ways that lead nowhere', () => {
    let tls: Server;
    let tlsOrigin: string;
    before(async () => {
      const fixture = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));
      tls = createTlsServer({ cert: fixture('upstream.test.cert.pem'), key: fixture('upstream.test.key.pem') });
      tls.on('request', (_request, response) => response.end('never'));
      await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
      tlsOrigin = `https://127.0.0.1:${(tls.address() as AddressInfo).port}`;
    });
    after(() => void tls.close());

    const ways: Readonly<Record<string, readonly [origin: () => Promise<string> | string, reason: RegExp]>> = {
      'a port where nobody listens': [
        async () => `http://127.0.0.1:${await findFreePort()}`,
        /Nothing accepts connections/,
      ],
      // Longer than a label may be: it cannot be resolved, and nobody has to be asked.
      'a name that nobody knows': [() => `https://${'a'.repeat(64)}.invalid`, /could not be resolved/],
      'a certificate that nobody vouches for': [() => tlsOrigin, /No trusted TLS connection/],
      'TLS to a server that speaks none': [() => origin().replace('http:', 'https:'), /No trusted TLS connection/],
    };
    for (const surface of surfaces)
      for (const [name, [where, reason]] of Object.entries(ways))
        it(`${surface.name}: ${name}`, async () => {
          await start(await where(), surface.isNative);
          assert.equal(await surface.ask(server, true), whole);
          assert.deepEqual(await standing(), ['blocked', 'ready']);
          assert.deepEqual(unexpected(), []);
          // Where nobody else can answer, the client is told why, and no address of an account.
          await server.proxy.removeAccount('two');
          await server.proxy.clearAccount('one');
          await assert.rejects(surface.ask(server, true), (error: Error) => reason.test(error.message));
          await upstream.until(() => upstream.openSockets <= mostIdle);
        });
  });
});
