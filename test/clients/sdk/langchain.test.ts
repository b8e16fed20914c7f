import assert from 'node:assert/strict';
import { AIMessageChunk, type BaseMessage, HumanMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';
import { clientKey } from '../../support/server-proxy.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { answeredCalls, scriptTurns } from '../support/turns.ts';

const city = z.object({ city: z.string() });

describe('clients: LangChain, ChatOpenAI on chat completions', function () {
  this.timeout(20_000);
  let stage: Stage;
  let model: ChatOpenAI;
  beforeEach(async () => {
    stage = await openStage();
    model = new ChatOpenAI({
      model: 'qwen3-coder-plus',
      apiKey: clientKey,
      maxRetries: 0,
      useResponsesApi: false,
      configuration: { baseURL: `${stage.proxy.url}/v1` },
    });
  });
  afterEach(() => stage.close());

  const weather = tool(async (input) => `sunny in ${input.city}`, {
    name: 'weather',
    description: 'Tells the weather of a city.',
    schema: city,
  });

  it('invoke', async () => {
    stage.simulator.script({ answer: { text: '你好🙂', usage: { prompt_tokens: 70, completion_tokens: 7 } } });
    const answer = await model.invoke('Hello');
    assert.equal(answer.text, '你好🙂');
    const usage: unknown = answer.usage_metadata;
    assert.partialDeepStrictEqual(usage, { input_tokens: 70, output_tokens: 7 });
  });

  it('stream, byte by byte', async () => {
    stage.simulator.script({ answer: { text: ['你好', '🙂', ' and', ' more'] } });
    stage.simulator.fail({ fault: { kind: 'split', bytes: 1 } });
    const parts: string[] = [];
    for await (const chunk of await model.stream('Hello')) parts.push(chunk.text);
    assert.deepEqual(
      parts.filter((part) => part !== ''),
      ['你好', '🙂', ' and', ' more'],
    );
  });

  for (const streamed of [false, true])
    it(`tools, ${streamed ? 'streamed' : 'invoked'}`, async () => {
      scriptTurns(stage.simulator, 'weather', [
        {
          toolCalls: ['Paris', 'Rome'].map((name) => ({
            id: `call_${name}`,
            name: 'weather',
            arguments: JSON.stringify({ city: name }),
          })),
        },
        { text: 'Sunny.' },
      ]);
      const withTools = model.bindTools([weather]);
      const conversation: BaseMessage[] = [new HumanMessage('The weather in Paris and Rome?')];
      const ask = async () => {
        if (!streamed) return withTools.invoke(conversation);
        let whole = new AIMessageChunk('');
        for await (const chunk of await withTools.stream(conversation)) whole = whole.concat(chunk);
        return whole;
      };
      const first = await ask();
      conversation.push(first);
      for (const called of first.tool_calls ?? [])
        conversation.push(await weather.invoke({ ...called, type: 'tool_call' }));
      assert.equal((await ask()).text, 'Sunny.');
      const second = stage.simulator.chatRequests[1]?.body as Readonly<Record<string, unknown>>;
      assert.deepEqual(answeredCalls(second), ['call_Paris', 'call_Rome']);
    });

  for (const method of ['jsonSchema', 'functionCalling', 'jsonMode'] as const)
    it(`structured output by ${method}`, async () => {
      // A forced tool is what the simulator calls by itself.
      if (method !== 'functionCalling') stage.simulator.script({ answer: { text: '{"city":"Paris"}' } });
      const structured = model.withStructuredOutput(city, { method });
      const { city: found } = await structured.invoke('Where? Answer as JSON.');
      assert.equal(found, method === 'functionCalling' ? 'Where? Answer as JSON.' : 'Paris');
    });

  it('an abort reaches the upstream', async () => {
    stage.simulator.fail({ fault: { kind: 'stall', afterChunks: 3 } });
    const abort = new AbortController();
    const read = async () => {
      for await (const chunk of await model.stream('one two three', { signal: abort.signal }))
        if (chunk.text !== '') abort.abort();
    };
    await assert.rejects(read(), /abort/i);
    await stage.simulator.until(() => stage.simulator.chatRequests[0]?.answered === 'aborted');
  });
});
