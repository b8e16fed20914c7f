import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { foldChatStream } from '../../src/dialects/openai-chat/fold.ts';
import { SseSplitter } from '../../src/wire/sse.ts';

const fixtures = new URL('../fixtures/sse/', import.meta.url);
const fold = (name: string) => foldChatStream(new SseSplitter().push(readFileSync(new URL(name, fixtures))));
const json = (name: string) => JSON.parse(readFileSync(new URL(name, fixtures), 'utf8'));
const foldChunks = (chunks: readonly unknown[]) =>
  foldChatStream(chunks.map((chunk) => Buffer.from(`data: ${JSON.stringify(chunk)}\n\n`)));
const deltas = (...all: readonly unknown[]) =>
  foldChunks(all.map((delta) => ({ choices: [{ index: 0, delta, finish_reason: null }] }))).choices as {
    message: Record<string, unknown>;
  }[];

/** The same structure with every leaf replaced by its type. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, inner]) => [key, shapeOf(inner)])
        .toSorted(([a], [b]) => String(a).localeCompare(String(b))),
    );
  return value === null ? 'null' : typeof value;
}

describe('fold: recorded streams take the shape of recorded answers', () => {
  for (const [stream, answer] of [
    ['01-text-stream.sse', '04-text-nonstream.json'],
    ['02-reasoning-stream.sse', '06-reasoning-nonstream.json'],
  ] as const)
    it(`${stream} and ${answer}`, () => assert.deepEqual(shapeOf(fold(stream)), shapeOf(json(answer))));
  it('03-tool-call-stream.sse and 05-tool-call-nonstream.json, but for the content that never came', () => {
    const expected = json('05-tool-call-nonstream.json');
    expected.choices[0].message.content = null;
    assert.deepEqual(shapeOf(fold('03-tool-call-stream.sse')), shapeOf(expected));
    const [choice] = fold('03-tool-call-stream.sse').choices as { message: { tool_calls: unknown[] } }[];
    assert.deepEqual(choice?.message.tool_calls, [
      {
        index: 0,
        id: 'call_eee11723464a4b9eb8cee71d',
        type: 'function',
        function: { name: 'weather', arguments: '{"location": "San Francisco"}' },
      },
    ]);
  });
  it('the text is what was streamed', () => {
    const [choice] = fold('01-text-stream.sse').choices as { message: { content: string }; finish_reason: string }[];
    assert.ok(choice?.message.content.startsWith('## The Festival'));
    assert.equal(choice?.finish_reason, 'stop');
  });
});

describe('fold: pieces', () => {
  it('keeps fields that nobody knows, wherever they stand', () => {
    const folded = foldChunks([
      { id: 'a', x_top: { deep: 1 }, choices: [{ index: 0, delta: { content: 'x', x_delta: [1] }, x_choice: true }] },
      { id: 'b', x_late: 2, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
    ]);
    assert.deepEqual(folded, {
      id: 'a',
      x_top: { deep: 1 },
      x_late: 2,
      object: 'chat.completion',
      choices: [
        {
          index: 0,
          finish_reason: 'stop',
          x_choice: true,
          message: { role: 'assistant', content: 'x', x_delta: [1] },
          logprobs: null,
        },
      ],
    });
  });
  it('puts parallel calls together by index, ids repeated as empty', () => {
    const [choice] = deltas(
      { tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }] },
      { tool_calls: [{ index: 1, id: 'b', type: 'function', function: { name: 'g', arguments: '{"b"' } }] },
      { tool_calls: [{ index: 0, id: '', type: 'function', function: { arguments: '{"a":1}' } }] },
      { tool_calls: [{ index: 1, id: '', function: { name: '', arguments: ':2}' } }] },
    );
    assert.deepEqual(choice?.message.tool_calls, [
      { index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{"a":1}' } },
      { index: 1, id: 'b', type: 'function', function: { name: 'g', arguments: '{"b":2}' } },
    ]);
  });
  it('tolerates calls without an index', () => {
    const [choice] = deltas(
      { tool_calls: [{ id: 'a', function: { name: 'f', arguments: '{' } }] },
      { tool_calls: [{ id: '', function: { arguments: '}' } }] },
      { tool_calls: [{ id: 'b', function: { name: 'g', arguments: '{' } }] },
      { tool_calls: [{ id: 'b', function: { arguments: '}' } }] },
    );
    assert.deepEqual(choice?.message.tool_calls, [
      { id: 'a', function: { name: 'f', arguments: '{}' } },
      { id: 'b', function: { name: 'g', arguments: '{}' } },
    ]);
  });
  it('several choices, in their order', () => {
    const { choices } = foldChunks([
      { choices: [{ index: 1, delta: { content: 'b' }, finish_reason: null }] },
      {
        choices: [
          { index: 0, delta: { content: 'a' }, finish_reason: 'stop' },
          { index: 1, delta: { content: 'B' }, finish_reason: 'length' },
        ],
      },
    ]) as { choices: { index: number; message: { content: string }; finish_reason: string }[] };
    assert.deepEqual(
      choices.map(({ index, message, finish_reason }) => [index, message.content, finish_reason]),
      [
        [0, 'a', 'stop'],
        [1, 'bB', 'length'],
      ],
    );
  });
  it('adds up log probabilities', () => {
    const chunk = (token: string) => ({
      choices: [{ index: 0, delta: { content: token }, logprobs: { content: [{ token }], refusal: null } }],
    });
    const { choices } = foldChunks([chunk('a'), chunk('b')]) as { choices: { logprobs: unknown }[] };
    assert.deepEqual(choices[0]?.logprobs, { content: [{ token: 'a' }, { token: 'b' }] });
  });
  it('thinking, refusals, and a null after them', () => {
    const [choice] = deltas(
      { role: 'assistant', content: null, reasoning_content: '' },
      { content: null, reasoning_content: 'Hm' },
      { content: 'Yes', reasoning_content: null },
      { refusal: 'N' },
      { refusal: 'o' },
    );
    assert.deepEqual(choice?.message, {
      role: 'assistant',
      content: 'Yes',
      reasoning_content: 'Hm',
      refusal: 'No',
    });
  });
  it('usage: the last total, never a sum', () => {
    const folded = foldChunks([
      { choices: [], usage: { total_tokens: 5 } },
      { choices: [], usage: { total_tokens: 9 } },
      { choices: [], usage: null },
    ]);
    assert.deepEqual(folded.usage, { total_tokens: 9 });
  });
  it('comments and what is no object are passed over', () => {
    const folded = foldChatStream([Buffer.from(': ping\n\n'), Buffer.from('data: 7\n\n')]);
    assert.deepEqual(folded, { object: 'chat.completion', choices: [] });
  });
});
