import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ChatEvent } from '../../src/core/chat-event.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { MessageEncoder } from '../../src/dialects/anthropic-messages/encoder.ts';
import { foldMessageStream } from '../../src/dialects/anthropic-messages/fold.ts';
import { createChatDecoder } from '../../src/upstream/chat-decode.ts';
import { createToolCallEditor, createToolCallMender } from '../../src/upstream/chat-tool-deltas.ts';
import { SseSplitter } from '../../src/wire/sse.ts';
import { isObject, type JsonObject } from '../simulator/json.ts';
import { checkMessageStream, textOfBlocks } from '../support/anthropic-grammar.ts';

const facts = { model: 'claude-opus-4-5', requestId: 'req_1', createdAtMs: 0 };
const usage = { inputTokens: 100, outputTokens: 20, cachedTokens: 60, cacheWriteTokens: 10, reasoningTokens: 0 };

function encode(events: readonly ChatEvent[], { hidesThinking = false, stops = [] as readonly string[] } = {}) {
  const encoder = new MessageEncoder(facts, { hidesThinking, stops });
  const text = events.map((event) => encoder.encode(event)).join('') + encoder.end();
  const splitter = new SseSplitter();
  return {
    text,
    stream: checkMessageStream(text),
    document: encoder.result(),
    folded: foldMessageStream(splitter.push(Buffer.from(text))),
  };
}

const call = (index: number, name = 'f'): ChatEvent => ({ type: 'tool-call', index, id: `call_${index}`, name });
const piece = (index: number, text: string): ChatEvent => ({ type: 'tool-arguments', index, text });
const finish = (reason: 'stop' | 'length' | 'tool_calls' | 'content_filter' = 'stop'): ChatEvent => ({
  type: 'finish',
  reason,
});

