import assert from 'node:assert/strict';
import fc from 'fast-check';
import { redactHeaders, redactJson } from '../../src/core/redact.ts';

describe('redaction by structure', () => {
  const table: readonly [string, unknown, unknown][] = [
    [
      'keeps what says what a request is',
      { model: 'qwen3-max', stream: true, n: 2 },
      { model: 'qwen3-max', stream: true, n: 2 },
    ],
    [
      'replaces texts by their length',
      { messages: [{ role: 'user', content: 'hello' }] },
      { messages: [{ role: 'user', content: '<5 characters>' }] },
    ],
    ['keeps what ties a call to its result', { tool_call_id: 'call_abc123' }, { tool_call_id: 'call_abc123' }],
    [
      'keeps the shape of arguments, without a word of them',
      { function: { name: 'read_file', arguments: '{"name":"plans","depth":3}' } },
      { function: { name: 'read_file', arguments: '{"name":"<5 characters>","depth":3}' } },
    ],
    [
      'takes a tool’s input for content',
      { type: 'tool_use', input: { type: 'private' } },
      { type: 'tool_use', input: { type: '<7 characters>' } },
    ],
    ['takes a list of input for messages', { input: [{ role: 'user' }] }, { input: [{ role: 'user' }] }],
    [
      'keeps the kind of an image only',
      { url: 'data:image/png;base64,AAAA' },
      { url: 'data:image/png;base64,<26 characters>' },
    ],
    ['shows no credential as a model', { model: 'sk-live-abc' }, { model: '<11 characters>' }],
    ['shows no credential as a field', { 'sk-live-abc': 1 }, { '<field 1>': 1 }],
    ['leaves nothing as it is', { content: '', stop: null }, { content: '', stop: null }],
  ];
  for (const [name, given, expected] of table) it(name, () => assert.deepEqual(redactJson(given), expected));

  it('never lets a text through, wherever it stands', () => {
    const secret = 'sk-canary-0123456789';
    const leaf = fc.constantFrom(secret, `Bearer ${secret}`, `say ${secret}`, JSON.stringify({ key: secret }));
    const name = fc.oneof(
      fc.constantFrom('model', 'name', 'type', 'id', 'arguments', 'input', 'content', 'data', secret),
      fc.string(),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('tree')), fc.dictionary(name, tie('tree'))),
    }));
    fc.assert(fc.property(tree, (value) => !JSON.stringify(redactJson(value)).includes('canary')));
  });

  it('ends in a value of endless depth', () => {
    let deep: unknown = 'secret text';
    for (let level = 0; level < 500; level++) deep = { content: deep };
    assert.ok(!JSON.stringify(redactJson(deep)).includes('secret text'));
  });

  it('shows of headers only how something is sent', () => {
    assert.deepEqual(
      redactHeaders({
        authorization: 'Bearer sk-x',
        'content-type': 'application/json',
        'x-custom': 'y',
        'set-cookie': ['a', 'b'],
      }),
      {
        authorization: '<11 characters>',
        'content-type': 'application/json',
        'x-custom': '<1 characters>',
        'set-cookie': '<4 characters>',
      },
    );
  });
});
