import assert from 'node:assert/strict';
import type { JsonObject } from './json.ts';
import { send } from './raw-client.ts';
import { type Simulator, startSimulator } from './simulator.ts';
import { chat, chatAt, goodKey } from './test-requests.ts';

describe('simulator: access', () => {
  let simulator: Simulator;

  before(async () => {
    simulator = await startSimulator();
    simulator.addKey(goodKey);
    simulator.addKey('sk-sp-coding', { plan: 'coding', acceptUserAgents: /^OpenClaw\// });
    simulator.addKey('sk-sp-token', { plan: 'token' });
    simulator.addKey('sk-few', { models: ['qwen3.6-plus', 'my-tuned-model'] });
  });
  after(() => simulator.close());

  it('refuses what is no JSON object, and a body above 10 MB', async () => {
    for (const body of ['', '[]', '{"model":', '"text"']) {
      const answer = await chat(simulator, {}, { body });
      assert.deepEqual([answer.status, answer.error.code], [400, 'invalid_parameter_error']);
    }
    const large = await chat(simulator, { messages: [{ role: 'user', content: 'x'.repeat(10 * 1024 * 1024) }] });
    assert.deepEqual([large.status, large.error.code], [413, 'RequestEntityTooLarge']);
  });

  it('wants a bearer key of the right kind on each surface, before it looks at the body', async () => {
    const url = `${simulator.baseUrl}/chat/completions`;
    assert.equal((await send(url, { body: '{' })).json.message, 'No API-key provided.');
    assert.equal((await send(url, { headers: { 'x-api-key': goodKey } })).json.message, 'No API-key provided.');
    const cases: readonly (readonly [string, string, number, string])[] = [
      [simulator.baseUrl, 'sk-bad', 401, 'Incorrect API key provided.'],
      [simulator.baseUrl, 'sk-sp-coding', 403, 'invalid api-key'],
      [simulator.baseUrl, 'sk-sp-token', 403, 'invalid api-key'],
      [simulator.codingBaseUrl, goodKey, 401, 'invalid access token or token expired'],
      [simulator.tokenPlanBaseUrl, 'sk-sp-coding', 401, 'invalid access token or token expired'],
      [simulator.portalBaseUrl, goodKey, 401, 'invalid access token or token expired'],
    ];
    for (const [baseUrl, key, status, message] of cases) {
      const answer = await chatAt(baseUrl, key, {}, { body: '{' });
      assert.deepEqual([answer.status, answer.error.message], [status, message]);
    }
  });

  it('gates tools on the Coding Plan and words its unknown models in its own way', async () => {
    const gated = await chatAt(simulator.codingBaseUrl, 'sk-sp-coding');
    assert.deepEqual(
      [gated.status, gated.json.error],
      [405, 'Coding Plan is currently only available for Coding Agents'],
    );
    const extras = { headers: { 'user-agent': 'OpenClaw/1.0' } };
    assert.equal((await chatAt(simulator.codingBaseUrl, 'sk-sp-coding', {}, extras)).status, 200);
    const unknown = await chatAt(simulator.codingBaseUrl, 'sk-sp-coding', { model: 'qwen3.8-max' }, extras);
    assert.deepEqual([unknown.status, unknown.json], [400, { message: "model 'qwen3.8-max' is not supported." }]);
  });

  it('limits a key to its models', async () => {
    assert.equal((await chatAt(simulator.baseUrl, 'sk-few', { model: 'my-tuned-model' })).status, 200);
    assert.equal((await chatAt(simulator.baseUrl, 'sk-few')).status, 404);
  });

  it('knows only exact paths and methods', async () => {
    for (const path of [
      '/compatible-mode/v1/v1/chat/completions',
      '/compatible-mode/v1/chat/completions/',
      '/coding/compatible-mode/v1/chat/completions',
      '/coding/v1/embeddings',
    ]) {
      const answer = await send(simulator.origin + path, { headers: { authorization: `Bearer ${goodKey}` } });
      assert.deepEqual([answer.status, answer.text], [404, ''], path);
    }
  });

  it('refuses embeddings out of bounds', async () => {
    const embed = (fields: JsonObject) =>
      send(`${simulator.baseUrl}/embeddings`, {
        headers: { authorization: `Bearer ${goodKey}` },
        body: JSON.stringify({ model: 'text-embedding-v4', ...fields }),
      });
    assert.match(String((await embed({ input: Array(11).fill('a') })).error.message), /should not be larger than 10/);
    assert.match(String((await embed({ input: 'a', dimensions: 100 })).error.message), /dimension should be in/);
    assert.match(String((await embed({ input: [] })).error.message), /neither str nor list of str/);
    assert.equal((await embed({ input: 'a', encoding_format: 'base64' })).status, 400);
    assert.equal((await embed({ input: 'a', model: 'qwen3.7-plus' })).status, 404);
  });
});
