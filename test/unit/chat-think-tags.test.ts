import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createThinkTagEditor } from '../../src/upstream/chat-think-tags.ts';

interface Delta {
  readonly content?: string | null;
  readonly reasoning_content?: string;
}

const event = (delta: object, finish: string | null = null) =>
  Buffer.from(
    `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta, finish_reason: finish }], usage: null })}\n\n`,
  );
const run = (deltas: readonly object[], finish = true) => {
  const editor = createThinkTagEditor();
  const events = [...deltas.map((delta) => event(delta)), ...(finish ? [event({ content: '' }, 'stop')] : [])];
  return { given: events, out: [...events.flatMap(editor.push), ...editor.flush()] };
};
const told = (events: readonly Buffer[]) => {
  const deltas = events.map((each) => JSON.parse(each.toString().slice(6)).choices[0].delta as Delta);
  return {
    text: deltas.map(({ content }) => content ?? '').join(''),
    reasoning: deltas.map(({ reasoning_content: reasoning }) => reasoning ?? '').join(''),
  };
};
const pieces = (text: string, size: number) => text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'gu')) ?? [];

describe('thinking in the text', () => {
  const cases: readonly (readonly [string, string, string, string])[] = [
    ['a block at the beginning', '<think>Hm, 思考.</think>\n\nYes.', 'Yes.', 'Hm, 思考.'],
    ['after blanks', '\n <think>Hm</think>Yes', 'Yes', 'Hm'],
    ['an empty block', '<think>\n</think>Yes', 'Yes', '\n'],
    ['the closing tag alone', '</think>\n\nYes', 'Yes', ''],
    ['a block that never ends', '<think>Hm', '', 'Hm'],
    ['a closing tag that never ends', '<think>Hm</thi', '', 'Hm</thi'],
    ['a tag that is another one', '<thinker>x', '<thinker>x', ''],
    ['the beginning of a tag', '<thi', '<thi', ''],
    ['a tag in the middle of a text', 'Write <think>x</think> so.', 'Write <think>x</think> so.', ''],
    ['nothing but text', 'Yes', 'Yes', ''],
    ['blanks', ' \n', ' \n', ''],
  ];
  for (const [name, said, text, reasoning] of cases)
    for (const size of [1, 2, 3, 5, 100])
      it(`${name}, ${size} at a time`, () => {
        assert.deepEqual(told(run(pieces(said, size).map((content) => ({ content }))).out), { text, reasoning });
      });

  it('text without a tag keeps its bytes, and so does what surrounds it', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ content: fc.string(), extra: fc.nat() })), (deltas) => {
        fc.pre(!/^\s*<\/?think>/.test(deltas.map(({ content }) => content).join('')));
        const { given, out } = run(deltas);
        assert.deepEqual(out.map(String), given.map(String));
      }),
    );
  });

  it('thinking in its own field is not touched, and a stray closing tag after it goes', () => {
    const { out } = run([
      { content: null, reasoning_content: 'Hm <think>' },
      { content: '</thi', reasoning_content: null },
      { content: 'nk>\nYes', reasoning_content: null },
    ]);
    assert.deepEqual(told(out), { text: 'Yes', reasoning: 'Hm <think>' });
  });

  it('a call or an end behind the beginning of a tag lets it out first', () => {
    const editor = createThinkTagEditor();
    const held = event({ content: '<th' });
    const call = event({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{}' } }] });
    assert.deepEqual(editor.push(held), []);
    assert.deepEqual(editor.push(call).map(String), [String(held), String(call)]);
  });
});
