import assert from 'node:assert/strict';
import { normalisePath } from '../../src/server/path.ts';

describe('path: what a client meant', () => {
  const table: readonly (readonly [string, string])[] = [
    ['/v1/chat/completions', '/v1/chat/completions'],
    ['/chat/completions', '/v1/chat/completions'],
    ['//chat//completions', '/v1/chat/completions'],
    ['/v1/v1/models', '/v1/models'],
    ['/v1/v1/v1/models/', '/v1/models'],
    ['/models', '/v1/models'],
    ['/models/qwen-plus', '/v1/models/qwen-plus'],
    ['/modelsx', '/modelsx'],
    ['/completions', '/v1/completions'],
    ['/embeddings/', '/v1/embeddings'],
    ['/responses', '/v1/responses'],
    ['/messages/count_tokens', '/v1/messages/count_tokens'],
    ['/anthropic/v1/messages', '/anthropic/v1/messages'],
    ['/anthropic/messages', '/anthropic/v1/messages'],
    ['/anthropic/v1/v1/messages/', '/anthropic/v1/messages'],
    ['//anthropic//v1/messages?beta=true', '/anthropic/v1/messages?beta=true'],
    ['/v1/anthropic/v1/messages', '/anthropic/v1/messages'],
    ['/anthropic/models', '/anthropic/v1/models'],
    ['/anthropic', '/anthropic'],
    ['/anthropicx/messages', '/anthropicx/messages'],
    ['/', '/'],
    ['//', '/'],
    ['/v1', '/v1'],
    ['/v1/', '/v1'],
    ['/v10/models', '/v10/models'],
    ['/health', '/health'],
    ['/v1/models?a=//b/&c', '/v1/models?a=//b/&c'],
    ['/models/?', '/v1/models?'],
    ['/chat/completions?x=%zz', '/v1/chat/completions?x=%zz'],
  ];
  for (const [url, expected] of table)
    it(`${url} → ${expected}`, () => {
      assert.equal(normalisePath(url), expected);
      assert.equal(normalisePath(expected), expected, 'and it stays there');
    });
  it('a broken escape is no path', () => {
    assert.throws(() => normalisePath('/v1/models/%e0%a4'), { code: 'not_found' });
  });
});
