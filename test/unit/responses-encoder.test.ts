import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ChatEvent } from '../../src/core/chat-event.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { createOpenAiResponses } from '../../src/dialects/openai-responses/index.ts';
import { checkResponsesGrammar, readResponsesStream } from '../support/responses-grammar.ts';

type Body = Readonly<Record<string, unknown>>;

const dialect = createOpenAiResponses();
const facts = { model: 'asked', requestId: 'req_1', createdAtMs: 1_700_000_000_000 };
const tools = [
  { type: 'function', name: 'f', parameters: { type: 'object', properties: {} } },
  { type: 'custom', name: 'apply_patch', format: { type: 'grammar', syntax: 'lark', definition: 'start: /.+/' } },
  { type: 'namespace', name: 'mcp__git', tools: [{ type: 'function', name: 'log', parameters: {} }] },
  { type: 'tool_search', execution: 'client', parameters: { type: 'object', properties: {} } },
];

const encoderOf = (body: Body = {}) => {
  const { translation } = dialect.decodeRequest({ input: 'hi', tools, ...body }, { stream: true });
  assert.ok(translation !== undefined);
  return translation.createEncoder(facts);
};
const run = (events: readonly ChatEvent[], body?: Body) => {
  const encoder = encoderOf(body);
  const text = events.map(encoder.encode).join('') + encoder.end();
  const stream = readResponsesStream(text);
  const response = checkResponsesGrammar(stream);
  assert.deepEqual(encoder.result(), response, 'stream and document are one answer');
  return { stream, response, output: response.output as Body[] };
};
const call = (index: number, name: string, ...pieces: string[]): readonly ChatEvent[] => [
  { type: 'tool-call', index, id: `call_${index}`, name },
  ...pieces.map((text): ChatEvent => ({ type: 'tool-arguments', index, text })),
];
const finish = (reason: 'stop' | 'length' | 'tool_calls' | 'content_filter' = 'stop'): ChatEvent => ({
  type: 'finish',
  reason,
});

/** Arguments before their call's beginning belong to none; the decoder never writes them. */
const isAfterCall = (events: readonly ChatEvent[], piece: ChatEvent & { readonly index: number }) =>
  events.indexOf(piece) > events.findIndex((each) => each.type === 'tool-call' && each.index === piece.index);

