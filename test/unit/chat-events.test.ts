import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { isPlainChunk, readChatEvent, readUsage } from '../../src/upstream/chat-events.ts';
import { SseSplitter } from '../../src/wire/sse.ts';

const fixtures = new URL('../fixtures/sse/', import.meta.url);
const eventsOf = (name: string) => new SseSplitter().push(readFileSync(new URL(name, fixtures)));
const dataEvent = (value: unknown, end = '\n\n') => Buffer.from(`data: ${JSON.stringify(value)}${end}`);

/** What a full parse finds in an event beside output. */
function isSpecial(event: Buffer): boolean {
  const { finishedChoices, usage, usageOnly, done, error } = readChatEvent(event);
  return finishedChoices.length > 0 || usage !== undefined || usageOnly || done || error !== undefined;
}

describe('chat events: recorded streams', () => {
  const shapes: readonly (readonly [string, readonly string[]])[] = [
    ['01-text-stream.sse', ['-', 'commit', 'commit', 'commit', 'commit', 'finish', 'usage', 'done']],
    ['02-reasoning-stream.sse', []],
    ['03-tool-call-stream.sse', []],
  ];
  for (const [name, expected] of shapes)
    it(name, () => {
      const events = eventsOf(name);
      const found = events.map((event) => {
        const meaning = readChatEvent(event);
        if (meaning.done) return 'done';
        if (meaning.usageOnly) return 'usage';
        if (meaning.finishedChoices.length > 0) return 'finish';
        return meaning.commits ? 'commit' : '-';
      });
      if (expected.length > 0) assert.deepEqual(found, expected);
      assert.deepEqual(found.slice(-3), ['finish', 'usage', 'done']);
      assert.ok(found.filter((each) => each === 'commit').length > 1);
      for (const [index, event] of events.entries())
        assert.equal(isPlainChunk(event), ['-', 'commit'].includes(found[index] ?? ''), event.toString());
    });
  it('the first chunk of a thinking answer carries a role and commits nothing', () => {
    const [role, thought] = eventsOf('02-reasoning-stream.sse');
    assert.equal(readChatEvent(role ?? Buffer.alloc(0)).commits, false);
    assert.equal(readChatEvent(thought ?? Buffer.alloc(0)).commits, true);
  });
  it('usage is read in full', () => {
    const usage = JSON.parse(readFileSync(new URL('12-usage-explicit-cache.json', fixtures), 'utf8'));
    assert.deepEqual(readUsage(usage), {
      cacheWriteTokens: 29_713,
      inputTokens: 29_719,
      outputTokens: 435,
      cachedTokens: 0,
      reasoningTokens: 382,
    });
  });
  it('native streams mean nothing here, and harm nothing', () => {
    for (const event of eventsOf('11-native-dashscope-stream.sse'))
      assert.deepEqual(readChatEvent(event).error, undefined);
  });
});

describe('chat events: errors inside a stream', () => {
  const errors: readonly (readonly [string, string | Buffer, string, number | undefined])[] = [
    ['a native event', eventsOf('07-error-event-allocation-quota.sse')[0] ?? '', 'token_rate_limited', 429],
    ['a data line', eventsOf('09-error-in-data-line.sse')[0] ?? '', 'content_filtered', undefined],
    [
      'error_finish',
      'data: {"choices":[{"finish_reason":"error_finish","delta":{"content":"<500> InternalError.Algo: boom"},"index":0}]}\n\n',
      'upstream_error',
      undefined,
    ],
    [
      'a flat line',
      'data:{"request_id":"r","code":"Throttling.RateQuota","message":"Requests rate limit exceeded"}\n\n',
      'rate_limited',
      undefined,
    ],
    ['a string', 'data: {"error":"model \'x\' is not supported."}\n\n', 'model_not_found', undefined],
    ['a string with a status', 'data: {"error":"Too many.","status":429}\n\n', 'rate_limited', 429],
    ['a string behind a status', ':HTTP_STATUS/429\ndata: {"error":"Too many."}\n\n', 'rate_limited', 429],
    ['an event without JSON', 'event: error\ndata: something broke\n\n', 'upstream_error', undefined],
    ['an event without data', 'event: error\n:HTTP_STATUS/503\n\n', 'upstream_overloaded', 503],
    ['broken JSON', 'data: {"choices":[\n\n', 'upstream_protocol', undefined],
    ['JSON that is no object', 'data: 7\n\n', 'upstream_protocol', undefined],
  ];
  for (const [name, event, code, status] of errors)
    it(name, () => {
      const bytes = Buffer.from(event);
      const { error, commits } = readChatEvent(bytes);
      assert.equal(error?.code, code);
      if (status !== undefined) assert.equal(error?.upstreamStatus, status);
      assert.equal(commits, false);
      assert.equal(isPlainChunk(bytes), false);
    });
  it('keeps the upstream’s request id for support cases', () => {
    const beside = Buffer.from('data: {"error":{"code":"Throttling","message":"x"},"request_id":"beside"}\n\n');
    assert.equal(readChatEvent(beside).error?.upstreamRequestId, 'beside');
    const [event] = eventsOf('07-error-event-allocation-quota.sse');
    assert.equal(
      readChatEvent(event ?? Buffer.alloc(0)).error?.upstreamRequestId,
      '70acdc21-0000-0000-0000-000000000000',
    );
  });
});

