import assert from 'node:assert/strict';
import { GatewayError } from '../../src/core/errors.ts';
import { repairToolMessages } from '../../src/upstream/chat-repair.ts';
import { editChatRequest } from '../../src/upstream/request.ts';

interface Message {
  readonly role: string;
  readonly content?: unknown;
  readonly tool_call_id?: string;
  readonly tool_calls?: unknown;
}

const user = (content: unknown = 'x'): Message => ({ role: 'user', content });
const calls = (...ids: readonly string[]): Message => ({
  role: 'assistant',
  content: null,
  tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })),
});
const result = (id: string, content: unknown = `result ${id}`): Message => ({
  role: 'tool',
  tool_call_id: id,
  content,
});
/** One word a message: `user`, `a+b` for calls, `=a` for a result. */
const outline = (messages: readonly unknown[]) =>
  (messages as Message[]).map(({ role, tool_calls, tool_call_id, content }) => {
    if (Array.isArray(tool_calls)) return tool_calls.map(({ id }: { id: string }) => id).join('+');
    if (role === 'tool') return `=${tool_call_id}${content === 'No result was returned.' ? '?' : ''}`;
    return String(content).startsWith('[Result of') ? 'note' : role;
  });
const edit = (messages: readonly Message[], model = 'qwen3-coder-plus') =>
  editChatRequest({ messages }, model).messages as Message[];

describe('chat repair: tool calls and results', () => {
  it('a legal conversation comes back as it is', () => {
    const messages = [user(), calls('a', 'b'), result('b'), result('a'), user(), calls('c'), result('c')];
    assert.equal(repairToolMessages(messages), messages);
    assert.equal(JSON.stringify(edit(messages)), JSON.stringify(messages));
  });
  const cases: readonly (readonly [string, readonly Message[], readonly string[]])[] = [
    ['unanswered at the end', [user(), calls('a')], ['user', 'a', '=a?']],
    ['unanswered before the user goes on', [user(), calls('a'), user()], ['user', 'a', '=a?', 'user']],
    ['one of two unanswered', [calls('a', 'b'), result('b'), user()], ['a+b', '=b', '=a?', 'user']],
    ['unanswered before the next turn', [calls('a'), calls('b'), result('b')], ['a', '=a?', 'b', '=b']],
    ['an orphan', [user(), result('z'), user()], ['user', 'note', 'user']],
    ['an orphan among results', [calls('a', 'b'), result('a'), result('z'), result('b')], ['a+b', '=a', '=b', 'note']],
    ['a result given twice', [calls('a'), result('a'), result('a')], ['a', '=a', 'note']],
    [
      'a result of a turn long gone',
      [calls('a'), result('a'), calls('b'), result('b'), result('a')],
      ['a', '=a', 'b', '=b', 'note'],
    ],
    ['text between results', [calls('a', 'b'), result('a'), user(), result('b')], ['a+b', '=a', '=b', 'user']],
    ['text before the result', [calls('a'), user(), result('a')], ['a', '=a', 'user']],
  ];
  for (const [name, messages, expected] of cases)
    it(name, () => {
      const repaired = repairToolMessages(messages);
      assert.deepEqual(outline(repaired), expected);
      assert.equal(repairToolMessages(repaired), repaired, 'what was repaired is legal');
    });
  it('a note holds what the orphan brought', () => {
    assert.match(String(edit([user(), result('z', 'the text')])[1]?.content), /the text$/);
  });
});

describe('chat repair: contents', () => {
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } };
  const text = (value: string, more = {}) => ({ type: 'text', text: value, ...more });
  const refusesPart = (messages: readonly Message[], param: string) =>
    assert.throws(
      () => edit(messages),
      (error) => error instanceof GatewayError && error.code === 'invalid_request' && error.param === param,
    );

  it('parts become one text where the model reads text only', () => {
    assert.deepEqual(edit([user([text('a'), text('b')])]), [user('a\nb')]);
    assert.deepEqual(edit([{ role: 'system', content: [text('s')] }, user()])[0]?.content, 's');
  });
  it('and stay where it sees, or is not known', () => {
    for (const model of ['qwen3.7-plus', 'llama-9']) {
      const messages = [user([text('a'), image])];
      assert.equal(JSON.stringify(edit(messages, model)), JSON.stringify(messages), model);
    }
  });
  it('marks of the explicit cache keep their parts, but not with glm', () => {
    const marked = [text('a'), text('b', { cache_control: { type: 'ephemeral' } })];
    assert.deepEqual(edit([user(marked)]), [user(marked)]);
    assert.deepEqual(edit([user(marked)], 'glm-5'), [user('a\nb')]);
  });
  it('a picture for a text model is refused by its place', () => {
    refusesPart([user(), { role: 'assistant', content: 'y' }, user([text('a'), image])], 'messages[2].content[1]');
    refusesPart([user(), calls('a'), result('a', [image])], 'messages[2].content[0]');
  });
  it('a tool’s result is a string on every model', () => {
    for (const model of ['qwen3-coder-plus', 'qwen3.7-plus', 'llama-9'])
      assert.equal(edit([user(), calls('a'), result('a', [text('x'), text('y')])], model)[2]?.content, 'x\ny');
    assert.equal(edit([user(), calls('a'), result('a', [])])[2]?.content, '');
  });
  it('pictures of tools follow after all results, where the model sees', () => {
    const messages = [user(), calls('a', 'b'), result('a', [image]), result('b')];
    const edited = edit(messages, 'qwen3.7-plus');
    assert.deepEqual(outline(edited), ['user', 'a+b', '=a', '=b', 'user']);
    assert.deepEqual(edited[4]?.content, [image]);
    assert.equal(typeof edited[2]?.content, 'string');
  });
  it('nulls and empty calls are left out, `content: null` stays', () => {
    const message = { role: 'assistant', content: 'y', refusal: null, tool_calls: [], x: 0 };
    assert.deepEqual(edit([user(), message, user()])[1], { role: 'assistant', content: 'y', x: 0 });
    assert.equal(edit([user(), calls('a'), result('a')])[1]?.content, null);
  });
});

describe('chat repair: who waits for an answer', () => {
  const system = { role: 'system', content: 's' };
  const assistant = { role: 'assistant', content: 'y' };
  it('somebody goes on where nobody would', () => {
    for (const messages of [[system], [user(), assistant], [user(), system]])
      assert.deepEqual(edit(messages), [...messages, { role: 'user', content: 'Continue.' }]);
  });
  it('late system messages keep their place', () => {
    const messages = [system, user(), assistant, system, user()];
    assert.equal(JSON.stringify(edit(messages)), JSON.stringify(messages));
  });
  it('an answer to continue is continued, without thinking', () => {
    const messages = [user(), { ...assistant, partial: true }];
    const body = editChatRequest({ messages, enable_thinking: true }, 'qwen3.7-plus');
    assert.deepEqual([body.messages, body.enable_thinking], [messages, false]);
    assert.throws(
      () => edit(messages, 'qwen3.8-max'),
      (error) => error instanceof GatewayError && error.param === 'messages[1].partial',
    );
  });
  it('the portal gets one leading system message, and everything else legal', () => {
    const { messages } = editChatRequest(
      { messages: [system, user([{ type: 'text', text: 'q' }]), system] },
      'coder-model',
      'portal',
    );
    assert.deepEqual(
      (messages as Message[]).map(({ role }) => role),
      ['system', 'user', 'user', 'user'],
    );
  });
});
