import assert from 'node:assert/strict';
import Anthropic, { APIError } from '@anthropic-ai/sdk';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { clientKey, startProxy, type TestProxy } from '../support/server-proxy.ts';

const model = 'qwen3.7-plus';
const messages = [{ role: 'user' as const, content: 'ping pong' }];
const tools = [
  {
    name: 'get_weather',
    description: 'The weather of a city.',
    input_schema: { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] },
  },
];

for (const lane of ['translate', 'native'] as const)
  describe(`server: messages with the Anthropic SDK, lane ${lane}`, () => {
    let simulator: Simulator;
    let server: TestProxy;
    let client: Anthropic;

    before(async () => {
      simulator = await startSimulator();
      server = await startProxy({
        settings: { LANE: lane === 'native' ? 'auto' : lane },
        accounts: { one: 'sk-one' },
        baseUrl: simulator.baseUrl,
        anthropicBaseUrl: simulator.anthropicBaseUrl,
      });
      client = new Anthropic({ baseURL: `${server.url}/anthropic`, apiKey: clientKey, maxRetries: 0 });
    });
    beforeEach(() => {
      simulator.reset();
      simulator.addKey('sk-one');
    });
    /** Every request of a test went down the lane it is about. */
    const assertLane = () => {
      const [expected, other] =
        lane === 'native'
          ? [simulator.messagesRequests, simulator.chatRequests]
          : [simulator.chatRequests, simulator.messagesRequests];
      assert.ok(expected.length > 0);
      assert.equal(other.length, 0);
    };
    after(async () => {
      await server.dispose();
      await simulator.close();
    });

    it('answers a message', async () => {
      const message = await client.messages.create({ model, max_tokens: 100, messages });
      assert.deepEqual(message.content, [{ type: 'text', text: 'Echo: ping pong' }]);
      assert.deepEqual(
        [message.type, message.role, message.model, message.stop_reason, message.stop_sequence],
        ['message', 'assistant', model, 'end_turn', null],
      );
      assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 0);
      assert.match(message.id, /^msg_/);
      assert.match(message._request_id ?? '', /^req_/);
      assertLane();
    });
    it('streams into its accumulator', async () => {
      simulator.script({
        route: lane === 'native' ? 'messages' : 'chat',
        answer: {
          reasoning: ['Let me ', 'think'],
          text: ['Looking ', 'up 你好🙂'],
          toolCalls: [
            { id: 'call_a', name: 'get_weather', arguments: ['{"ci', 'ty":"Paris"}'] },
            { id: 'call_b', name: 'get_weather', arguments: ['{"city":', '"Rome"}'] },
          ],
        },
      });
      const final = await client.messages
        .stream({ model, max_tokens: 4_000, messages, tools, thinking: { type: 'enabled', budget_tokens: 2_000 } })
        .finalMessage();
      assert.deepEqual(
        final.content.map((block) =>
          block.type === 'thinking'
            ? block.thinking
            : block.type === 'text'
              ? block.text
              : block.type === 'tool_use' && [block.id, block.input],
        ),
        ['Let me think', 'Looking up 你好🙂', ['call_a', { city: 'Paris' }], ['call_b', { city: 'Rome' }]],
      );
      assert.equal(final.stop_reason, 'tool_use');
      assert.ok(final.usage.input_tokens > 0);
      assertLane();
    });
    it('goes a round of a tool', async () => {
      const ask = { role: 'user' as const, content: 'call get_weather' };
      const first = await client.messages.create({ model, max_tokens: 100, messages: [ask], tools });
      const call = first.content.find((block) => block.type === 'tool_use');
      assert.ok(call);
      const second = await client.messages.create({
        model,
        max_tokens: 100,
        tools,
        messages: [
          ask,
          { role: 'assistant', content: first.content },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: 'sunny' }] },
        ],
      });
      assert.equal(second.stop_reason, 'end_turn');
      assertLane();
    });
    it('takes its thinking back', async () => {
      const thinking = { type: 'enabled' as const, budget_tokens: 2_000 };
      const first = await client.messages.create({ model, max_tokens: 4_000, messages, thinking });
      assert.equal(first.content[0]?.type, 'thinking');
      await client.messages.create({
        model,
        max_tokens: 4_000,
        thinking,
        messages: [...messages, { role: 'assistant', content: first.content }, { role: 'user', content: 'go on' }],
      });
      const sent = [...simulator.messagesRequests, ...simulator.chatRequests].at(-1)?.rawBody ?? '';
      assert.ok(sent.includes('Thinking about: ping pong'), 'what was thought goes along');
      assert.ok(!sent.includes('qp1.'), 'no mark of ours goes upstream');
      assertLane();
    });
    it('is aborted upstream when the client aborts', async () => {
      simulator.fail({ route: lane === 'native' ? 'messages' : 'chat', fault: { kind: 'stall', afterChunks: 5 } });
      simulator.script({ route: lane === 'native' ? 'messages' : 'chat', answer: { text: ['a', 'b', 'c', 'd', 'e'] } });
      const stream = client.messages.stream({ model, max_tokens: 100, messages });
      stream.on('text', () => stream.abort());
      await assert.rejects(stream.finalMessage(), Anthropic.APIUserAbortError);
      await simulator.until(() => simulator.openStreams === 0);
    });
    it('counts', async () => {
      const { input_tokens: tokens } = await client.messages.countTokens({ model, messages });
      assert.ok(tokens > 0);
    });
    it('lists models, page by page', async () => {
      const page = await client.models.list({ limit: 3 });
      assert.equal(page.data.length, 3);
      assert.equal(page.has_more, true);
      const ids: string[] = [];
      for await (const each of client.models.list({ limit: 3 })) ids.push(each.id);
      assert.ok(ids.includes(model) && ids.includes(`anthropic/${model}`));
      assert.equal(new Set(ids).size, ids.length);
      assert.equal((await client.models.retrieve(`anthropic/${model}`)).id, `anthropic/${model}`);
      assert.equal((await client.models.retrieve('claude-opus-4-5[1m]')).id, 'claude-opus-4-5[1m]');
      await assert.rejects(client.models.retrieve('nobody'), { status: 404 });
    });
    it('throws Anthropic’s errors', async () => {
      simulator.fail({ route: lane === 'native' ? 'messages' : 'chat', fault: { kind: 'error', id: 50 }, times: 1 });
      await assert.rejects(
        client.messages.create({ model, max_tokens: 10, messages }),
        (error) =>
          error instanceof APIError &&
          error.status === 400 &&
          error.type === 'invalid_request_error' &&
          /prompt is too long: \d+ tokens > \d+ maximum/.test(error.message) &&
          /^req_/.test(error.requestID ?? ''),
      );
      const stranger = new Anthropic({ baseURL: server.url, apiKey: 'wrong', maxRetries: 0 });
      await assert.rejects(stranger.messages.create({ model, max_tokens: 10, messages }), {
        status: 401,
        type: 'authentication_error',
      });
    });
    // The native surface does so by itself.
    const itTranslated = lane === 'translate' ? it : () => {};
    itTranslated('stops where it is told to', async () => {
      simulator.script({ answer: { text: ['one ST', 'OP two'] } });
      const message = await client.messages.create({ model, max_tokens: 100, messages, stop_sequences: ['STOP'] });
      assert.deepEqual(
        [message.content, message.stop_reason, message.stop_sequence],
        [[{ type: 'text', text: 'one ' }], 'stop_sequence', 'STOP'],
      );
    });
  });
