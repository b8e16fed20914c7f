import assert from 'node:assert/strict';
import fc from 'fast-check';
import { foldChatStream } from '../../src/dialects/openai-chat/fold.ts';
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

  it('thinking between the pieces of a tag stays', () => {
    const { out } = run([{ content: '<thi' }, { reasoning_content: 'Own.' }, { content: 'nk>Hm</think>Yes' }]);
    assert.deepEqual(told(out), { text: 'Yes', reasoning: 'Own.Hm' });
  });

  it('a call or an end behind the beginning of a tag lets it out first', () => {
    const editor = createThinkTagEditor();
    const held = event({ content: '<th' });
    const call = event({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{}' } }] });
    assert.deepEqual(editor.push(held), []);
    assert.deepEqual(editor.push(call).map(String), [String(held), String(call)]);
  });

  describe('text that comes with more than text', () => {
    const call = { index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } };
    const whole = { role: 'assistant', content: '<think>Hm</think>Yes', tool_calls: [call] };
    const cases: readonly (readonly [string, readonly Buffer[]])[] = [
      ['all of an answer in one chunk', [event(whole, 'tool_calls')]],
      [
        'the last piece with the end',
        [
          event({ role: 'assistant', content: '<think>Hm</th' }),
          event({ content: 'ink>Yes', tool_calls: [call] }, 'tool_calls'),
        ],
      ],
      [
        'a call beside the first piece',
        [event({ ...whole, content: '<think>Hm</think>Y' }), event({ content: 'es' }, 'tool_calls')],
      ],
    ];
    for (const [name, given] of cases)
      it(name, () => {
        const editor = createThinkTagEditor();
        const out = [...given.flatMap(editor.push), ...editor.flush()];
        assert.deepEqual(foldChatStream(out).choices, [
          {
            index: 0,
            finish_reason: 'tool_calls',
            message: { role: 'assistant', content: 'Yes', reasoning_content: 'Hm', tool_calls: [call] },
            logprobs: null,
          },
        ]);
        assert.equal(out.filter((each) => each.includes('"role"')).length, 1, 'clients want the role');
      });
    it('keeps its bytes where it has no tag', () => {
      for (const given of [
        event({ ...whole, content: 'Yes <think>' }, 'tool_calls'),
        event({ content: ' ' }, 'stop'),
      ]) {
        const editor = createThinkTagEditor();
        assert.deepEqual([...editor.push(given), ...editor.flush()], [given]);
      }
    });
    it('the beginning of a tag at the very end is text', () => {
      const editor = createThinkTagEditor();
      const given = event({ content: '<thi' }, 'stop');
      assert.deepEqual([...editor.push(given), ...editor.flush()], [given]);
    });
    it('usage is told once', () => {
      const editor = createThinkTagEditor();
      const chunk = {
        ...JSON.parse(event({ content: '<think>Hm' }, 'stop').toString().slice(6)),
        usage: { prompt_tokens: 1 },
      };
      const out = [...editor.push(Buffer.from(`data: ${JSON.stringify(chunk)}\n\n`)), ...editor.flush()];
      assert.equal(out.filter((each) => each.includes('prompt_tokens')).length, 1);
    });
  });
});
