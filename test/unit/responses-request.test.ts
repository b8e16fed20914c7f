import assert from 'node:assert/strict';
import { GatewayError } from '../../src/core/errors.ts';
import { createOpenAiResponses } from '../../src/dialects/openai-responses/index.ts';
import { encodeOpaque } from '../../src/dialects/openai-responses/reasoning.ts';
import { createResponseStore } from '../../src/dialects/openai-responses/store.ts';
import { editChatRequest } from '../../src/upstream/request.ts';

type Body = Readonly<Record<string, unknown>>;

const dialect = createOpenAiResponses();
const decode = (body: Body) => {
  const { translation } = dialect.decodeRequest({ model: 'qwen3-coder-plus', ...body }, { stream: true });
  assert.ok(translation !== undefined);
  return translation;
};
const chatOf = (body: Body) => decode(body).chat;
const f = { type: 'function', name: 'f', description: 'Does it.', parameters: { type: 'object', properties: {} } };
const user = (content: unknown) => ({ type: 'message', role: 'user', content });

/** Client body → Chat Completions body. */
const goldens: readonly (readonly [string, Body, Body])[] = [
  [
    'a string',
    { input: 'hi', instructions: 'Be short.' },
    {
      messages: [
        { role: 'system', content: 'Be short.' },
        { role: 'user', content: 'hi' },
      ],
    },
  ],
  [
    'R4 developer messages, in their place',
    {
      input: [
        { role: 'developer', content: 'A' },
        user([{ type: 'input_text', text: 'hi' }]),
        {
          role: 'developer',
          content: [
            { type: 'input_text', text: 'B' },
            { type: 'input_text', text: 'C' },
          ],
        },
      ],
    },
    {
      messages: [
        { role: 'system', content: 'A' },
        { role: 'user', content: 'hi' },
        {
          role: 'system',
          content: [
            { type: 'text', text: 'B' },
            { type: 'text', text: 'C' },
          ],
        },
      ],
    },
  ],
  [
    'untyped items and images',
    {
      input: [
        { role: 'system', content: 's' },
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'look' },
            { type: 'input_image', image_url: 'data:image/png;base64,AA==', detail: 'high' },
            { type: 'input_image', image_url: 'https://example.com/a.png', detail: 'auto' },
          ],
        },
      ],
    },
    {
      messages: [
        { role: 'system', content: 's' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'look' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==', detail: 'high' } },
            { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
          ],
        },
      ],
    },
  ],
  [
    'R5 parallel calls are one turn, their results follow',
    {
      input: [
        user('go'),
        { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Hm.' }], content: null },
        { role: 'assistant', content: [{ type: 'output_text', text: 'Looking.' }] },
        { type: 'function_call', call_id: 'a', name: 'f', arguments: '{"x":1}' },
        { type: 'function_call', call_id: 'b', name: 'f', arguments: '{"x":2}' },
        { type: 'function_call_output', call_id: 'a', output: 'one' },
        { type: 'function_call_output', call_id: 'b', output: [{ type: 'input_text', text: 'two' }] },
      ],
      tools: [f],
    },
    {
      messages: [
        { role: 'user', content: 'go' },
        {
          role: 'assistant',
          content: 'Looking.',
          reasoning_content: 'Hm.',
          tool_calls: [
            { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
            { id: 'b', type: 'function', function: { name: 'f', arguments: '{"x":2}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'a', content: 'one' },
        { role: 'tool', tool_call_id: 'b', content: 'two' },
      ],
      preserve_thinking: true,
      tools: [
        {
          type: 'function',
          function: { name: 'f', description: 'Does it.', parameters: { type: 'object', properties: {} } },
        },
      ],
      parallel_tool_calls: true,
    },
  ],
  [
    'R7 reasoning: our own opaque content is read, a stranger’s is not',
    {
      input: [
        user('go'),
        { type: 'reasoning', summary: [], encrypted_content: encodeOpaque('Ours 思考.') },
        { role: 'assistant', content: 'A' },
        user('on'),
        { type: 'reasoning', summary: [], encrypted_content: 'gAAAAABoISQ24OyVRYbk' },
        { role: 'assistant', content: 'B' },
        user('and'),
        { type: 'reasoning', id: 'rs_alone', summary: [{ type: 'summary_text', text: 'nothing follows' }] },
      ],
    },
    {
      messages: [
        { role: 'user', content: 'go' },
        { role: 'assistant', content: 'A', reasoning_content: 'Ours 思考.' },
        { role: 'user', content: 'on' },
        { role: 'assistant', content: 'B' },
        { role: 'user', content: 'and' },
      ],
      preserve_thinking: true,
    },
  ],
  [
    'R11 text.format, seed and the other settings',
    {
      input: 'x',
      text: { format: { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true }, verbosity: 'low' },
      seed: 7,
      temperature: 0.5,
      top_p: 0.9,
      max_output_tokens: 100,
      reasoning: { effort: 'high', summary: 'auto' },
      user: 'me',
      top_k: 20,
    },
    {
      messages: [{ role: 'user', content: 'x' }],
      response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' }, strict: true } },
      seed: 7,
      temperature: 0.5,
      top_p: 0.9,
      max_completion_tokens: 100,
      reasoning_effort: 'high',
      user: 'me',
      top_k: 20,
    },
  ],
  [
    'R13 fields that Qwen does not know stay here, and so does what is private',
    {
      input: 'x',
      store: false,
      include: ['reasoning.encrypted_content'],
      prompt_cache_key: 'k',
      client_metadata: { workspace: '/home/me/secret' },
      truncation: 'auto',
      service_tier: 'auto',
      safety_identifier: 's',
      stream_options: { include_obfuscation: false },
      max_tool_calls: 3,
    },
    { messages: [{ role: 'user', content: 'x' }] },
  ],
];

describe('Responses: the request', () => {
  for (const [name, body, chat] of goldens)
    it(name, () => {
      assert.deepEqual(JSON.parse(JSON.stringify(chatOf(body))), chat);
    });

  it('R2 freeform tools are functions with one text, there and back', () => {
    const patch = '*** Begin Patch\n*** End Patch';
    const { chat } = decode({
      input: [
        user('patch it'),
        { type: 'custom_tool_call', call_id: 'c1', name: 'apply_patch', input: patch },
        { type: 'custom_tool_call_output', call_id: 'c1', output: 'Done' },
      ],
      tools: [
        {
          type: 'custom',
          name: 'apply_patch',
          description: 'Edits files.',
          format: { type: 'grammar', syntax: 'lark', definition: 'start: "*** Begin Patch"' },
        },
      ],
      tool_choice: { type: 'custom', name: 'apply_patch' },
    });
    const [tool] = chat.tools as { function: Body }[];
    assert.match(String(tool?.function.description), /^Edits files\.\n\n"input" follows this lark grammar:\nstart: "/);
    assert.deepEqual((tool?.function.parameters as Body | undefined)?.required, ['input']);
    assert.deepEqual(chat.tool_choice, { type: 'function', function: { name: 'apply_patch' } });
    const [, call, result] = chat.messages as { tool_calls?: { function: Body }[]; content: unknown }[];
    assert.deepEqual(call?.tool_calls?.[0]?.function, {
      name: 'apply_patch',
      arguments: JSON.stringify({ input: patch }),
    });
    assert.equal(result?.content, 'Done');
    // It goes upstream as it is: nothing in it is refused by Qwen's rules.
    assert.ok(editChatRequest(chat, 'qwen3-coder-plus').tools !== undefined);
  });

  it('R3 namespaces become flat names, also in additional_tools and in what a search found', () => {
    const git = { type: 'namespace', name: 'mcp__git', description: 'Git.', tools: [{ ...f, name: 'log' }] };
    const mail = {
      type: 'namespace',
      name: 'mail',
      tools: [
        { ...f, name: 'send' },
        { type: 'custom', name: 'draft' },
      ],
    };
    const translation = decode({
      input: [
        { type: 'additional_tools', role: 'developer', tools: [mail] },
        user('go'),
        { type: 'function_call', call_id: 'a', namespace: 'mcp__git', name: 'log', arguments: '{}' },
        { type: 'function_call_output', call_id: 'a', output: 'x' },
        { type: 'tool_search_call', call_id: 'b', execution: 'client', arguments: { query: 'late' } },
        { type: 'tool_search_output', call_id: 'b', execution: 'client', tools: [{ ...f, name: 'late' }] },
      ],
      tools: [git, { type: 'tool_search', execution: 'client', description: 'Finds tools.' }],
    });
    const names = (translation.chat.tools as { function: { name: string } }[]).map((tool) => tool.function.name);
    assert.deepEqual(names, ['mcp__git__log', 'tool_search', 'mail__send', 'mail__draft', 'late']);
    const messages = translation.chat.messages as {
      role: string;
      content: unknown;
      tool_calls?: { function: Body }[];
    }[];
    assert.deepEqual(
      messages.flatMap((message) => message.tool_calls?.map((call) => call.function.name) ?? []),
      ['mcp__git__log', 'tool_search'],
    );
    assert.equal(messages.at(-1)?.content, '{"found":["late"]}');
  });

  it('R3 names that collide or are too long stay apart, the same ones in every turn', () => {
    const inner = (name: string) => ({ ...f, name });
    const long = 'x'.repeat(80);
    const body = {
      input: 'x',
      tools: [
        inner('a__b'),
        { type: 'namespace', name: 'a', tools: [inner('b'), inner(long)] },
        { type: 'namespace', name: 'a.', tools: [inner('b'), inner(`${long}y`)] },
      ],
    };
    const names = () => (chatOf(body).tools as { function: { name: string } }[]).map((tool) => tool.function.name);
    assert.equal(new Set(names()).size, 5);
    assert.ok(
      names().every((name) => /^[a-zA-Z0-9_-]{1,64}$/.test(name)),
      names().join(),
    );
    assert.deepEqual(names(), names());
  });

  it('tools of OpenAI’s servers and traces of them are left out with a note', () => {
    const { chat, notes } = decode({
      input: [
        user('x'),
        { type: 'web_search_call', id: 'ws_1', status: 'completed' },
        { type: 'compaction', encrypted_content: 'zz' },
      ],
      tools: [
        { type: 'web_search', external_web_access: false },
        { type: 'image_generation' },
        { type: 'local_shell' },
      ],
      tool_choice: 'auto',
    });
    assert.equal('tools' in chat || 'tool_choice' in chat, false);
    assert.deepEqual(notes, [
      'tool web_search',
      'tool image_generation',
      'tool local_shell',
      'item web_search_call',
      'item compaction',
    ]);
  });

  it('allowed tools and choices keep their meaning', () => {
    const tools = [f, { type: 'namespace', name: 'n', tools: [{ ...f, name: 'g' }] }];
    assert.deepEqual(chatOf({ input: 'x', tools, tool_choice: 'required' }).tool_choice, 'required');
    assert.deepEqual(
      chatOf({
        input: 'x',
        tools,
        tool_choice: {
          type: 'allowed_tools',
          mode: 'required',
          tools: [{ type: 'function', name: 'g', namespace: 'n' }],
        },
      }).tool_choice,
      {
        type: 'allowed_tools',
        allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'n__g' } }] },
      },
    );
  });

  it('R14 nothing of one request is in the next', () => {
    const first = JSON.stringify(chatOf({ input: 'first question' }));
    assert.ok(first.includes('first'));
    assert.ok(!JSON.stringify(chatOf({ input: 'second' })).includes('first'));
  });

  it('fields of the translated body are told in the client’s spelling', () => {
    const { paramOf } = decode({
      instructions: 'I',
      input: [user('a'), { role: 'assistant', content: 'b' }, user('c')],
    });
    const rows: readonly (readonly [string, string | undefined])[] = [
      ['messages[0].content', 'instructions'],
      ['messages[1].content[2]', 'input[0].content[2]'],
      ['messages[3].content', 'input[2].content'],
      ['messages.content', 'input'],
      ['max_tokens', 'max_output_tokens'],
      ['response_format', 'text.format'],
      ['enable_thinking', 'reasoning'],
      ['tools[1].type', 'tools[1].type'],
      ['messages[9].content', undefined],
    ];
    for (const [chat, client] of rows) assert.equal(paramOf?.(chat), client, chat);
  });

  it('R10 the store finds what it answered by its id, as long as a response holds it', () => {
    const store = createResponseStore({ responses: 2, bytes: 1_000 });
    const [question, answer, again] = ['q', 'a1', 'a2'].map((id) => ({ id, text: `text of ${id}` }));
    store.set('first', [question], [answer]);
    assert.deepEqual([...store.find(['a1', 'unknown'])], [['a1', answer]]);
    assert.equal(store.find(['q']).size, 0, 'an id that the client made up');
    store.set('second', [question, answer], [again]);
    store.set('third', ['unrelated']);
    assert.equal(store.get('first'), undefined);
    assert.deepEqual(
      [store.find(['a1']).get('a1'), store.find(['a2']).get('a2')],
      [answer, again],
      'the next has it, too',
    );
    for (const id of ['fourth', 'fifth']) store.set(id, ['unrelated']);
    assert.equal(store.find(['a1', 'a2']).size, 0);
  });

  it('R10 the store is bounded in number and in bytes, and what is read stays longest', () => {
    const store = createResponseStore({ responses: 2, bytes: 60 });
    store.set('a', ['1']);
    store.set('b', ['2']);
    assert.deepEqual(store.get('a'), ['1']);
    store.set('c', ['3']);
    assert.deepEqual([store.get('a'), store.get('b'), store.get('c')], [['1'], undefined, ['3']]);
    store.set('d', ['x'.repeat(50)]);
    assert.deepEqual([store.get('a'), store.get('c'), store.get('d')?.length], [undefined, ['3'], 1]);
    store.set('f', ['x'.repeat(45)]);
    assert.deepEqual([store.get('c'), store.get('d'), store.get('f')?.length], [undefined, undefined, 1]);
    store.set('e', ['x'.repeat(100)]);
    assert.equal(store.get('e'), undefined);
    assert.equal(store.get('f')?.length, 1);
  });

  it('R10 an unknown previous response is a clear refusal', () => {
    assert.throws(
      () => decode({ input: 'x', previous_response_id: 'resp_gone' }),
      (error) => error instanceof GatewayError && error.param === 'previous_response_id' && error.fix !== undefined,
    );
  });
});
