import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { clientKey } from '../../support/server-proxy.ts';
import { itWorksWithVercel } from './vercel-contract.ts';

describe('clients: Vercel AI SDK, @ai-sdk/openai-compatible', function () {
  this.timeout(20_000);
  itWorksWithVercel({
    model: (url, id) =>
      createOpenAICompatible({
        name: 'qwen',
        baseURL: `${url}/v1`,
        apiKey: clientKey,
        includeUsage: true,
        supportsStructuredOutputs: true,
      })(id),
    readsReasoning: true,
  });
});

describe('clients: Vercel AI SDK, @ai-sdk/openai on chat completions', function () {
  this.timeout(20_000);
  itWorksWithVercel({
    model: (url, id) => createOpenAI({ baseURL: `${url}/v1`, apiKey: clientKey }).chat(id),
    readsReasoning: false,
  });
});

describe('clients: Vercel AI SDK, @ai-sdk/openai on Responses', function () {
  this.timeout(20_000);
  itWorksWithVercel({
    model: (url, id) => createOpenAI({ baseURL: `${url}/v1`, apiKey: clientKey })(id),
    readsReasoning: true,
  });
});

describe('clients: Vercel AI SDK, @ai-sdk/anthropic', function () {
  this.timeout(20_000);
  itWorksWithVercel({
    model: (url, id) => createAnthropic({ baseURL: `${url}/anthropic/v1`, authToken: clientKey })(id),
    readsReasoning: true,
  });
});
