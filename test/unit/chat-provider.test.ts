import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeMessages } from '../../src/vscode/chat/encode-messages.ts';
import { estimateTokens } from '../../src/vscode/chat/estimate-tokens.ts';
import { toModelInformation } from '../../src/vscode/chat/model-information.ts';
import { type AnswerPart, readAnswer } from '../../src/vscode/chat/read-answer.ts';

const text = (value: string) => ({ value });
const image = { mimeType: 'image/png', data: new Uint8Array([1, 2, 3]) };
const call = { callId: 'c1', name: 'look', input: { at: 'sky' } };

describe('chat provider: messages', () => {
  const cases: readonly (readonly [string, Parameters<typeof encodeMessages>[0], unknown])[] = [
    ['text', [{ role: 1, content: [text('a'), text('b')] }], [{ role: 'user', content: 'ab' }]],
    [
      'a role the API does not name',
      [{ role: 3, content: [text('be brief')] }],
      [{ role: 'system', content: 'be brief' }],
    ],
    [
      'an image',
      [{ role: 1, content: [text('what?'), image] }],
      [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'what?' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AQID' } },
          ],
        },
      ],
    ],
    [
      'a call and its result, with an image in it',
      [
        { role: 2, content: [text('I look'), call] },
        { role: 1, content: [{ callId: 'c1', content: [text('blue'), image] }, text('and now?')] },
      ],
      [
        {
          role: 'assistant',
          content: 'I look',
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{"at":"sky"}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'blue' },
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AQID' } },
            { type: 'text', text: 'and now?' },
          ],
        },
      ],
    ],
    [
      'a call alone',
      [{ role: 2, content: [call] }],
      [
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{"at":"sky"}' } }],
        },
      ],
    ],
    [
      'an element tree in a result',
      [{ role: 1, content: [{ callId: 'c1', content: [{ value: { node: 1 } }] }] }],
      [{ role: 'tool', tool_call_id: 'c1', content: '{"node":1}' }],
    ],
    [
      'JSON as data',
      [{ role: 1, content: [{ mimeType: 'application/json', data: Buffer.from('{"a":1}') }] }],
      [{ role: 'user', content: '{"a":1}' }],
    ],
    [
      'marks that no model reads',
      [
        {
          role: 1,
          content: [
            { mimeType: 'cache_control', data: Buffer.from('ephemeral') },
            { value: 'hm', id: 't1' },
          ],
        },
      ],
      [],
    ],
  ];
  for (const [name, messages, expected] of cases)
    it(`turns ${name} into Chat Completions`, () => assert.deepEqual(encodeMessages(messages), expected));
});

describe('chat provider: answer', () => {
  const stream = (...chunks: unknown[]) =>
    `${chunks.map((chunk) => `data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`).join('')}`;
  const delta = (fields: object, finish: string | null = null) => ({
    choices: [{ delta: fields, finish_reason: finish }],
  });
  const part = (index: number, fields: object) => delta({ tool_calls: [{ index, ...fields }] });
  const read = async (bytes: string, cut = bytes.length): Promise<AnswerPart[]> => {
    const buffer = Buffer.from(bytes);
    async function* pieces() {
      for (let at = 0; at < buffer.length; at += cut) yield buffer.subarray(at, at + cut);
    }
    const parts: AnswerPart[] = [];
    for await (const each of readAnswer(pieces())) parts.push(each);
    return parts;
  };

  const twoCalls = stream(
    delta({ role: 'assistant', content: 'Hé ' }),
    part(0, { id: 'a', function: { name: 'one', arguments: '{"x":' } }),
    part(1, { id: 'b', function: { name: 'two', arguments: '' } }),
    part(0, { function: { arguments: '1}' } }),
    delta({}, 'tool_calls'),
    '[DONE]',
  );

  it('reports tool calls whole and apart, wherever the reads split the stream', () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: twoCalls.length }), async (cut) => {
        assert.deepEqual(await read(twoCalls, cut), [
          { kind: 'text', text: 'Hé ' },
          { kind: 'tool-call', callId: 'a', name: 'one', input: { x: 1 } },
          { kind: 'tool-call', callId: 'b', name: 'two', input: {} },
        ]);
      }),
    ));

  const failures: readonly (readonly [string, string, RegExp])[] = [
    ['an error in the stream', stream(delta({ content: 'a' }), { error: { message: 'quota' } }), /quota/],
    ['a stream that just ends', stream(delta({ content: 'a' })), /broke off/],
    [
      'arguments that are no object',
      stream(part(0, { id: 'a', function: { name: 'one', arguments: '[' } }), delta({}, 'stop')),
      /one/,
    ],
  ];
  for (const [name, bytes, message] of failures) it(`fails on ${name}`, () => assert.rejects(read(bytes), message));
});

describe('chat provider: models', () => {
  it('splits the context window between prompt and answer', () => {
    const list = (model: object) => toModelInformation(JSON.stringify({ data: [{ id: 'm-1', ...model }] }))[0];
    const full = list({
      name: 'M',
      context_window: 1000,
      max_output_tokens: 200,
      supports_vision: false,
      supports_function_calling: true,
    });
    assert.deepEqual([full?.name, full?.maxInputTokens, full?.maxOutputTokens], ['M', 800, 200]);
    assert.deepEqual(full?.capabilities, { imageInput: false, toolCalling: true });
    assert.deepEqual([list({})?.maxInputTokens, list({})?.maxOutputTokens], [122_880, 8_192]);
    assert.equal(list({ context_window: 1000, max_output_tokens: 1000 })?.maxInputTokens, 500);
  });

  it('leaves out what is no model to chat with', () =>
    assert.deepEqual(toModelInformation('{"data":[{"id":"e","mode":"embedding"}]}'), []));

  it('lists nothing for an answer that is no list', () => assert.deepEqual(toModelInformation('<html>'), []));

  it('counts ideographs and images', () => {
    assert.ok(estimateTokens('通义千问通义千问') > estimateTokens('abcdefgh'));
    assert.ok(estimateTokens('', { images: 1 }) > 1_000);
  });
});