describe('chat events: telling plain chunks by their bytes', () => {
  it('texts that look like something else stay plain', () => {
    for (const content of [
      '"finish_reason":"stop"',
      '"usage":{',
      '"error"',
      '"error":{"message":"x"}',
      '[DONE]',
      'data: [DONE]\n\n',
      '\\"usage\\":{',
      '"message":"x"',
    ]) {
      const event = dataEvent({ choices: [{ delta: { content }, finish_reason: null, index: 0 }], usage: null });
      assert.equal(isPlainChunk(event), true, content);
      assert.equal(readChatEvent(event).commits, true);
    }
  });
  it('a content that is a key’s very name does not hide what follows', () => {
    for (const content of ['finish_reason', 'usage']) {
      const delta = { content };
      assert.equal(isPlainChunk(dataEvent({ choices: [{ delta, finish_reason: 'stop', index: 0 }] })), false);
      assert.equal(isPlainChunk(dataEvent({ choices: [{ delta, index: 0 }], usage: { prompt_tokens: 1 } })), false);
    }
  });
  it('the second choice may finish while the first goes on', () => {
    const event = dataEvent({
      choices: [
        { index: 0, finish_reason: null, delta: { content: 'a' } },
        { index: 1, finish_reason: 'stop', delta: {} },
      ],
    });
    assert.equal(isPlainChunk(event), false);
    assert.deepEqual(readChatEvent(event).finishedChoices, [1]);
  });
  it('a line that breaks off is not plain', () => {
    const text = dataEvent({ choices: [{ delta: { content: 'abc' }, index: 0 }] }).toString();
    assert.equal(isPlainChunk(Buffer.from(`${text.slice(0, text.indexOf('abc'))}\n\n`)), false);
  });
  it('is never said of an event in which a full parse finds more', () => {
    const word = fc.constantFrom(
      'finish_reason',
      'usage',
      'error',
      'message',
      'stop',
      '[DONE]',
      'choices',
      'a"b',
      '\\',
    );
    const text = fc.array(fc.oneof(word, fc.string({ maxLength: 4 })), { maxLength: 4 }).map((parts) => parts.join(''));
    const shuffled = (entries: readonly (readonly [string, unknown])[]) =>
      fc
        .shuffledSubarray([...entries], { minLength: 0 })
        .map((chosen): Record<string, unknown> => Object.fromEntries(chosen));
    const choice = fc
      .tuple(text, fc.constantFrom(null, 'stop', 'tool_calls', ''), fc.nat(2))
      .chain(([content, finish, index]) =>
        shuffled([
          ['delta', { content }],
          ['finish_reason', finish],
          ['index', index],
          ['logprobs', null],
        ]),
      );
    const chunk = fc
      .tuple(
        fc.array(choice, { maxLength: 3 }),
        fc.constantFrom(null, {}, { prompt_tokens: 1 }),
        text,
        fc.constantFrom(null, 'broken', { message: 'x' }),
      )
      .chain(([choices, usage, message, error]) =>
        shuffled([
          ['choices', choices],
          ['usage', usage],
          ['message', message],
          ['error', error],
          ['id', 'chatcmpl-1'],
        ]),
      );
    let plain = 0;
    fc.assert(
      fc.property(chunk, fc.constantFrom('\n\n', '\r\n\r\n', '\n'), fc.boolean(), (value, end, spaced) => {
        const json = spaced ? JSON.stringify(value, null, 1).replaceAll('\n', '') : JSON.stringify(value);
        const event = Buffer.from(`data: ${json}${end}`);
        if (!isPlainChunk(event)) return;
        plain++;
        assert.equal(isSpecial(event), false, event.toString());
      }),
      { numRuns: 3_000 },
    );
    assert.ok(plain > 300, `${plain} plain events`);
  });
});
