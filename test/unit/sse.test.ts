import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { parseSseEvent, SseSplitter } from '../../src/wire/sse.ts';

const fixtures = new URL('../fixtures/sse/', import.meta.url);
const samples = readdirSync(fixtures).filter((name) => name.endsWith('.sse'));

/** Every event of a stream that arrives in these reads, the unfinished rest last. */
function split(reads: readonly Buffer[]): string[] {
  const splitter = new SseSplitter();
  const events = reads.flatMap((read) => splitter.push(read));
  return [...events, ...[splitter.rest() ?? []].flat()].map((event) => event.toString('latin1'));
}

describe('sse: splitter', () => {
  for (const name of samples)
    for (const [ending, convert] of [
      ['LF', (text: string) => text],
      ['CRLF', (text: string) => text.replaceAll('\n', '\r\n')],
    ] as const) {
      const bytes = Buffer.from(convert(readFileSync(new URL(name, fixtures), 'utf8')));
      const whole = split([bytes]);
      it(`${name}, ${ending}: the same events at every split`, () => {
        assert.ok(whole.length > 0);
        for (let at = 0; at <= bytes.length; at++)
          assert.deepEqual(split([bytes.subarray(0, at), bytes.subarray(at)]), whole, `split at ${at}`);
      });
      it(`${name}, ${ending}: the same events one byte at a time`, () => {
        assert.deepEqual(split(Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))), whole);
      });
    }

  const streams: readonly (readonly [string, string, readonly string[]])[] = [
    ['nothing', '', []],
    ['blank lines alone', '\n\r\n\n', []],
    ['blank lines between', 'data: a\n\n\n\ndata: b\n\n', ['data: a\n\n', 'data: b\n\n']],
    ['a missing last blank line', 'data: a\n\ndata: b\n', ['data: a\n\n', 'data: b\n']],
    ['a missing last line end', 'data: a\n\ndata: b', ['data: a\n\n', 'data: b']],
    ['mixed line ends', 'data: a\r\n\ndata: b\n\r\n', ['data: a\r\n\n', 'data: b\n\r\n']],
    ['a carriage return inside a line', 'data: a\rb\n\n', ['data: a\rb\n\n']],
    ['comments', ': one\n\n:two\ndata: x\n\n', [': one\n\n', ':two\ndata: x\n\n']],
    ['several lines', 'event: e\ndata: 1\ndata: 2\n\n', ['event: e\ndata: 1\ndata: 2\n\n']],
  ];
  for (const [name, text, expected] of streams)
    it(name, () => {
      const bytes = Buffer.from(text);
      for (let at = 0; at <= bytes.length; at++)
        assert.deepEqual(split([bytes.subarray(0, at), bytes.subarray(at)]), expected, `split at ${at}`);
    });

  it('any list of events, split anywhere, comes out as it went in', () => {
    const line = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
      .map((text) => `data:${text.replaceAll(/[\r\n]/g, '.')}`);
    const event = fc
      .tuple(fc.array(line, { minLength: 1, maxLength: 3 }), fc.constantFrom('\n', '\r\n'))
      .map(([lines, end]) => lines.map((each) => each + end).join('') + end);
    fc.assert(
      fc.property(fc.array(event, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 12 }), (events, cuts) => {
        const bytes = Buffer.from(events.join(''));
        const places = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
        const reads = places.map((place, index) => bytes.subarray(places[index - 1] ?? 0, place));
        assert.deepEqual(
          split(reads),
          events.map((each) => Buffer.from(each).toString('latin1')),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('holds a long line without copying it again for every read', () => {
    const concat = Buffer.concat;
    let copied = 0;
    Buffer.concat = (list, total) => {
      copied += list.reduce((sum, part) => sum + part.length, 0);
      return concat(list, total);
    };
    try {
      const line = Buffer.from(`data: ${'x'.repeat(1_000_000)}\n\n`);
      const splitter = new SseSplitter();
      const events = [];
      for (let at = 0; at < line.length; at += 100) {
        events.push(...splitter.push(line.subarray(at, at + 100)));
        assert.ok(events.length === 1 || splitter.pendingBytes === Math.min(at + 100, line.length));
      }
      assert.deepEqual(
        events.map((event) => event.length),
        [line.length],
      );
      assert.equal(copied, line.length);
      assert.equal(splitter.pendingBytes, 0);
    } finally {
      Buffer.concat = concat;
    }
  });
});

describe('sse: fields of an event', () => {
  const cases: readonly (readonly [string, ReturnType<typeof parseSseEvent>])[] = [
    ['data: a\n\n', { event: undefined, data: 'a', comments: [] }],
    ['data:a\n\n', { event: undefined, data: 'a', comments: [] }],
    ['data:  a\n\n', { event: undefined, data: ' a', comments: [] }],
    ['data\n\n', { event: undefined, data: '', comments: [] }],
    ['data: a\ndata: b\n\n', { event: undefined, data: 'a\nb', comments: [] }],
    ['data: a\r\ndata: b\r\n\r\n', { event: undefined, data: 'a\nb', comments: [] }],
    ['\uFEFFdata: a\n\n', { event: undefined, data: 'a', comments: [] }],
    ['id:1\nevent:error\n:HTTP_STATUS/429\ndata:{}\n\n', { event: 'error', data: '{}', comments: ['HTTP_STATUS/429'] }],
    [': ping\n\n', { event: undefined, data: '', comments: ['ping'] }],
    ['data: {"a":"b: c"}', { event: undefined, data: '{"a":"b: c"}', comments: [] }],
    ['retry: 5\nunknown: x\nevent: e\n\n', { event: 'e', data: '', comments: [] }],
  ];
  for (const [text, expected] of cases)
    it(JSON.stringify(text), () => {
      assert.deepEqual(parseSseEvent(text), expected);
      assert.deepEqual(parseSseEvent(Buffer.from(text)), expected);
    });
});
