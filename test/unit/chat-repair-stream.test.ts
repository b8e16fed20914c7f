import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { foldChatStream } from '../../src/dialects/openai-chat/fold.ts';
import { createModelEcho } from '../../src/upstream/chat-echo.ts';
import { createToolCallEditor, createToolCallMender } from '../../src/upstream/chat-tool-deltas.ts';
import { SseSplitter } from '../../src/wire/sse.ts';

interface Piece {
  readonly index?: number;
  readonly id?: string;
  readonly name?: string | null;
  readonly args?: string;
  readonly type?: string | null;
}

const event = (choices: unknown, more = {}) => Buffer.from(`data: ${JSON.stringify({ choices, ...more })}\n\n`);
const pieceEvent = ({ index, id, name, args, type }: Piece, choice = 0) =>
  event([
    {
      index: choice,
      delta: {
        tool_calls: [
          {
            ...(index !== undefined && { index }),
            ...(id !== undefined && { id }),
            ...(type !== undefined && { type }),
            function: { ...(name !== undefined && { name }), ...(args !== undefined && { arguments: args }) },
          },
        ],
      },
    },
  ]);
const edit = (events: readonly Buffer[], clientNames: ReadonlyMap<string, string> = new Map()) => {
  const editor = createToolCallEditor(createToolCallMender(clientNames));
  return events.map(editor);
};
interface FoldedCall {
  readonly index: number;
  readonly id: string;
  readonly function: { readonly name: string; readonly arguments: string };
}
/** What a client puts together: `index id name arguments`. */
const callsOf = (events: readonly Buffer[]) => {
  const [choice] = foldChatStream(events).choices as { message: { tool_calls: FoldedCall[] } }[];
  return choice?.message.tool_calls.map(({ index, id, function: f }) => `${index} ${id} ${f.name} ${f.arguments}`);
};

describe('chat repair: tool calls of streams', () => {
  const cases: readonly (readonly [string, readonly Piece[], readonly string[]])[] = [
    [
      'a brace in a key where the pieces meet',
      [
        { index: 0, id: 'a', name: 'f', args: '{"' },
        { index: 0, id: '', args: '{":[]}' },
      ],
      ['0 a f {"{":[]}'],
    ],
    [
      'an index used again for another id',
      [
        { index: 0, id: 'a', name: 'f', args: '{"x":1}' },
        { index: 0, id: 'b', name: 'g', args: '{"y"' },
        { index: 0, id: '', args: ':2}' },
      ],
      ['0 a f {"x":1}', '1 b g {"y":2}'],
    ],
    [
      'pieces of both, by id',
      [
        { index: 0, id: 'a', name: 'f', args: '{"x"' },
        { index: 0, id: 'b', name: 'g', args: '{"y"' },
        { index: 0, id: 'a', args: ':1}' },
        { index: 0, id: 'b', args: ':2}' },
      ],
      ['0 a f {"x":1}', '1 b g {"y":2}'],
    ],
    [
      'a moved call and one that has the index it moved to',
      [
        { index: 0, id: 'a', name: 'f', args: '{}' },
        { index: 0, id: 'b', name: 'g', args: '{}' },
        { index: 1, id: 'c', name: 'h', args: '{' },
        { index: 1, args: '}' },
      ],
      ['0 a f {}', '1 b g {}', '2 c h {}'],
    ],
    [
      'no index at all',
      [
        { id: 'a', name: 'f', args: '{"x"' },
        { args: ':1}' },
        { id: 'b', name: 'g', args: '{' },
        { id: 'b', args: '}' },
      ],
      ['0 a f {"x":1}', '1 b g {}'],
    ],
    [
      'arguments that hold everything so far each time',
      [
        { index: 0, id: 'a', name: 'f', args: '{"ci' },
        { index: 0, args: '{"city":"Pa' },
        { index: 0, args: '{"city":"Paris"}' },
      ],
      ['0 a f {"city":"Paris"}'],
    ],
    [
      'arguments sent again at the end',
      [
        { index: 0, id: 'a', name: 'f', args: '{"x":' },
        { index: 0, args: '[1]}' },
        { index: 0, args: '{"x":[1]}' },
        { index: 0, args: '}' },
      ],
      ['0 a f {"x":[1]}'],
    ],
    [
      'a whole call sent again',
      [
        { index: 0, id: 'a', name: 'f', args: '{"x":1}' },
        { index: 0, id: 'a', name: 'f', args: '{"x":1}' },
      ],
      ['0 a f {"x":1}'],
    ],
    [
      'arguments that only look repeated',
      [
        { index: 0, id: 'a', name: 'f', args: '{"a":' },
        { index: 0, args: '{"a":{"b":"' },
        { index: 0, args: '{' },
        { index: 0, args: '{"}}}' },
      ],
      ['0 a f {"a":{"a":{"b":"{{"}}}'],
    ],
  ];
  for (const [name, pieces, expected] of cases)
    it(name, () => assert.deepEqual(callsOf(edit(pieces.map((piece) => pieceEvent(piece)))), expected));

  it('a call without an id gets one of its own', () => {
    const given = [
      { index: 0, name: 'f', args: '{}' },
      { index: 1, id: '', name: 'g', args: '{}' },
    ];
    const ids = callsOf(edit(given.map((piece) => pieceEvent(piece))))?.map((call) => call.split(' ')[1]);
    assert.equal(new Set(ids).size, 2);
    for (const id of ids ?? []) assert.match(id ?? '', /^call_[\w-]{20,}$/);
  });
  it('choices have calls of their own', () => {
    const events = [pieceEvent({ index: 0, id: 'a', name: 'f' }, 0), pieceEvent({ index: 0, id: 'b', name: 'f' }, 1)];
    assert.deepEqual(edit(events), events);
  });
  it('empty names and types of later pieces go, the empty id stays', () => {
    const [, later] = edit([
      pieceEvent({ index: 0, id: 'a', name: 'f', type: 'function' }),
      pieceEvent({ index: 0, id: '', name: '', type: null, args: '{}' }),
    ]);
    assert.equal(later?.toString(), pieceEvent({ index: 0, id: '', args: '{}' }).toString());
  });
  it('names that went upstream under another come back, in a piece that opens or repeats', () => {
    const names = new Map([['search_tool', 'search']]);
    const pieces = [
      { index: 0, id: 'a', name: 'search_tool', args: '{' },
      { index: 0, name: 'search_tool', args: '}' },
    ];
    const text = Buffer.concat(
      edit(
        pieces.map((piece) => pieceEvent(piece)),
        names,
      ),
    ).toString();
    assert.equal(text.match(/"name":"search"/g)?.length, 2);
  });
  it('fields that nobody knows are kept in a mended event', () => {
    const [, mended] = edit([
      pieceEvent({ index: 0, id: 'a', name: 'f' }),
      event([{ index: 0, x: 1, delta: { y: 2, tool_calls: [{ index: 0, z: 3, function: { name: '' } }] } }], { w: 4 }),
    ]);
    assert.match(String(mended), /"x":1.*"y":2.*"z":3.*"w":4/);
  });
});