describe('anthropic encoder: the grammar, whatever a model says', () => {
  /** Any number of calls whose pieces alternate with text and thinking. */
  const answers = fc
    .record({
      calls: fc.array(fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 2 })), { maxLength: 4 }),
      cuts: fc.array(fc.nat(40), { minLength: 4, maxLength: 12 }),
      words: fc.array(fc.record({ isThinking: fc.boolean(), text: fc.string({ unit: 'grapheme', minLength: 1 }) })),
      order: fc.infiniteStream(fc.nat(7)),
    })
    .map(({ calls, cuts, words, order }) => {
      const queues: ChatEvent[][] = calls.map((input, index) => {
        const json = JSON.stringify(input);
        const at = [...new Set(cuts.map((cut) => cut % (json.length + 1)))].toSorted((a, b) => a - b);
        const pieces = [0, ...at].map((start, place) => json.slice(start, [...at, json.length][place]));
        return [call(index), ...pieces.map((text) => piece(index, text))];
      });
      queues.push(words.map(({ isThinking, text }) => ({ type: isThinking ? 'reasoning' : 'text', text }) as const));
      const events: ChatEvent[] = [];
      for (
        let left = queues.filter((queue) => queue.length > 0);
        left.length > 0;
        left = left.filter((q) => q.length > 0)
      ) {
        const [chosen] = order.take(1);
        const next = left[(chosen ?? 0) % left.length]?.shift();
        if (next !== undefined) events.push(next);
      }
      return { calls, words, events: [...events, finish(), { type: 'usage', usage } as const] };
    });

  it('loses nothing, reopens nothing, counts once', () => {
    fc.assert(
      fc.property(answers, fc.boolean(), ({ calls, words, events }, hidesThinking) => {
        const { stream, document, folded } = encode(events, { hidesThinking });
        const said = (thinking: boolean) =>
          words
            .filter(({ isThinking }) => isThinking === thinking)
            .map(({ text }) => text)
            .join('');
        assert.equal(textOfBlocks(stream.content, 'text'), said(false));
        assert.equal(textOfBlocks(stream.content, 'thinking'), hidesThinking ? '' : said(true));
        const inputs = stream.content
          .filter(({ type }) => type === 'tool_use')
          .map(({ json }) => JSON.parse(String(json)));
        assert.deepEqual(
          inputs.map((each) => JSON.stringify(each)).toSorted(),
          calls.map((each) => JSON.stringify(each)).toSorted(),
        );
        assert.equal(stream.stopReason, calls.length > 0 ? 'tool_use' : 'end_turn');
        assert.deepEqual(stream.usage, {
          input_tokens: 30,
          cache_creation_input_tokens: 10,
          cache_read_input_tokens: 60,
          output_tokens: 20,
        });
        assert.deepEqual(
          JSON.parse(JSON.stringify(document)),
          JSON.parse(JSON.stringify(folded)),
          'stream and document are one answer',
        );
      }),
      { numRuns: 400 },
    );
  });

  it('and with the chunks of an upstream, in the decoder', () => {
    const chunk = (delta: JsonObject, reason: string | null = null) =>
      Buffer.from(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`);
    const toolDelta = (index: number, id: string, args: string, name?: string) =>
      chunk({ tool_calls: [{ index, id, type: 'function', function: { ...(name && { name }), arguments: args } }] });
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.string({ unit: 'grapheme' }).map((content) => chunk({ content })),
            fc.string({ unit: 'grapheme' }).map((reasoning_content) => chunk({ content: null, reasoning_content })),
            fc
              .tuple(
                fc.nat(2),
                fc.constantFrom('', 'a', 'b'),
                fc.constantFrom('', '{', '{}', '"a":1', '}'),
                fc.constantFrom(undefined, 'f'),
              )
              .map((parts) => toolDelta(...parts)),
            fc.constant(chunk({})),
          ),
        ),
        fc.constantFrom('stop', 'length', 'tool_calls'),
        (chunks, reason) => {
          const mend = createToolCallEditor(createToolCallMender(new Map()));
          const decode = createChatDecoder();
          const events = [...chunks, chunk({}, reason)].flatMap((each) => decode(mend(each)));
          const { stream } = encode(events);
          const said = events.map((event) => (event.type === 'text' ? event.text : '')).join('');
          assert.equal(textOfBlocks(stream.content, 'text'), said);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('ends with an error and no message_stop when it breaks off', () => {
    fc.assert(
      fc.property(answers, fc.nat(), ({ events }, at) => {
        const encoder = new MessageEncoder(facts, { hidesThinking: false, stops: [] });
        const text = events
          .slice(0, at % events.length)
          .map((event) => encoder.encode(event))
          .join('');
        const { error, stopReason } = checkMessageStream(
          text + encoder.fail(new GatewayError('upstream_protocol', 'cut')),
        );
        assert.ok(isObject(error?.error));
        assert.equal(error.error.type, 'api_error');
        assert.equal(stopReason, undefined);
      }),
    );
  });
});

describe('anthropic encoder: stop reasons', () => {
  const table: readonly (readonly [string, readonly ChatEvent[], string])[] = [
    ['the end', [{ type: 'text', text: 'a' }, finish()], 'end_turn'],
    ['the limit', [{ type: 'text', text: 'a' }, finish('length')], 'max_tokens'],
    ['nothing at all', [finish('length')], 'max_tokens'],
    ['a call', [call(0), piece(0, '{}'), finish('tool_calls')], 'tool_use'],
    ['a call that ended with "stop"', [call(0), piece(0, '{}'), finish('stop')], 'tool_use'],
    ['no call, whatever the upstream says', [{ type: 'text', text: 'a' }, finish('tool_calls')], 'end_turn'],
    ['a call cut by the limit', [call(0), piece(0, '{"a":"b'), finish('length')], 'max_tokens'],
    ['a call cut in silence', [call(0), piece(0, '{"a":"b'), finish('stop')], 'max_tokens'],
    ['a filter', [{ type: 'text', text: 'a' }, finish('content_filter')], 'refusal'],
    ['a refusal', [{ type: 'refusal', text: 'no' }, finish()], 'refusal'],
  ];
  for (const [name, events, reason] of table)
    it(`${name}: ${reason}`, () => {
      const { stream, document } = encode(events);
      assert.deepEqual([stream.stopReason, stream.stopSequence], [reason, null]);
      assert.equal(document.stop_reason, reason);
    });

  it('names the stop sequence, wherever the pieces are cut', () => {
    const whole = 'one 你 STOP two';
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length)), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
        const pieces = at
          .slice(1)
          .map((end, index): ChatEvent => ({ type: 'text', text: whole.slice(at[index], end) }));
        const { stream } = encode([...pieces, finish()], { stops: ['NEVER', 'STOP', 'TOP'] });
        assert.equal(textOfBlocks(stream.content, 'text'), 'one 你 ');
        assert.deepEqual([stream.stopReason, stream.stopSequence], ['stop_sequence', 'STOP']);
      }),
    );
  });
  it('gives back what only began like one', () => {
    const { stream } = encode(
      [{ type: 'text', text: 'a ST' }, call(0), piece(0, '{}'), { type: 'text', text: 'S' }, finish()],
      { stops: ['STOP'] },
    );
    assert.deepEqual(
      stream.content.map(({ type, text }) => text ?? type),
      ['a ST', 'tool_use', 'S'],
    );
  });
});

describe('anthropic encoder: thinking that is not shown', () => {
  it('is a signature, which brings it back', async () => {
    const { stream } = encode([{ type: 'reasoning', text: 'hm 你好' }, { type: 'text', text: 'a' }, finish()], {
      hidesThinking: true,
    });
    const [thinking] = stream.content;
    assert.equal(thinking?.thinking, '');
    const { translateRequest } = await import('../../src/dialects/anthropic-messages/request.ts');
    const { chat } = translateRequest({
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: [thinking, { type: 'text', text: 'a' }] },
        { role: 'user', content: 'y' },
      ],
    });
    assert.deepEqual((chat.messages as JsonObject[])[1], {
      role: 'assistant',
      content: 'a',
      reasoning_content: 'hm 你好',
    });
  });
});
