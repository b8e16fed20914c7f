import assert from 'node:assert/strict';
import { createAffinity } from '../../src/accounts/affinity.ts';
import { sessionKey } from '../../src/gateway/session-key.ts';
import { sessionHeader } from '../../src/server/session-header.ts';

describe('session keys', () => {
  const body = {
    messages: [
      { role: 'system', content: 'same for all' },
      { role: 'user', content: 'first' },
    ],
  };
  const key = (changes: object, header?: string) => sessionKey(header, { ...body, ...changes }, 'qwen3-coder-plus');

  it('prefers the header, then metadata.user_id, then prompt_cache_key, then the first user message', () => {
    const named = { metadata: { user_id: 'u' }, prompt_cache_key: 'p' };
    assert.equal(key(named, 'h'), key({}, 'h'));
    assert.equal(key(named), key({ metadata: { user_id: 'u' } }));
    assert.equal(key({ prompt_cache_key: 'p' }), key({ prompt_cache_key: 'p', messages: [] }));
    assert.notEqual(key(named), key({ prompt_cache_key: 'p' }));
    assert.notEqual(key({}), key({ prompt_cache_key: 'p' }));
  });
  it('keeps a conversation together while it grows', () => {
    const grown = [...body.messages, { role: 'assistant', content: 'answer' }, { role: 'user', content: 'second' }];
    assert.equal(key({ messages: grown }), key({}));
  });
  it('tells conversations apart that share system prompt and tools', () => {
    const other = [
      { role: 'system', content: 'same for all' },
      { role: 'user', content: 'another' },
    ];
    assert.notEqual(key({ messages: other }), key({}));
  });
  it('keeps a conversation together while its cache marks move on', () => {
    const text = { type: 'text', text: 'first' };
    const marked = { ...text, cache_control: { type: 'ephemeral' } };
    const image = { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } };
    for (const [turn, later] of [
      [[marked], [text]],
      [
        [text, marked],
        [text, text],
      ],
      [
        [image, marked],
        [image, text],
      ],
      [[marked], 'first'],
    ])
      assert.equal(
        key({ messages: [{ role: 'user', content: turn }] }),
        key({ messages: [{ role: 'user', content: later }] }),
      );
    assert.notEqual(key({ messages: [{ role: 'user', content: [image, text] }] }), key({}));
  });
  it('tells models apart, because the prompt cache does', () => {
    assert.notEqual(sessionKey(undefined, body, 'a'), sessionKey(undefined, body, 'b'));
  });
  it('reads Responses input and has no key for nothing', () => {
    assert.notEqual(sessionKey(undefined, { input: 'text' }, 'm'), undefined);
    assert.equal(
      sessionKey(undefined, { input: [{ role: 'user', content: 'x' }] }, 'm'),
      sessionKey(undefined, { messages: [{ role: 'user', content: 'x' }] }, 'm'),
    );
    assert.equal(sessionKey(undefined, {}, 'm'), undefined);
  });
  it('reads each client’s header, in order', () => {
    assert.equal(sessionHeader({ 'x-session-affinity': 'd', 'session-id': 'c' }), 'c');
    assert.equal(sessionHeader({ 'x-claude-code-session-id': 'b', 'session-id': 'c' }), 'b');
    assert.equal(sessionHeader({ 'x-session-id': 'a', 'x-claude-code-session-id': 'b' }), 'a');
    assert.equal(sessionHeader({}), undefined);
  });
});

describe('affinity', () => {
  let nowMs = 0;
  const clock = { now: () => nowMs, sleep: async () => {}, after: () => () => {} };
  beforeEach(() => {
    nowMs = 1_000_000;
  });

  it('remembers, rebinds and forgets', () => {
    const affinity = createAffinity(clock);
    affinity.bind('s1', 'a');
    affinity.bind('s2', 'a');
    affinity.bind('s2', 'b');
    assert.equal(affinity.accountOf('s1'), 'a');
    assert.equal(affinity.accountOf('s2'), 'b');
    assert.deepEqual([affinity.sessionsOf('a'), affinity.sessionsOf('b')], [1, 1]);
    affinity.forget('a');
    assert.equal(affinity.accountOf('s1'), undefined);
    assert.equal(affinity.sessionsOf('a'), 0);
  });
  it('lets silent conversations go, and keeps those that go on', () => {
    const affinity = createAffinity(clock);
    affinity.bind('silent', 'a');
    affinity.bind('busy', 'b');
    nowMs += 59 * 60_000;
    affinity.bind('busy', 'b');
    nowMs += 2 * 60_000;
    assert.equal(affinity.accountOf('silent'), undefined);
    assert.equal(affinity.accountOf('busy'), 'b');
  });
  it('is bounded: the longest silent conversation gives way', () => {
    const affinity = createAffinity(clock);
    for (let number = 0; number < 5_001; number++) affinity.bind(`s${number}`, 'a');
    assert.equal(affinity.accountOf('s0'), undefined);
    assert.equal(affinity.accountOf('s5000'), 'a');
    assert.equal(affinity.sessionsOf('a'), 5_000);
  });
});
