import assert from 'node:assert/strict';
import { generateText, isStepCount, type LanguageModel, Output, streamText, tool } from 'ai';
import { z } from 'zod';
import { objectsOf } from '../../simulator/json.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { answeredCalls, scriptTurns } from '../support/turns.ts';

export interface VercelProvider {
  model(proxyUrl: string, id: string): LanguageModel;
  /** Whether the provider reads reasoning at all: the one for OpenAI's chat completions does not. */
  readonly readsReasoning: boolean;
}

// It prints a warning for every model that it does not know.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

const city = z.object({ city: z.string() });
const weatherCalls = ['Paris', 'Rome'].map((name) => ({
  id: `call_${name}`,
  name: 'weather',
  arguments: JSON.stringify({ city: name }),
}));

/** What the Vercel AI SDK does with a model, whichever API its provider speaks. */
export function itWorksWithVercel(provider: VercelProvider): void {
  let stage: Stage;
  beforeEach(async () => {
    stage = await openStage();
  });
  afterEach(() => stage.close());

  const model = (id = 'qwen3-coder-plus') => provider.model(stage.proxy.url, id);
  const asked: string[] = [];
  const weather = tool({
    description: 'Tells the weather of a city.',
    inputSchema: city,
    execute: async (input) => {
      asked.push(input.city);
      return `sunny in ${input.city}`;
    },
  });
  beforeEach(() => void asked.splice(0));

  it('generateText', async () => {
    stage.simulator.script({ answer: { text: '你好🙂', usage: { prompt_tokens: 70, completion_tokens: 7 } } });
    const { text, finishReason, usage } = await generateText({ model: model(), system: 'Be kind.', prompt: 'Hello' });
    assert.deepEqual([text, finishReason], ['你好🙂', 'stop']);
    assert.deepEqual([usage.inputTokens, usage.outputTokens], [70, 7]);
  });

  it('streamText, byte by byte', async () => {
    stage.simulator.script({ answer: { text: ['你好', '🙂', ' and', ' more'] } });
    stage.simulator.fail({ fault: { kind: 'split', bytes: 1 } });
    const result = streamText({ model: model(), prompt: 'Hello' });
    const parts: string[] = [];
    for await (const part of result.textStream) parts.push(part);
    assert.deepEqual(
      parts.filter((part) => part !== ''),
      ['你好', '🙂', ' and', ' more'],
    );
    assert.equal(await result.finishReason, 'stop');
    assert.ok(((await result.usage).outputTokens ?? 0) > 0);
  });

  const scriptWeather = () =>
    scriptTurns(stage.simulator, 'weather', [{ text: 'Let me see.', toolCalls: weatherCalls }, { text: 'Sunny.' }]);
  const assertAsked = () => {
    assert.deepEqual(asked.toSorted(), ['Paris', 'Rome']);
    const [, second] = stage.simulator.chatRequests.map((request) => request.body as Readonly<Record<string, unknown>>);
    assert.deepEqual(answeredCalls(second ?? {}), ['call_Paris', 'call_Rome']);
    assert.match(JSON.stringify(objectsOf(second?.messages).at(-1)), /sunny in Rome/);
  };
  const weatherQuestion = { prompt: 'The weather in Paris and Rome?', tools: { weather }, stopWhen: isStepCount(3) };

  it('generateText runs tools', async () => {
    scriptWeather();
    const { text, steps } = await generateText({ model: model(), ...weatherQuestion });
    assert.deepEqual([text, steps.length], ['Sunny.', 2]);
    assert.equal(steps[0]?.finishReason, 'tool-calls');
    assertAsked();
  });

  it('streamText runs tools', async () => {
    scriptWeather();
    const result = streamText({ model: model(), ...weatherQuestion });
    assert.equal(await result.text, 'Sunny.');
    assertAsked();
  });

  it('a forced tool', async () => {
    const { toolCalls } = await generateText({
      model: model(),
      prompt: 'Anything',
      tools: { weather: tool({ inputSchema: city }), time: tool({ inputSchema: city }) },
      toolChoice: { type: 'tool', toolName: 'time' },
    });
    assert.deepEqual(
      toolCalls.map(({ toolName }) => toolName),
      ['time'],
    );
  });

  it('structured output', async () => {
    stage.simulator.script({ answer: { text: '{"city":"Paris"}', toolCalls: [] } });
    const { output } = await generateText({
      model: model(),
      prompt: 'Where?',
      output: Output.object({ schema: city }),
    });
    assert.deepEqual(output, { city: 'Paris' });
  });

  it('reasoning', async () => {
    const answer = { reasoning: ['Let me ', 'think.'], text: 'Done' };
    stage.simulator.script({ answer, times: 2 });
    const question = { model: model('qwen3.7-plus'), prompt: 'Hello' };
    const generated = await generateText(question);
    const streamed = streamText(question);
    const expected = provider.readsReasoning ? 'Let me think.' : undefined;
    assert.deepEqual([generated.text, generated.reasoningText], ['Done', expected]);
    assert.deepEqual([await streamed.text, await streamed.reasoningText], ['Done', expected]);
  });

  it('an abort reaches the upstream', async () => {
    stage.simulator.fail({ fault: { kind: 'stall', afterChunks: 3 } });
    const abort = new AbortController();
    const result = streamText({ model: model(), prompt: 'one two three', abortSignal: abort.signal });
    for await (const part of result.textStream) if (part !== '') abort.abort();
    await stage.simulator.until(() => stage.simulator.chatRequests[0]?.answered === 'aborted');
    assert.equal(stage.simulator.openStreams, 0);
  });

  it('an error that no retry mends', async () => {
    const wrong = generateText({ model: model('no-such-model'), prompt: 'Hello' });
    await assert.rejects(wrong, { name: 'AI_APICallError', statusCode: 404, isRetryable: false });
  });
}
