import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createLeakEditor } from '../../src/upstream/chat-leaks.ts';
import { createThinkTagEditor } from '../../src/upstream/chat-think-tags.ts';
import { createToolCallEditor, createToolCallMender } from '../../src/upstream/chat-tool-deltas.ts';
import { checkChatGrammar } from '../support/chat-grammar.ts';

type Delta = Readonly<Record<string, unknown>>;

const event = (delta: Delta, finish: string | null = null) =>
  Buffer.from(
    `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta, finish_reason: finish }], usage: null })}\n\n`,
  );

/** The editors of the lane, in its order. */
function edited(deltas: readonly Delta[], finish: string) {
  const think = createThinkTagEditor();
  const leaks = createLeakEditor(new Map([['f', { type: 'object', properties: { x: { type: 'string' } } }]]));
  const mend = createToolCallEditor(createToolCallMender(new Map()));
  const events = [...deltas.map((delta) => event(delta)), event({}, finish)];
  const passed = events.flatMap(think.push);
  const all = [...passed, ...think.flush()].flatMap(leaks.push);
  return [...all, ...leaks.flush()].map(mend);
}

/** One call as Qwen's servers write it: id and name first, then pieces under an empty id, indexes missing or reused. */
const call = fc.record({
  index: fc.constantFrom(0, 0, 1, undefined),
  argument: fc.string({ maxLength: 12 }),
  cuts: fc.array(fc.nat(20), { maxLength: 3 }),
});
const text = fc.constantFrom(
  'Hello ',
  '你好',
  '🙂',
  '<',
  '<think>',
  '</think>',
  'x < y',
  '<tool_call>',
  '</tool_call>',
  '{"name":"f"',
  '<function=f>',
  '\n',
);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('text' as const), text }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reasoning' as const), text }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('call' as const), call }) },
);

describe('chat streams: the grammar of chunks', () => {
  it('whatever the editors meet, clients can put the stream together', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 14 }),
        fc.constantFrom('stop', 'tool_calls', 'length'),
        (steps, finish) => {
          let calls = 0;
          const deltas = steps.flatMap((each): readonly Delta[] => {
            if (each.kind === 'text') return [{ content: each.text }];
            if (each.kind === 'reasoning') return [{ content: null, reasoning_content: each.text }];
            const { index, argument, cuts } = each.call;
            const whole = JSON.stringify({ x: argument });
            const places = [0, ...cuts.map((cut) => cut % whole.length).toSorted((a, b) => a - b), whole.length];
            const pieces = places.slice(1).map((end, at) => whole.slice(places[at], end));
            const at = index === undefined ? {} : { index };
            return [
              {
                tool_calls: [
                  { ...at, id: `call_${calls++}`, type: 'function', function: { name: 'f', arguments: '' } },
                ],
              },
              ...pieces.map((piece) => ({ tool_calls: [{ ...at, id: '', function: { arguments: piece } }] })),
            ];
          });
          const choices = checkChatGrammar(edited(deltas, finish));
          const choice = choices.get(0);
          assert.ok(choice !== undefined && choice.finish !== null);
          for (const { arguments: json } of choice.calls.values()) assert.doesNotThrow(() => JSON.parse(json), json);
          // Calls that were written as text may come on top.
          assert.ok(choice.calls.size >= calls);
          if (!steps.some((each) => each.kind !== 'call' && /<|\{/.test(each.text))) {
            const said = (kind: 'text' | 'reasoning') =>
              steps.flatMap((each) => (each.kind === kind ? [each.text] : [])).join('');
            assert.deepEqual([choice.text, choice.reasoning], [said('text'), said('reasoning')]);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
