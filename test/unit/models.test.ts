import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { catalogue, isTextModelId, modelInfo } from '../../src/upstream/models.ts';
import { plans } from '../../src/upstream/plans.ts';

describe('models', () => {
  it('has each text model once, with limits that make sense', () => {
    assert.equal(new Set(catalogue.map(({ id }) => id.toLowerCase())).size, catalogue.length);
    assert.ok(catalogue.length > 90, `${catalogue.length}`);
    for (const { id, contextWindow = Infinity, maxOutput = 1 } of catalogue) {
      assert.ok(isTextModelId(id), id);
      assert.ok(maxOutput > 0 && maxOutput <= contextWindow, id);
    }
  });

  it('knows every model a plan begins with, and that the plan serves it', () => {
    const gaps = plans.flatMap(({ name, models }) =>
      models
        .filter((id) => !catalogue.some((model) => model.id === id && model.plans.includes(name)))
        .map((id) => `${name} ${id}`),
    );
    // Regions without a published list of their own show the general one.
    assert.deepEqual(
      gaps.filter((gap) => !/^(?:standard-us|standard-hk|workspace) /.test(gap)),
      [],
    );
  });

  it("gives the Coding Plan exactly that plan's list", () => {
    const listed = plans.find(({ name }) => name === 'coding-cn')?.models ?? [];
    const tagged = catalogue.filter((model) => model.plans.includes('coding-cn')).map(({ id }) => id);
    assert.deepEqual(tagged.sort(), [...listed].sort());
  });

  describe('facts', () => {
    it('come from the own entry', () => {
      assert.deepEqual(modelInfo('qwen3.8-max'), {
        id: 'qwen3.8-max',
        name: 'Qwen3.8 Max',
        contextWindow: 1_000_000,
        maxOutput: 131_072,
        thinking: 'mandatory',
        reasoningEfforts: ['low', 'medium', 'xhigh'],
        vision: true,
        tools: true,
        plans: ['standard-cn', 'standard-intl', 'token-cn', 'token-intl'],
      });
      assert.equal(modelInfo('qwen3.7-max').thinkingBudgetMax, 262_144);
      assert.equal(modelInfo('qwen3.6-plus').preserveThinking, true);
      assert.equal(modelInfo('qwq-plus').thinking, 'mandatory');
    });

    it('are found in any case, and the id stays as asked', () => {
      assert.deepEqual([modelInfo('minimax-m2.5').id, modelInfo('minimax-m2.5').maxOutput], ['minimax-m2.5', 24_576]);
      assert.deepEqual([modelInfo('MiniMax-M2.5').id, modelInfo('MiniMax-M2.5').maxOutput], ['MiniMax-M2.5', 24_576]);
    });

    const derived: readonly (readonly [string, number | undefined, number | undefined, string])[] = [
      ['qwen-vl-max-2025-08-13', 131_072, 8192, 'none'],
      ['qwen-plus-latest', 1_000_000, 32_768, 'hybrid'],
      ['kimi-k2.6-0930', 262_144, 16_384, 'hybrid'],
      ['qwen3-max-2026-01-23', 262_144, 32_768, 'hybrid'],
      ['qwen3.9-ultra', 1_000_000, 65_536, 'hybrid'],
      ['qwen3-max-thinking-x', 262_144, 65_536, 'hybrid'],
      ['qwen3-coder-plus-x', 1_000_000, 65_536, 'none'],
      ['qwen-something', 262_144, 32_768, 'none'],
      ['llama-9', undefined, undefined, 'none'],
    ];
    for (const [id, contextWindow, maxOutput, thinking] of derived) {
      it(`of ${id} are derived`, () => {
        const info = modelInfo(id);
        assert.deepEqual(
          [info.id, info.contextWindow, info.maxOutput, info.thinking],
          [id, contextWindow, maxOutput, thinking],
        );
      });
    }
  });

  const others = [
    'qwen-image-2.0',
    'wan2.7-image',
    'qwen-audio-turbo',
    'qwen3-tts-flash',
    'qwen3-asr-flash',
    'qwen-video-x',
    'qwen3-omni-flash-realtime',
    'qwen3-livetranslate-flash',
    'gte-rerank-v2',
    'text-embedding-v4',
  ];
  for (const id of others) it(`leaves ${id} out of the chat models`, () => assert.equal(isTextModelId(id), false));
  for (const id of ['qwen3-coder-plus', 'qwen-vl-ocr', 'deepseek-v4-pro', 'qwen3-omni-flash']) {
    it(`keeps ${id} among the chat models`, () => assert.equal(isTextModelId(id), true));
  }
});
