import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { hurriedPauses, startProxy, type TestProxy, type TestProxyOptions } from '../support/server-proxy.ts';
import { type RawUpstream, startUpstream } from '../support/server-upstream.ts';
import { judgeAnswer, type SoakDialect, soakBody, soakPaths } from '../support/soak-answers.ts';
import { useSimulator } from '../support/use-simulator.ts';

/** One that is served natively in each format. */
const model = 'qwen3.7-plus';
const text = 'a story of some words';
const surfaces: readonly { readonly dialect: SoakDialect; readonly isNative: boolean }[] = [
  { dialect: 'chat', isNative: true },
  { dialect: 'messages', isNative: false },
  { dialect: 'messages', isNative: true },
  { dialect: 'responses', isNative: false },
  { dialect: 'responses', isNative: true },
];
/** How a stream ends too early: its connection is lost, or it ends as if that were all. */
const ends: Readonly<Record<string, (response: ServerResponse) => void>> = {
  lost: (response) => setImmediate(() => response.socket?.destroySoon()),
  ended: (response) => void response.end(),
};

describe('server: a stream of an upstream that is cut anywhere, dialect by lane', () => {
  const simulator = useSimulator({ keys: ['sk-one'] });
  let upstream: RawUpstream;
  let server: TestProxy;
  /** What goes out of an answer, and how it ends; all of it where nothing is said. */
  let cut: { readonly atByte: number; readonly end: (response: ServerResponse) => void } | undefined;
  let lastBytes = Buffer.alloc(0);

  before(async () => {
    upstream = await startUpstream(async (response, request, body) => {
      const answer = await fetch(simulator.origin + request.url, {
        method: 'POST',
        headers: { authorization: request.headers.authorization ?? '', 'content-type': 'application/json' },
        body,
      });
      lastBytes = Buffer.from(await answer.arrayBuffer());
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
      if (cut === undefined) return void response.end(lastBytes);
      response.write(lastBytes.subarray(0, cut.atByte));
      cut.end(response);
    });
  });
  after(() => upstream.close());
  afterEach(() => server.dispose());

  const at = (url: string) => `http://127.0.0.1:${upstream.port}${new URL(url).pathname}`;
  const start = async (isNative: boolean, options: TestProxyOptions = { clock: hurriedPauses(1_000) }) => {
    server = await startProxy({ ...options, random: () => 0 });
    await server.proxy.addAccount({
      id: 'one',
      plan: 'custom',
      key: 'sk-one',
      baseUrl: at(simulator.baseUrl),
      ...(isNative && { anthropicBaseUrl: at(simulator.anthropicBaseUrl), responsesBaseUrl: at(simulator.baseUrl) }),
      probe: false,
    });
  };

  for (const { dialect, isNative } of surfaces)
    it(`${dialect}, ${isNative ? 'native' : 'translated'}: the whole answer or an error, never a clean end of a part`, async () => {
      await start(isNative);
      const ask = () => server.raw(soakPaths[dialect], { body: soakBody(dialect, text, model) });
      cut = undefined;
      assert.equal(judgeAnswer(dialect, await ask(), `Echo: ${text}`), 'whole');
      const path = simulator.requests.at(-1)?.path ?? '';
      assert.ok(path.endsWith(isNative ? soakPaths[dialect].slice('/v1'.length) : '/chat/completions'), path);
      const events = lastBytes.toString('latin1');
      // Where every line begins, and bytes in between.
      const places = Array.from({ length: events.length }, (_, index) => index).filter(
        (index) => index % 29 === 0 || events[index - 1] === '\n',
      );
      for (const [how, end] of Object.entries(ends))
        for (const atByte of places) {
          cut = { atByte, end };
          const answer = await ask();
          const verdict = judgeAnswer(dialect, answer, `Echo: ${text}`);
          assert.notEqual(
            verdict,
            'wrong',
            `${how} after ${atByte} of ${events.length}: ${answer.status} ${answer.text}`,
          );
          await server.proxy.clearAccount('one');
        }
    });

  /** Half of an answer, and then nothing. */
  const halfOf = async (ask: () => Promise<unknown>) => {
    cut = undefined;
    await ask();
    cut = { atByte: Math.floor(lastBytes.length / 2), end: () => {} };
  };
  for (const { dialect, isNative } of surfaces)
    describe(`${dialect}, ${isNative ? 'native' : 'translated'}`, () => {
      const body = soakBody(dialect, text, model);
      const document = JSON.stringify({ ...JSON.parse(body), stream: false });

      it('silence in the middle is told, in the stream and to a client that waits for all of it', async () => {
        await start(isNative, { idleMs: 40 });
        await halfOf(() => server.raw(soakPaths[dialect], { body }));
        const streamed = await server.raw(soakPaths[dialect], { body });
        assert.equal(judgeAnswer(dialect, streamed, `Echo: ${text}`), 'failed', streamed.text);
        assert.match(streamed.text, /sent nothing for/);
        await server.proxy.clearAccount('one');
        const { status, error } = await server.raw(soakPaths[dialect], { body: document });
        assert.equal(status, 504);
        assert.match(String(error.message), /sent nothing for/);
        await upstream.until(() => upstream.openSockets <= 1);
      });
      it('a client that leaves takes the upstream request with it', async () => {
        await start(isNative);
        await halfOf(() => server.raw(soakPaths[dialect], { body }));
        const gone = new AbortController();
        await server.raw(soakPaths[dialect], { body, signal: gone.signal, onRead: () => gone.abort() }).catch(() => {});
        await upstream.until(() => upstream.openSockets === 0);
        const waiting = new AbortController();
        const before = upstream.requests.length;
        const answer = server.raw(soakPaths[dialect], { body: document, signal: waiting.signal });
        await upstream.until(() => upstream.requests.length === before + 1);
        waiting.abort();
        await assert.rejects(answer);
        await upstream.until(() => upstream.openSockets === 0);
      });
    });
});
