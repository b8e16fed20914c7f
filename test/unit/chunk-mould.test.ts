import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { ChunkReader, chunkEnd, mouldOf } from '../../src/wire/chunk-mould.ts';
import { parseSseEvent, SseSplitter } from '../../src/wire/sse.ts';
import { eventEnd, SseBlocks } from '../../src/wire/sse-blocks.ts';

const chunk = (delta: object, more: object = {}) =>
  `data: ${JSON.stringify({ choices: [{ delta, finish_reason: null, index: 0, ...more }], usage: null, model: 'm' })}\n\n`;

describe('the mould of a stream’s chunks', () => {
  const rejected: Readonly<Record<string, string>> = {
    'a finish reason': chunk({ content: 'x' }, { finish_reason: 'stop' }),
    'a call': chunk({ content: 'x', tool_calls: [{ index: 0 }] }),
    logprobs: chunk({ content: 'x' }, { logprobs: { content: [] } }),
    'two texts': chunk({ content: 'x', reasoning_content: 'y' }),
    'two choices': `data: ${JSON.stringify({ choices: [{ delta: { content: 'x' } }, { delta: {} }] })}\n\n`,
    usage: `data: ${JSON.stringify({ choices: [{ delta: { content: 'x' } }], usage: { prompt_tokens: 1 } })}\n\n`,
    'an error': `data: ${JSON.stringify({ choices: [{ delta: { content: 'x' } }], error: { code: 1 } })}\n\n`,
    'another line': `event: x\n${chunk({ content: 'x' })}`,
    CRLF: chunk({ content: 'x' }).replaceAll('\n', '\r\n'),
    'no JSON': 'data: {"content":"x"\n\n',
    '[DONE]': 'data: [DONE]\n\n',
  };
  for (const [what, event] of Object.entries(rejected))
    it(`is not taken from an event with ${what}`, () => assert.equal(mouldOf(event), undefined));

  it('fits chunks that differ in their one text, and no others', () => {
    const mould = mouldOf(chunk({ role: 'assistant', content: 'a "quoted\\" text' }));
    assert.ok(mould);
    const fits = (event: string) => chunkEnd(mould, `${event}data`, 0) === event.length;
    assert.ok(fits(chunk({ role: 'assistant', content: '' })));
    assert.ok(fits(chunk({ role: 'assistant', content: '"\\\\"\n' })));
    assert.ok(!fits(chunk({ role: 'assistant', content: 'x' }, { finish_reason: 'stop' })));
    assert.ok(!fits(chunk({ role: 'assistant', content: null })));
    assert.ok(!fits(chunk({ role: 'assistant', content: 'xy' }).replace('xy', 'x\ny')));
    assert.ok(!fits(chunk({ role: 'assistant', content: 'x' }).slice(0, -1)));
  });

  it('reads what a parser reads, whatever the texts and however events are joined', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('"', '\\', '\\"', '\n\n', '"},"', 'data: {'),
    );
    const delta = fc.oneof(
      text.map((content) => ({ content })),
      text.map((reasoning_content) => ({ reasoning_content })),
      text.map((content) => ({ content, tool_calls: [] })),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(delta, fc.nat(2)), { maxLength: 30 }), fc.nat(4), (pieces, joined) => {
        const events = pieces.map(([each, index]) => chunk(each, { index }));
        const expected = events.map((event) => JSON.parse(parseSseEvent(event).data).choices[0]);
        const read: object[] = [];
        const reader = new ChunkReader();
        for (let at = 0; at < events.length; at += joined + 1)
          reader.read(
            Buffer.from(events.slice(at, at + joined + 1).join('')),
            (said, { field, choice }) => read.push({ delta: { [field]: said }, finish_reason: null, index: choice }),
            (event) => read.push(JSON.parse(parseSseEvent(event).data).choices[0]),
          );
        assert.deepEqual(read, expected);
      }),
    );
  });
});

describe('a text that is kept', () => {
  it('keeps nothing of the event that it came in', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const heldBytes = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const reader = new ChunkReader();
    const kept: string[] = [];
    const event = (text: string) => Buffer.from(chunk({ content: text }, { padding: 'x'.repeat(2_000) }));
    const before = heldBytes();
    for (let number = 0; number < 5_000; number++)
      reader.read(
        event(`a text of many words, ${number}`),
        (text) => kept.push(text),
        () => {},
      );
    assert.ok(heldBytes() - before < 2_000_000);
    assert.ok(kept.length > 4_990);
  });
});

describe('blocks of events', () => {
  it('hold the events that the splitter finds, wherever the reads split them', () => {
    const line = fc.constantFrom('data: 1', 'data: {"a":"b"}', ': ping', 'event: x', 'data:');
    const event = fc.array(line, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 8 }),
        fc.constantFrom('\n', '\r\n'),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (events, feed, sizes) => {
          const bytes = Buffer.from(events.map((lines) => lines.join(feed) + feed + feed).join(''));
          const blocks = new SseBlocks();
          const found: string[] = [];
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const read = bytes.subarray(at, at + (sizes[turn % sizes.length] ?? 1));
            at += read.length;
            for (const block of blocks.push(read))
              for (let start = 0; start < block.length; start = eventEnd(block, start))
                found.push(block.toString('utf8', start, eventEnd(block, start)));
          }
          assert.deepEqual(found, new SseSplitter().push(bytes).map(String));
          assert.equal(blocks.pendingBytes, 0);
        },
      ),
    );
  });
});
