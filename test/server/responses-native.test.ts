import assert from 'node:assert/strict';
import { readResponsesStream } from '../support/responses-grammar.ts';
import { clientKey, startProxy, type TestProxy } from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

type Body = Readonly<Record<string, unknown>>;
const model = 'qwen3.7-plus';
const responseOf = (event: Body | undefined): Body => (event?.response ?? {}) as Body;

describe('server: which lane a response takes', () => {
  const simulator = useSimulator({ keys: ['sk-one'] });
  let server: TestProxy;

  before(async () => {
    server = await startProxy();
    await server.proxy.addAccount({
      id: 'one',
      plan: 'custom',
      key: 'sk-one',
      baseUrl: simulator.baseUrl,
      responsesBaseUrl: simulator.baseUrl,
      probe: false,
    });
  });
  beforeEach(() => server.proxy.clearAccount('one'));
  after(() => server.dispose());

  const post = (body: Body) =>
    server.raw('/v1/responses', { body: JSON.stringify({ model, input: 'hello', store: false, ...body }) });
  const nativeBodies = () =>
    simulator.requests.filter(({ path }) => path.endsWith('/responses')).map(({ body }) => body as Body);
  const user = (content: unknown) => ({ type: 'message', role: 'user', content });
  const f = { type: 'function', name: 'f', parameters: { type: 'object', properties: {} } };

  const table: readonly (readonly [string, Body, 'native' | 'translate'])[] = [
    ['text', {}, 'native'],
    [
      'items',
      { input: [user([{ type: 'input_text', text: 'x' }]), { role: 'assistant', content: 'y' }, user('z')] },
      'native',
    ],
    [
      'developer messages and instructions',
      { instructions: 'I', input: [{ role: 'developer', content: 'D' }, user('x')] },
      'native',
    ],
    [
      'what changes no answer',
      { metadata: { a: 'b' }, user: 'u', client_metadata: { path: '/home' }, include: [] },
      'native',
    ],
    ['efforts', { reasoning: { effort: 'low', summary: 'auto' }, temperature: 2, top_p: 0 }, 'native'],
    ['a tool of Qwen’s own servers', { tools: [{ type: 'web_search', search_context_size: 'low' }] }, 'native'],
    ['the same, kept', { tools: [{ type: 'web_search' }], store: true }, 'native'],
    ['a response to be kept', { store: true }, 'translate'],
    ['functions', { tools: [f] }, 'translate'],
    ['functions beside a hosted tool', { tools: [f, { type: 'web_search' }] }, 'translate'],
    ['freeform tools', { tools: [{ type: 'custom', name: 'c' }] }, 'translate'],
    [
      'calls of earlier turns',
      { input: [user('x'), { type: 'function_call', call_id: 'a', name: 'f', arguments: '{}' }] },
      'translate',
    ],
    ['reasoning of earlier turns', { input: [user('x'), { type: 'reasoning', summary: [] }, user('y')] }, 'translate'],
    ['a limit', { max_output_tokens: 100 }, 'translate'],
    ['a format', { text: { format: { type: 'json_object' } } }, 'translate'],
    ['a field nobody knows', { top_k: 5 }, 'translate'],
    ['a model that is not served there', { model: 'qwen3-coder-plus' }, 'translate'],
  ];
  for (const [name, body, lane] of table)
    it(`${name}: ${lane}`, async () => {
      const answer = await post(body);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json.object, 'response');
      assert.equal(answer.json.model, body.model ?? model);
      assert.equal(nativeBodies().length, lane === 'native' ? 1 : 0);
      assert.equal(simulator.chatRequests.length, lane === 'native' ? 0 : 1);
    });

  it('R13 instructions are the first message, and nothing private goes along', async () => {
    await post({ instructions: 'Be kind.', client_metadata: { path: '/home' }, input: [{ id: 'i', ...user('x') }] });
    assert.deepEqual(nativeBodies()[0], {
      model,
      stream: true,
      input: [
        { role: 'system', content: 'Be kind.' },
        { type: 'message', role: 'user', content: 'x' },
      ],
    });
  });

  it('streams what comes, in whole seconds and under the name that was asked', async () => {
    simulator.script({ route: 'responses', answer: { reasoning: ['Hm'], text: ['Do', 'ne 你好'] } });
    const answer = await post({ stream: true, model: 'gpt-5.5', reasoning: { effort: 'low' } });
    const used = nativeBodies().length;
    const events = readResponsesStream(answer.text);
    assert.equal(used, 0, 'the default model of another vendor’s name is a coder, which is not served there');
    assert.equal(events.at(-1)?.type, 'response.completed');
    simulator.script({ route: 'responses', answer: { reasoning: ['Hm'], text: ['Do', 'ne 你好'] } });
    const native = readResponsesStream((await post({ stream: true, reasoning: { effort: 'low' } })).text);
    assert.deepEqual(
      native.map(({ type }) => type.replace('response.', '')),
      [
        'created',
        'in_progress',
        'output_item.added',
        'reasoning_text.delta',
        'output_item.done',
        'output_item.added',
        'output_text.delta',
        'output_text.delta',
        'output_item.done',
        'completed',
      ],
    );
    for (const at of [0, -1]) {
      const { created_at: createdAt, model: echoed } = responseOf(native.at(at));
      assert.ok(Number.isInteger(createdAt));
      assert.equal(echoed, model);
    }
  });

  it('a whole answer is the one that the stream ended with', async () => {
    const { json } = await post({});
    const [message] = json.output as { content: { text: string }[] }[];
    assert.equal(message?.content[0]?.text, 'Echo: hello');
    const { input_tokens: inputTokens } = json.usage as Record<string, number>;
    assert.match(await server.proxy.exportUsage(), new RegExp(`,${inputTokens},`), 'the ledger has it');
  });

  it('a stream that breaks off goes on with its own numbers to one failure', async () => {
    simulator.fail({ route: 'responses', fault: { kind: 'end-early', afterChunks: 4 } });
    const events = readResponsesStream((await post({ stream: true })).text);
    assert.deepEqual(
      events.map((event) => event.sequence_number),
      events.map((_, index) => index),
    );
    assert.equal(events.filter(({ type }) => type === 'response.created').length, 1);
    const last = events.at(-1);
    assert.equal(last?.type, 'response.failed');
    assert.equal(responseOf(last).id, responseOf(events[0]).id);
  });

  it('a refusal that names a field is translated, and remembered', async () => {
    const refusal = {
      error: { message: 'temperature is not supported', type: 'invalid_request_error', code: 'InvalidParameter' },
    };
    simulator.fail({ route: 'responses', fault: { kind: 'http', status: 400, body: refusal } });
    for (const _ of [1, 2]) assert.equal((await post({ temperature: 0.5 })).status, 200);
    assert.equal(nativeBodies().length, 1);
    assert.equal(simulator.chatRequests.length, 2);
    assert.equal((await post({})).status, 200);
    assert.equal(nativeBodies().length, 2, 'other requests still go the native way');
  });

  it('an upstream that answers with a document', async () => {
    simulator.fail({ route: 'responses', fault: { kind: 'json-instead-of-stream' } });
    const events = readResponsesStream((await post({ stream: true })).text);
    assert.deepEqual(
      events.map(({ type }) => type),
      ['response.created', 'response.output_item.done', 'response.completed'],
    );
  });

  it('LANE=native sends everything, whatever is known of it', async () => {
    const forced = await startProxy({ settings: { LANE: 'native' } });
    try {
      const account = { id: 'one', plan: 'custom', key: 'sk-one', baseUrl: simulator.baseUrl } as const;
      await forced.proxy.addAccount({ ...account, responsesBaseUrl: simulator.baseUrl, probe: false });
      const body = {
        model,
        input: 'x',
        tools: [f],
        tool_choice: { type: 'function', name: 'f' },
        max_output_tokens: 9,
      };
      await forced.raw('/v1/responses', { body: JSON.stringify(body) });
      const [sent] = nativeBodies();
      assert.deepEqual([sent?.tools, sent?.tool_choice, sent?.max_output_tokens], [[f], body.tool_choice, 9]);
    } finally {
      await forced.dispose();
    }
  });

  it('the key of the account goes upstream, the client’s does not', async () => {
    await post({});
    const [request] = simulator.requests.filter(({ path }) => path.endsWith('/responses'));
    assert.equal(request?.headers.authorization, 'Bearer sk-one');
    assert.ok(!JSON.stringify(request).includes(clientKey));
  });
});
