import assert from 'node:assert/strict';
import fc from 'fast-check';
import { foldChatStream } from '../../src/dialects/openai-chat/fold.ts';
import { offeredTools } from '../../src/upstream/chat-leaked-call.ts';
import { createLeakEditor } from '../../src/upstream/chat-leaks.ts';
import { createToolCallEditor, createToolCallMender } from '../../src/upstream/chat-tool-deltas.ts';
import { leaksToolCalls } from '../../src/upstream/models.ts';

const tools = offeredTools({
  tools: [
    {
      type: 'function',
      function: {
        name: 'read_file',
        parameters: {
          type: 'object',
          properties: { path: { type: 'string' }, limit: { type: 'integer' }, tags: { type: 'array' } },
        },
      },
    },
    { type: 'function', function: { name: 'search' } },
  ],
});

const event = (delta: unknown, finish_reason: string | null = null) =>
  Buffer.from(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }], usage: null, id: 'x' })}\n\n`);
const finish = event({ content: '' }, 'stop');
const texts = (...pieces: readonly string[]) => pieces.map((content) => event({ content }));
const run = (events: readonly Buffer[]) => {
  const leaks = createLeakEditor(tools);
  return [...events.flatMap(leaks.push), ...leaks.flush()];
};
const cut = (text: string, size: number) => text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? [];
interface Folded {
  readonly message: { content: string | null; tool_calls?: { function: { name: string; arguments: string } }[] };
  readonly finish_reason: string;
}
/** Text, calls and finish reason that a client puts together. */
const answerOf = (events: readonly Buffer[]) => {
  const [choice] = foldChatStream(run(events).map(createToolCallEditor(createToolCallMender(new Map()))))
    .choices as Folded[];
  const calls = choice?.message.tool_calls?.map(({ function: f }) => `${f.name} ${f.arguments}`) ?? [];
  return { text: choice?.message.content ?? '', calls, finish: choice?.finish_reason };
};

describe('chat repair: tool calls written as text', () => {
  const json = '<tool_call>\n{"name": "read_file", "arguments": {"path": "a<b>.ts"}}\n</tool_call>';
  const xml =
    '<function=read_file>\n<parameter=path>\n a\nb\n</parameter>\n<parameter=limit>\n5\n</parameter>\n<parameter=tags>["x"]</parameter>\n</function>';
  const xmlCall = 'read_file {"path":" a\\nb","limit":5,"tags":["x"]}';
  const cases: readonly (readonly [string, string, string, readonly string[]])[] = [
    ['JSON', json, '', ['read_file {"path":"a<b>.ts"}']],
    ['XML', `<tool_call>\n${xml}\n</tool_call>`, '', [xmlCall]],
    ['XML without its wrapper', xml, '', [xmlCall]],
    ['XML that lost the opening of its wrapper', `${xml}\n</tool_call>`, '', [xmlCall]],
    ['text before', `I look. 1 < 2\n${json}`, 'I look. 1 < 2\n', ['read_file {"path":"a<b>.ts"}']],
    ['two of them', `${json}\n${json}`, '', ['read_file {"path":"a<b>.ts"}', 'read_file {"path":"a<b>.ts"}']],
    ['text after XML', `${xml}\nDone </b>`, 'Done </b>', [xmlCall]],
    ['text between', `${json}and ${json}`, 'and ', ['read_file {"path":"a<b>.ts"}', 'read_file {"path":"a<b>.ts"}']],
    [
      'a tool named search, as the model knows it',
      '<tool_call>{"name":"search_tool"}</tool_call>',
      '',
      ['search_tool {}'],
    ],
  ];
  for (const [name, text, rest, calls] of cases)
    for (const size of [1, 3, 7, 10_000])
      it(`${name}, in pieces of ${size}`, () => {
        const answer = answerOf([event({ role: 'assistant', content: '' }), ...texts(...cut(text, size)), finish]);
        assert.deepEqual(answer.calls, calls);
        assert.equal(answer.text.trim(), rest.trim());
        assert.equal(answer.finish, 'tool_calls');
      });

  const kept: readonly (readonly [string, string])[] = [
    ['a tool nobody offered', '<tool_call>{"name":"rm","arguments":{}}</tool_call>'],
    ['the same in XML', '<function=rm>\n</function>'],
    ['an explanation', 'Write <tool_call> and then </tool_call> around it.'],
    ['one that breaks off', '<tool_call>{"name":"read_file","arguments":{"path":'],
    ['one whose JSON is broken', '<tool_call>{"name":"read_file","arguments":{]}</tool_call>'],
    ['arguments that are no object', '<tool_call>{"name":"read_file","arguments":"x"}</tool_call>'],
    ['comparisons and tags', 'if (a < b) return <tool-box/> <func'],
  ];
  for (const [name, text] of kept)
    for (const size of [1, 4, 10_000])
      it(`stays text, byte for byte: ${name}, in pieces of ${size}`, () => {
        const events = [...texts(...cut(text, size)), finish];
        assert.deepEqual(Buffer.concat(run(events)).toString(), Buffer.concat(events).toString());
      });
  it('what cannot become a call is not held to the end', () => {
    const leaks = createLeakEditor(tools);
    const out = texts('use <tool_call>', ' tags, and ', 'so on').flatMap(leaks.push);
    assert.equal(out.length, 3);
  });
  it('reasoning and real calls end the wait', () => {
    for (const delta of [{ reasoning_content: 'hm' }, { tool_calls: [{ index: 0 }] }]) {
      const events = [...texts('<tool_call>'), event(delta), finish];
      assert.deepEqual(run(events), events);
    }
  });
  it('a real call after a leaked one gets an index of its own', () => {
    const real = { index: 0, id: 'r', function: { name: 'read_file', arguments: '{}' } };
    const { calls } = answerOf([...texts(json), event({ tool_calls: [real] }), event({}, 'tool_calls')]);
    assert.deepEqual(calls, ['read_file {"path":"a<b>.ts"}', 'read_file {}']);
  });
  describe('text that comes with more than text', () => {
    const real = { index: 0, id: 'r', function: { name: 'search_tool', arguments: '{}' } };
    const leaked = 'read_file {"path":"a<b>.ts"}';
    const given: readonly (readonly [string, readonly Buffer[], object])[] = [
      [
        'all of an answer in one chunk',
        [event({ role: 'assistant', content: `I look.${json}` }, 'stop')],
        { text: 'I look.', calls: [leaked], finish: 'tool_calls' },
      ],
      [
        'the last piece with the end',
        [event({ role: 'assistant', content: json.slice(0, -3) }), event({ content: json.slice(-3) }, 'stop')],
        { text: '', calls: [leaked], finish: 'tool_calls' },
      ],
      [
        'a real call beside it',
        [event({ role: 'assistant', content: json, tool_calls: [real] }, 'tool_calls')],
        { text: '', calls: [leaked, 'search_tool {}'], finish: 'tool_calls' },
      ],
    ];
    for (const [name, events, answer] of given)
      it(name, () => {
        assert.deepEqual(answerOf(events), answer);
        assert.equal(run(events).filter((each) => each.includes('"role"')).length, 1, 'clients want the role');
      });
    it('keeps its bytes where it is no call', () => {
      for (const text of ['1 < 2', 'use <tool_call>', '<tool_call>{"name":"rm"}</tool_call>', '<tool_ca'])
        for (const each of [event({ content: text }, 'stop'), event({ content: text, tool_calls: [real] })])
          assert.deepEqual(run([each]), [each]);
    });
  });
  it('a long call is put together as well', () => {
    const path = 'x</function>'.repeat(5_000);
    const text = `<tool_call>${JSON.stringify({ name: 'read_file', arguments: { path } })}</tool_call>`;
    const { calls } = answerOf([...texts(...cut(text, 50)), finish]);
    assert.deepEqual(calls, [`read_file ${JSON.stringify({ path })}`]);
  });
  it('what is too much to hold goes out as text', () => {
    const [opening] = texts('<tool_call>{"name":"read_file","arguments":{"path":"');
    const events = [opening ?? finish, ...texts(...Array(20).fill('x'.repeat(1024 * 1024)))];
    const leaks = createLeakEditor(tools);
    const out = events.flatMap(leaks.push);
    assert.equal(out.length, events.length);
    assert.ok(out.every((each, index) => each === events[index]));
  });
  it('any other text keeps its bytes, wherever it is cut', () => {
    const word = fc.constantFrom(
      '<',
      'tool_call>',
      '<tool_call',
      '</tool_call>',
      '<function',
      '=',
      'read',
      'rm>',
      '{',
      '"name"',
      ' ',
      '\n',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(word, fc.string({ maxLength: 5 })), { maxLength: 30 }), (pieces) => {
        fc.pre(!/<tool_call>\s*[{<]|<function=/.test(pieces.join('')));
        const events = [...texts(...pieces), finish];
        assert.deepEqual(run(events), events);
      }),
      { numRuns: 1_000 },
    );
  });
  it('is looked for with the models that were seen to do it', () => {
    const seen = ['qwen3-coder-plus', 'qwen3-coder-next', 'coder-model', 'qwen3.7-plus', 'glm-5', 'llama-9'].filter(
      leaksToolCalls,
    );
    assert.deepEqual(seen, ['qwen3-coder-plus', 'qwen3-coder-next', 'coder-model']);
  });
});
