import assert from 'node:assert/strict';
import type { ModelAlias } from '../../src/core/model-aliases.ts';
import { resolveModel } from '../../src/upstream/model-choice.ts';

const coding = ['qwen3.7-plus', 'qwen3-coder-plus', 'qwen3-coder-next', 'MiniMax-M2.5'];
const standard = ['qwen3-coder-plus', 'qwen3.8-max', 'qwen3.8-flash', 'qwen-coder-turbo'];
const defaultModel = 'qwen3-coder-plus';

describe('which model a client’s words mean', () => {
  describe('for text', () => {
    const cases: readonly (readonly [string, string | undefined, readonly string[], string | undefined])[] = [
      ['asked for and served', 'qwen3.7-plus', coding, 'qwen3.7-plus'],
      ['asked for in another case', 'minimax-m2.5', coding, 'MiniMax-M2.5'],
      ['asked for with a long context', 'qwen3.7-plus[1m]', coding, 'qwen3.7-plus'],
      ['newer than the list', 'qwen4-max', coding, 'qwen4-max'],
      ['asked for, list not known', 'qwen3.7-plus', [], 'qwen3.7-plus'],
      ['not named', undefined, coding, 'qwen3-coder-plus'],
      ['blank', '  ', coding, 'qwen3-coder-plus'],
      ['gpt-*', 'gpt-5.1-codex', coding, 'qwen3-coder-plus'],
      ['o1', 'o1-mini', coding, 'qwen3-coder-plus'],
      ['o3', 'o3', coding, 'qwen3-coder-plus'],
      ['chatgpt-*', 'chatgpt-4o-latest', coding, 'qwen3-coder-plus'],
      ['a legacy completion model', 'davinci-002', coding, 'qwen3-coder-plus'],
      ['sonnet, dated', 'claude-sonnet-4-5-20250929', coding, 'qwen3-coder-plus'],
      ['sonnet with a long context', 'claude-sonnet-4-5[1m]', coding, 'qwen3-coder-plus'],
      ['opus with a vendor before it', 'anthropic/claude-opus-4.5', coding, 'qwen3.7-plus'],
      ['opus as Bedrock names it', 'us.anthropic.claude-opus-4-20250514-v1:0', standard, 'qwen3.8-max'],
      ['opus, dated, old order of words', 'claude-3-opus-20240229', standard, 'qwen3.8-max'],
      ['opus with a long context', 'claude-opus-5-5[1m]', standard, 'qwen3.8-max'],
      ['haiku', 'claude-haiku-4-5-20251001', standard, 'qwen3.8-flash'],
      ['haiku where there is no flash', 'claude-3-5-haiku-latest', coding, 'qwen3-coder-next'],
      ['haiku where nothing is small', 'haiku', ['glm-5'], 'glm-5'],
      ['a bare tier', 'opus', coding, 'qwen3.7-plus'],
      ['claude of no tier', 'claude-2.1', coding, 'qwen3-coder-plus'],
      ['a foreign name the account serves', 'gpt-oss-120b', ['gpt-oss-120b'], 'gpt-oss-120b'],
      ['a name that only looks foreign', 'omni-x', coding, 'omni-x'],
      ['the default is not served', 'gpt-5', ['glm-5', 'kimi-k2.6'], 'glm-5'],
      ['nothing named, the default is not served', undefined, ['demo'], 'demo'],
      ['foreign, list not known', 'gpt-5', [], 'qwen3-coder-plus'],
      ['an embedding model', 'text-embedding-v4', coding, undefined],
      ['OpenAI’s embedding model', 'text-embedding-3-small', coding, undefined],
    ];
    for (const [name, asked, available, expected] of cases)
      it(`${name}: ${asked} → ${expected}`, () =>
        assert.equal(resolveModel(asked, { defaultModel, available }), expected));
  });

  describe('for completions', () => {
    const choice = { defaultModel, available: standard, format: 'openai-completions' } as const;
    const cases: readonly (readonly [string | undefined, boolean, string])[] = [
      [undefined, true, 'qwen-coder-turbo'],
      ['gpt-3.5-turbo-instruct', true, 'qwen-coder-turbo'],
      ['gpt-3.5-turbo-instruct', false, 'qwen3-coder-plus'],
      ['qwen3.8-flash', true, 'qwen3.8-flash'],
    ];
    for (const [asked, fillsIn, expected] of cases)
      it(`${asked}, ${fillsIn ? 'native' : 'emulated'} → ${expected}`, () =>
        assert.equal(resolveModel(asked, { ...choice, fillsIn }), expected));
    it('are the chat model’s where the account has none that fills in', () =>
      assert.equal(resolveModel(undefined, { ...choice, available: coding, fillsIn: true }), 'qwen3-coder-plus'));
  });

  describe('for embeddings', () => {
    const available = ['text-embedding-v4', 'text-embedding-v3'];
    const cases: readonly (readonly [string | undefined, string | undefined])[] = [
      [undefined, 'text-embedding-v4'],
      ['text-embedding-v3', 'text-embedding-v3'],
      ['TEXT-EMBEDDING-V3', 'text-embedding-v3'],
      ['text-embedding-3-small', 'text-embedding-v4'],
      ['text-embedding-3-large', 'text-embedding-v4'],
      ['openai/text-embedding-ada-002', 'text-embedding-v4'],
      ['text-embedding-v9', 'text-embedding-v9'],
      ['bge-m3', 'bge-m3'],
      ['qwen3-coder-plus', undefined],
    ];
    for (const [asked, expected] of cases)
      it(`${asked} → ${expected}`, () =>
        assert.equal(resolveModel(asked, { defaultModel, available, format: 'openai-embeddings' }), expected));
  });

  describe('with aliases', () => {
    const aliases: readonly ModelAlias[] = [
      { pattern: '*', model: 'qwen3.7-plus' },
      { pattern: 'gpt-*', model: 'glm-5' },
      { pattern: 'gpt-*-mini', model: 'qwen3-coder-next' },
      { pattern: 'GPT-5', model: 'MiniMax-M2.5' },
      { pattern: 'text-embedding-3-*', model: 'text-embedding-v3' },
      { pattern: 'a*b*c', model: 'abc' },
    ];
    const cases: readonly (readonly [string | undefined, string | undefined])[] = [
      ['gpt-5', 'MiniMax-M2.5'],
      ['gpt-5[1m]', 'MiniMax-M2.5'],
      ['gpt-4o', 'glm-5'],
      ['GPT-5-MINI', 'qwen3-coder-next'],
      ['gpt--mini', 'qwen3-coder-next'],
      ['gpt-mini', 'glm-5'],
      ['qwen3-coder-plus', 'qwen3.7-plus'],
      ['axbxc', 'abc'],
      ['abc', 'abc'],
      ['acb', 'qwen3.7-plus'],
      ['text-embedding-3-small', 'qwen3.7-plus'],
    ];
    for (const [asked, expected] of cases)
      it(`${asked} → ${expected}`, () =>
        assert.equal(resolveModel(asked, { defaultModel, available: coding, aliases }), expected));
    it('a request that names no model has the default one', () =>
      assert.equal(resolveModel(undefined, { defaultModel, available: coding, aliases }), 'qwen3-coder-plus'));
    it('an alias of a chat model does not touch embeddings', () => {
      const choice = { defaultModel, available: [], aliases, format: 'openai-embeddings' } as const;
      assert.equal(resolveModel('text-embedding-3-small', choice), 'text-embedding-v3');
      assert.equal(resolveModel('text-embedding-ada-002', choice), 'text-embedding-v4');
    });
    it('many stars cost no time', () => {
      const greedy = [{ pattern: `${'a*'.repeat(60)}b`, model: 'x' }];
      assert.equal(
        resolveModel('a'.repeat(10_000), { defaultModel, available: ['q'], aliases: greedy })?.length,
        10_000,
      );
    });
  });
});
