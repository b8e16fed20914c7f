import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isObject, type JsonObject, objectsOf, parseJson } from './json.ts';
import { send } from './raw-client.ts';
import { type Simulator, startSimulator } from './simulator.ts';
import { chat, chatAt, goodKey, streamedText } from './test-requests.ts';

const weatherTool = {
  type: 'function',
  function: { name: 'weather', parameters: { type: 'object', properties: { location: { type: 'string' } } } },
};

describe('simulator: answers', () => {
  let simulator: Simulator;

  before(async () => {
    simulator = await startSimulator();
  });
  beforeEach(() => {
    simulator.reset();
    simulator.addKey(goodKey);
  });
  after(() => simulator.close());

  it('streams text in the recorded shape', async () => {
    simulator.script({ answer: { text: ['##', ' The Festival', ' of Shared', ' Stories'] } });
    const answer = await chat(simulator, { model: 'qwen3-max', stream: true, stream_options: { include_usage: true } });
    assert.equal(answer.headers['content-type'], 'text/event-stream;charset=UTF-8');
    assert.ok(answer.text.endsWith('\n\ndata: [DONE]\n\n'));
    assert.deepEqual(answer.events.map(shapeOf), sampleShapes('01-text-stream.sse'));
  });

  it('streams reasoning in the recorded shape', async () => {
    simulator.script({
      answer: { reasoning: ['We', ' are asked:', ' "How many', '.', ' 3.'], text: ['The word **', '"strawberry"**'] },
    });
    const fields = { model: 'qwen3-max', stream: true, enable_thinking: true, stream_options: { include_usage: true } };
    const answer = await chat(simulator, fields);
    assert.deepEqual(answer.events.map(shapeOf), sampleShapes('02-reasoning-stream.sse'));
  });

  it('streams a tool call in the recorded shape', async () => {
    const toolCalls = [{ name: 'weather', arguments: ['{"location": "San Francisco', '"}'] }];
    simulator.script({ answer: { toolCalls } });
    const fields = { model: 'qwen3-max', stream: true, stream_options: { include_usage: true } };
    const answer = await chat(simulator, fields);
    assert.deepEqual(answer.events.map(shapeOf), sampleShapes('03-tool-call-stream.sse'));
  });

  for (const [sample, answer] of [
    ['04-text-nonstream.json', { text: 'a b' }],
    ['05-tool-call-nonstream.json', { toolCalls: [{ name: 'weather', arguments: '{}' }] }],
    ['06-reasoning-nonstream.json', { reasoning: 'hm', text: 'yes' }],
  ] as const) {
    it(`answers JSON in the shape of ${sample}`, async () => {
      simulator.script({ answer });
      const { json } = await chat(simulator);
      assert.deepEqual(shapeOf(json), shapeOf(parseJson(readSample(sample))));
    });
  }

  it('sends no usage chunk unless asked', async () => {
    const answer = await chat(simulator, { stream: true });
    assert.deepEqual(
      answer.events.filter((event) => event.usage !== null || objectsOf(event.choices).length === 0),
      [],
    );
  });

  it('echoes the last user message by default, thinking first if asked', async () => {
    const answer = await chat(simulator, { stream: true, enable_thinking: true });
    assert.equal(streamedText(answer, 'reasoning_content'), 'Thinking about: hello');
    assert.equal(streamedText(answer), 'Echo: hello');
  });

  it('calls a tool if forced or told, and not again after its result', async () => {
    const tools = [weatherTool];
    const forced = await chat(simulator, { tools, tool_choice: { type: 'function', function: { name: 'weather' } } });
    const user = { role: 'user', content: 'call weather' };
    const told = await chat(simulator, { tools, messages: [user] });
    for (const { json } of [forced, told]) assert.equal(objectsOf(json.choices)[0]?.finish_reason, 'tool_calls');
    const call = { id: 'a', type: 'function', function: { name: 'weather', arguments: '{}' } };
    const messages = [
      user,
      { role: 'assistant', tool_calls: [call] },
      { role: 'tool', tool_call_id: 'a', content: 'sun' },
    ];
    const after = await chat(simulator, { tools, messages });
    assert.equal(objectsOf(after.json.choices)[0]?.finish_reason, 'stop');
  });

  it('ends with length at max_tokens and answers n choices', async () => {
    const answer = await chat(simulator, { max_tokens: 1, n: 2 });
    assert.deepEqual(
      objectsOf(answer.json.choices).map((choice) => choice.finish_reason),
      ['length', 'length'],
    );
  });

  it('sends raw events byte for byte', async () => {
    const rawEvents = ['data:{"choices":null}\n\n', ': ping\n', 'data: [DONE]'];
    simulator.script({ answer: { rawEvents } });
    assert.equal((await chat(simulator, { stream: true })).text, rawEvents.join(''));
  });

  it('gives scripts and faults to the requests whose body they want', async () => {
    const when = (body: JsonObject) => objectsOf(body.tools).length > 0;
    simulator.script({ when, answer: { text: 'scripted' } });
    simulator.fail({ when, fault: { kind: 'no-done' } });
    const plain = await chat(simulator, { stream: true });
    const withTools = await chat(simulator, { stream: true, tools: [weatherTool] });
    assert.deepEqual(
      [plain, withTools].map((answer) => streamedText(answer)),
      ['Echo: hello', 'scripted'],
    );
    assert.deepEqual(
      [plain, withTools].map(({ text }) => text.includes('[DONE]')),
      [true, false],
    );
  });

  it('gives scripts to the key and model they name, so many times', async () => {
    simulator.addKey('sk-other');
    simulator.script({ key: 'sk-other', model: 'qwen3.7-plus', times: 2, answer: { text: 'scripted' } });
    const texts: string[] = [];
    for (const key of [goodKey, 'sk-other', 'sk-other', 'sk-other']) {
      texts.push(streamedText(await chatAt(simulator.baseUrl, key, { stream: true })));
    }
    assert.deepEqual(texts, ['Echo: hello', 'scripted', 'scripted', 'Echo: hello']);
    assert.equal(simulator.answered(), 4);
    assert.equal(simulator.answered('sk-other'), 3);
  });

  it('waits for a slow reader and records an abort', async () => {
    simulator.script({ answer: { text: Array.from({ length: 2000 }, () => 'x'.repeat(10_000)) } });
    const client = new AbortController();
    const answer = await fetch(`${simulator.baseUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${goodKey}` },
      body: JSON.stringify({ model: 'qwen3.7-plus', stream: true, messages: [{ role: 'user', content: 'hi' }] }),
      signal: client.signal,
    });
    assert.equal(answer.status, 200);
    assert.equal(simulator.openStreams, 1);
    assert.equal(simulator.requests[0]?.answered, 'open');
    client.abort();
    await simulator.until(() => simulator.requests[0]?.answered === 'aborted' && simulator.openStreams === 0);
    assert.ok((simulator.requests[0]?.abortedAtMs ?? 0) >= (simulator.requests[0]?.at ?? Number.NaN));
    assert.equal(simulator.answered(), 0);
  });

  it('paces chunks and stops at once when the client leaves', async () => {
    simulator.script({ answer: { text: ['a', 'b'], chunkDelayMs: 60_000 } });
    const client = new AbortController();
    await assert.rejects(chat(simulator, { stream: true }, { signal: client.signal, onRead: () => client.abort() }));
    await simulator.until(() => simulator.chatRequests[0]?.answered === 'aborted');
  });

  it('lists models per plan and serves embeddings, completions and token counts', async () => {
    simulator.addKey('sk-sp-token', { plan: 'token' });
    const headers = { authorization: `Bearer ${goodKey}` };
    const get = (url: string, key: string) => send(url, { method: 'GET', headers: { authorization: `Bearer ${key}` } });
    const ids = objectsOf((await get(`${simulator.tokenPlanBaseUrl}/models`, 'sk-sp-token')).json.data).map(
      (model) => model.id,
    );
    assert.ok(ids.includes('qwen3.8-max') && ids.includes('wan2.7-t2v'));
    assert.ok(
      !objectsOf((await get(`${simulator.baseUrl}/models`, goodKey)).json.data).some(
        (model) => model.id === 'qwen3-coder-next',
      ),
    );
    assert.deepEqual(pick(await get(`${simulator.codingBaseUrl}/models`, 'any')), [404, '']);
    const embed = JSON.stringify({ model: 'text-embedding-v4', input: ['a', 'b'], dimensions: 64 });
    const { json } = await send(`${simulator.baseUrl}/embeddings`, { headers, body: embed });
    assert.deepEqual(
      objectsOf(json.data).map(({ embedding }) => Array.isArray(embedding) && embedding.length),
      [64, 64],
    );
    const prompt = '<|fim_prefix|>let a = <|fim_suffix|>;<|fim_middle|>';
    const complete = JSON.stringify({ model: 'qwen2.5-coder-7b-instruct', prompt });
    const completed = await send(`${simulator.baseUrl}/completions`, { headers, body: complete });
    assert.equal(objectsOf(completed.json.choices)[0]?.text, 'Echo: let a = ');
    const count = JSON.stringify({ model: 'qwen3.7-plus', messages: [{ role: 'user', content: '12345' }] });
    const counted = await send(`${simulator.anthropicBaseUrl}/v1/messages/count_tokens`, { headers, body: count });
    assert.deepEqual(counted.json, { input_tokens: 2 });
  });

  it('leaves nothing open when closed', async () => {
    const other = await startSimulator();
    other.addKey(goodKey);
    other.fail({ fault: { kind: 'stall', afterChunks: 1 } });
    const broken = await chat(other, { stream: true }, { onRead: () => void other.close() });
    assert.equal(broken.end, 'broken');
    await other.until(() => other.sockets === 0);
    assert.deepEqual([other.openStreams, other.sockets], [0, 0]);
  });
});

function pick({ status, text }: { status: number; text: string }) {
  return [status, text];
}

function readSample(name: string): string {
  return readFileSync(new URL(`../fixtures/sse/${name}`, import.meta.url), 'utf8');
}

function sampleShapes(name: string) {
  return [...readSample(name).matchAll(/^data: (\{.*)$/gm)].map((line) => shapeOf(parseJson(line[1] ?? '')));
}

/** Keys and types of a value; which string, number or key order does not matter, but empty, null and absent do. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]));
  }
  return value === null || value === '' ? value : typeof value;
}
