import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { GatewayError } from '../../src/core/errors.ts';
import type { ByteStream } from '../../src/core/upstream.ts';
import { ChatFold, foldChatStream } from '../../src/dialects/openai-chat/fold.ts';
import { type ChatStream, openChatStream } from '../../src/upstream/chat-stream.ts';
import { ResponseBody } from '../../src/upstream/response-body.ts';
import { createDispatchController } from '../support/dispatch-controller.ts';
import { createFakeClock } from '../support/fake-clock.ts';

/** A body of these reads, as undici hands them over. */
function bodyOf(reads: readonly Buffer[], error?: Error): ByteStream {
  const body = new ResponseBody(createDispatchController());
  void (async () => {
    for (const read of reads) {
      body.push(read);
      await new Promise(setImmediate);
    }
    body.close(error);
  })();
  return body;
}

/** The same body for whoever has to ask for every read. */
const loopOnly = (body: ByteStream): ByteStream => ({
  [Symbol.asyncIterator]: () => body[Symbol.asyncIterator](),
  destroy: () => body.destroy(),
});

const open = (body: ByteStream): Promise<ChatStream> =>
  openChatStream(
    { status: 200, headers: { 'content-type': 'text/event-stream' }, body },
    { signal: new AbortController().signal, clock: createFakeClock(), idleMs: 60_000 },
  );

interface Told {
  readonly text: string;
  readonly error: string | undefined;
  readonly usage: unknown;
}

/** What a client is told in each of the ways in which an answer can be had, and how that ends. */
const ways: Readonly<Record<string, (stream: ChatStream, tell: (text: string) => void) => Promise<void>>> = {
  async batches(stream, tell) {
    for await (const batch of stream.batches({ includeUsage: true })) tell(Buffer.concat(batch).toString());
  },
  async 'batches, joined'(stream, tell) {
    const options = { includeUsage: true, mayJoin: () => true };
    for await (const batch of stream.batches(options)) tell(Buffer.concat(batch).toString());
  },
  flow: (stream, tell) =>
    stream.flow({ includeUsage: true, mayJoin: () => true }, (bytes) => {
      tell(bytes.toString());
      return undefined;
    }),
  'flow to a slow reader': (stream, tell) => {
    let isBusy = false;
    return stream.flow({ includeUsage: true }, async (bytes) => {
      assert.ok(!isBusy, 'nothing is written before there is room');
      isBusy = true;
      await new Promise(setImmediate);
      isBusy = false;
      tell(bytes.toString());
    });
  },
};

async function tellOf(body: ByteStream, way: string): Promise<Told> {
  let text = '';
  const stream = await open(body);
  const error = await ways[way]?.(stream, (part) => {
    text += part;
  }).then(
    () => undefined,
    (thrown) => (thrown instanceof GatewayError ? thrown.code : String(thrown)),
  );
  return { text, error, usage: stream.usage() };
}

async function foldOf(body: ByteStream): Promise<unknown> {
  const fold = new ChatFold();
  await (await open(body)).pour(fold);
  return fold.result();
}

describe('an answer, however it is read', () => {
  const recorded = ['01-text-stream.sse', '02-reasoning-stream.sse', '03-tool-call-stream.sse'].map((name) =>
    readFileSync(new URL(`../fixtures/sse/${name}`, import.meta.url)),
  );
  const withoutDone = (text: string) => text.replace(/data: ?\[DONE\]\r?\n\r?\n/, '');

  for (const [number, bytes] of recorded.entries())
    it(`recording ${number + 1} is the same bytes and the same document, wherever its reads are cut`, async () => {
      const folded = foldChatStream([bytes]);
      const cuts = fc.uniqueArray(fc.nat(bytes.length), { maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(cuts, fc.boolean(), async (places, isLoop) => {
          const ends = [...places.toSorted((a, b) => a - b), bytes.length];
          const reads = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
          const body = () => (isLoop ? loopOnly(bodyOf(reads)) : bodyOf(reads));
          for (const way of Object.keys(ways)) {
            const { text, error } = await tellOf(body(), way);
            assert.deepEqual([text, error], [withoutDone(bytes.toString()), undefined], way);
          }
          assert.deepEqual(await foldOf(body()), folded);
        }),
        { numRuns: 60 },
      );
    });

  const chunk = (content: string) => `data: {"choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`;
  const finish = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';
  const failures: readonly (readonly [string, string, Error | undefined, string, string])[] = [
    ['is cut', chunk('a') + chunk('b'), undefined, chunk('a') + chunk('b'), 'upstream_protocol'],
    [
      'breaks off',
      chunk('a'),
      Object.assign(new Error('reset'), { code: 'ECONNRESET' }),
      chunk('a'),
      'upstream_unreachable',
    ],
    [
      'holds an error behind what came before',
      `${chunk('a')}${chunk('b')}data: {"error":{"code":"Throttling.AllocationQuota","message":"over"}}\n\n${chunk('c')}`,
      undefined,
      chunk('a') + chunk('b'),
      'token_rate_limited',
    ],
  ];
  for (const [what, sent, thrown, text, code] of failures)
    for (const way of Object.keys(ways))
      it(`that ${what} tells what came, and the failure (${way})`, async () => {
        const body = () => bodyOf([Buffer.from(sent)], thrown);
        assert.deepEqual(await tellOf(body(), way), { text, error: code, usage: undefined });
        assert.deepEqual(await tellOf(loopOnly(body()), way), { text, error: code, usage: undefined });
        await assert.rejects(foldOf(body()), { code });
      });

  for (const way of Object.keys(ways))
    it(`is whole where only its trailer is missing (${way})`, async () => {
      const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
      const sent = chunk('a') + finish;
      assert.deepEqual(await tellOf(bodyOf([Buffer.from(sent)], reset), way), {
        text: sent,
        error: undefined,
        usage: undefined,
      });
    });

  it('takes nothing more from the upstream when its reader is gone', async () => {
    const body = bodyOf([Buffer.from(chunk('a')), Buffer.from(chunk('b')), Buffer.from(chunk('c') + finish)]);
    const stream = await open(body);
    let written = 0;
    const left = new GatewayError('client_gone', 'left');
    const flowing = stream.flow({ includeUsage: true }, async () => {
      if (++written === 2) throw left;
    });
    await assert.rejects(flowing, left);
    assert.equal(written, 2);
  });
});