describe('Responses: the answer', () => {
  it('reasoning, text and calls are items in their order', () => {
    const { output, response } = run([
      { type: 'reasoning', text: 'Hm' },
      { type: 'text', text: 'So' },
      ...call(0, 'f', '{"a":', '1}'),
      finish('tool_calls'),
      { type: 'usage', usage: { inputTokens: 10, outputTokens: 5, cachedTokens: 4, reasoningTokens: 2 } },
    ]);
    assert.deepEqual(
      output.map((item) => item.type),
      ['reasoning', 'message', 'function_call'],
    );
    assert.deepEqual(output[2], {
      id: output[2]?.id,
      type: 'function_call',
      status: 'completed',
      call_id: 'call_0',
      name: 'f',
      arguments: '{"a":1}',
    });
    assert.deepEqual(response.usage, {
      input_tokens: 10,
      input_tokens_details: { cached_tokens: 4 },
      output_tokens: 5,
      output_tokens_details: { reasoning_tokens: 2 },
      total_tokens: 15,
    });
    assert.equal(response.created_at, 1_700_000_000);
  });

  it('calls whose pieces alternate keep their own arguments', () => {
    const { output } = run([
      ...call(0, 'f'),
      ...call(1, 'f'),
      { type: 'tool-arguments', index: 0, text: '{"a"' },
      { type: 'tool-arguments', index: 1, text: '{"b"' },
      { type: 'tool-arguments', index: 0, text: ':1}' },
      { type: 'tool-arguments', index: 1, text: ':2}' },
      finish('tool_calls'),
    ]);
    assert.deepEqual(
      output.map((item) => item.arguments),
      ['{"a":1}', '{"b":2}'],
    );
  });

  it('a tool in a namespace and a search are the client’s own again', () => {
    const { output } = run([
      ...call(0, 'mcp__git__log', '{}'),
      ...call(1, 'tool_search', '{"query":"mail"}'),
      finish('tool_calls'),
    ]);
    assert.deepEqual([output[0]?.name, output[0]?.namespace], ['log', 'mcp__git']);
    assert.deepEqual(
      [output[1]?.type, output[1]?.execution, output[1]?.arguments],
      ['tool_search_call', 'client', { query: 'mail' }],
    );
  });

  const inputs: readonly (readonly [string, string, string])[] = [
    ['as asked', '{"input":"*** Begin Patch\\n*** End Patch"}', '*** Begin Patch\n*** End Patch'],
    ['under another name', '{"patch":"x"}', 'x'],
    ['without the wrapper', '*** Begin Patch', '*** Begin Patch'],
    ['as a JSON string', '"x\\ny"', 'x\ny'],
    ['cut in the middle', '{"input":"a\\nb', 'a\nb'],
    ['cut in an escape', '{"input":"a\\', 'a'],
    ['cut in a unicode escape', '{"input":"a\\u4f', 'a'],
    ['with raw line feeds', '{"input":"a\nb"}', 'a\nb'],
    [
      'with raw tabs, as a patch of Go code has them',
      '{"input":"+\tif a {\r\n+\t\treturn\\n"}',
      '+\tif a {\r\n+\t\treturn\n',
    ],
    ['with raw quotes', '{"input":"say "hi""}', 'say "hi"'],
    ['empty', '', ''],
  ];
  for (const [name, json, input] of inputs)
    it(`a freeform tool’s input, ${name}`, () => {
      const { output, stream } = run([...call(0, 'apply_patch', ...json), finish('tool_calls')]);
      assert.deepEqual(
        [output[0]?.type, output[0]?.name, output[0]?.input],
        ['custom_tool_call', 'apply_patch', input],
      );
      assert.equal(stream.filter((event) => event.type === 'response.custom_tool_call_input.done').length, 1);
    });

  it('a response cut by its length is incomplete, and so is its last item', () => {
    const { response, output } = run([...call(0, 'f', '{"a":"tr'), finish('length')]);
    assert.equal(response.status, 'incomplete');
    assert.deepEqual(response.incomplete_details, { reason: 'max_output_tokens' });
    assert.equal(output[0]?.status, 'incomplete');
  });

  it('an answer without a word is a message all the same', () => {
    const { output, response } = run([finish()]);
    assert.deepEqual(
      output.map(({ type, content }) => [type, content]),
      [['message', [{ type: 'output_text', text: '', annotations: [], logprobs: [] }]]],
    );
    assert.equal(response.status, 'completed');
  });

  it('a failure after content is the one terminal event and keeps what came', () => {
    const encoder = encoderOf();
    const text = encoder.encode({ type: 'text', text: 'Hel' });
    const last = encoder.fail(new GatewayError('rate_limited', 'Slow down.', { retryAfterMs: 2_500 }));
    const response = checkResponsesGrammar(readResponsesStream(text + last));
    assert.deepEqual(response.error, { code: 'rate_limit_exceeded', message: 'Slow down. Please try again in 3s.' });
    assert.equal((response.output as Body[]).length, 1);
  });

  it('a failure before anything has its own beginning', () => {
    const text = dialect.encodeStreamError(new GatewayError('context_too_long', 'Too long.'), 'req_1');
    const response = checkResponsesGrammar(readResponsesStream(text));
    assert.deepEqual(response.error, { code: 'context_length_exceeded', message: 'Too long.' });
  });

  const event: fc.Arbitrary<ChatEvent> = fc
    .oneof(
      fc.record({
        type: fc.constantFrom('text' as const, 'reasoning' as const, 'refusal' as const),
        text: fc.string({ minLength: 1, unit: 'grapheme' }),
      }),
      fc.record({
        type: fc.constant('call' as const),
        name: fc.constantFrom('f', 'apply_patch', 'mcp__git__log', 'tool_search', 'unheard'),
      }),
      fc.record({ type: fc.constant('tool-arguments' as const), index: fc.nat(3), text: fc.string({ minLength: 1 }) }),
    )
    .map((each) => each as ChatEvent);

  it('whatever a model says is a well-formed stream in which nothing is lost', () => {
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 40 }),
        fc.constantFrom('stop', 'length', 'tool_calls', 'content_filter'),
        (said, reason) => {
          let calls = 0;
          const events = said.map((each): ChatEvent => {
            const raw = each as unknown as { type: string; name: string };
            return raw.type === 'call' ? { type: 'tool-call', index: calls, id: `c${calls++}`, name: raw.name } : each;
          });
          const { output } = run([...events, { type: 'finish', reason: reason as 'stop' }]);
          const all = (type: ChatEvent['type']) =>
            events.flatMap((each) => (each.type === type && 'text' in each ? [each.text] : [])).join('');
          const parts = output.flatMap((item) => (item.content ?? item.summary ?? []) as Body[]);
          const shown = (type: string, field: string) =>
            parts
              .filter((part) => part.type === type)
              .map((part) => part[field])
              .join('');
          assert.equal(shown('output_text', 'text'), all('text'));
          assert.equal(shown('refusal', 'refusal'), all('refusal'));
          assert.equal(shown('summary_text', 'text'), all('reasoning'));
          const items = output.filter((item) => 'call_id' in item);
          assert.equal(items.length, calls);
          for (const [index, item] of items.entries()) {
            const said = events.flatMap((each) =>
              each.type === 'tool-arguments' && each.index === index && isAfterCall(events, each) ? [each.text] : [],
            );
            if (item.type === 'function_call')
              assert.equal(item.arguments, said.join('').trim() === '' ? '{}' : said.join(''));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
