import assert from 'node:assert/strict';
import { markForCache, takesCacheMarks } from '../../src/upstream/chat-cache-marks.ts';

const mark = { cache_control: { type: 'ephemeral' } };
const text = (value: string) => [{ type: 'text', text: value, ...mark }];

describe('marks for the explicit cache', () => {
  it('system, last tool and last message', () => {
    assert.deepEqual(
      markForCache({
        messages: [
          { role: 'system', content: 's' },
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
          { role: 'user', content: [{ type: 'image_url' }, { type: 'text', text: 'c' }] },
        ],
        tools: [
          { type: 'function', function: { name: 'x' } },
          { type: 'function', function: { name: 'y' } },
        ],
      }),
      {
        messages: [
          { role: 'system', content: text('s') },
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
          { role: 'user', content: [{ type: 'image_url' }, { type: 'text', text: 'c', ...mark }] },
        ],
        tools: [
          { type: 'function', function: { name: 'x' } },
          { type: 'function', function: { name: 'y' }, ...mark },
        ],
      },
    );
  });
  const left: readonly (readonly [string, object])[] = [
    ['a client’s own marks', { messages: [{ role: 'user', content: [{ type: 'text', text: 'x', ...mark }] }] }],
    ['a marked tool', { messages: [], tools: [{ type: 'function', ...mark }] }],
    ['a tool’s result at the end', { messages: [{ role: 'tool', tool_call_id: 'a', content: 'x' }] }],
    ['a call without text', { messages: [{ role: 'assistant', content: null, tool_calls: [] }] }],
    ['an empty text', { messages: [{ role: 'user', content: '' }] }],
  ];
  for (const [name, body] of left) it(`leaves ${name} alone`, () => assert.deepEqual(markForCache({ ...body }), body));
  it('is for models that read marks', () => {
    assert.deepEqual(['qwen3.7-plus', 'Qwen3-Coder', 'glm-5', 'deepseek-v4-pro', 'kimi-k2.6'].map(takesCacheMarks), [
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