describe('chat repair: sound streams keep their bytes', () => {
  const fixtures = new URL('../fixtures/sse/', import.meta.url);
  for (const name of readdirSync(fixtures).filter((each) => each.endsWith('.sse')))
    it(name, () => {
      const events = new SseSplitter().push(readFileSync(new URL(name, fixtures)));
      assert.deepEqual(edit(events), events);
    });

  it('whatever the arguments are, and wherever they are cut', () => {
    const call = fc.record({
      args: fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.stringify(value)),
      cuts: fc.array(fc.nat(40), { maxLength: 6 }),
      spaced: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 3 }), fc.boolean(), (calls, isInterleaved) => {
        const perCall = calls.map(({ args, cuts, spaced }, index) => {
          const text = spaced ? JSON.stringify(JSON.parse(args), null, 1) : args;
          const places = [0, ...cuts.filter((cut) => cut < text.length).toSorted((a, b) => a - b), text.length];
          const pieces = places.slice(1).map((end, place) => text.slice(places[place], end));
          return [
            pieceEvent({ index, id: `call_${index}`, name: 'f', type: 'function', args: '' }),
            ...pieces.map((piece) => pieceEvent({ index, id: '', type: 'function', args: piece })),
          ];
        });
        const longest = Math.max(...perCall.map(({ length }) => length));
        const events = isInterleaved
          ? Array.from({ length: longest }, (_, place) => perCall.flatMap((each) => each[place] ?? [])).flat()
          : perCall.flat();
        for (const [place, edited] of edit(events).entries()) assert.equal(edited, events[place]);
      }),
      { numRuns: 500 },
    );
  });
});

describe('chat repair: the model’s name', () => {
  const echo = createModelEcho('gpt-"4"');
  const echoed = (json: string) => echo(Buffer.from(`data: ${json}\n\n`)).toString();

  it('takes the place of the upstream’s, and nothing else changes', () => {
    assert.equal(
      echoed('{"id":"a","model":"qwen3-max","choices":[1.0]}'),
      'data: {"id":"a","model":"gpt-\\"4\\"","choices":[1.0]}\n\n',
    );
    assert.equal(echoed('{"model" : "q\\"x" ,"a":"\\u00e9"}'), 'data: {"model" : "gpt-\\"4\\"" ,"a":"\\u00e9"}\n\n');
  });
  for (const [name, json] of [
    ['in a text', JSON.stringify({ content: '"model":"qwen3-max"' })],
    ['as a value', '{"type":"model","x":"y"}'],
    ['that is null', '{"model":null}'],
    ['that breaks off', '{"model":"qwen'],
    ['that ends', '{"model"'],
  ] as const)
    it(`stays ${name}`, () => assert.equal(echoed(json), `data: ${json}\n\n`));
  it('an event without it is the same buffer', () => {
    const bytes = Buffer.from('data: [DONE]\n\n');
    assert.equal(echo(bytes), bytes);
  });
});
