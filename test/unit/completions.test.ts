import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ChatEvent } from '../../src/core/chat-event.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { createEdgeTrimmer } from '../../src/dialects/openai-completions/edge-trimmer.ts';
import { foldCompletionStream } from '../../src/dialects/openai-completions/fold.ts';
import { openAiCompletions } from '../../src/dialects/openai-completions/index.ts';
import { decodeFillIn } from '../../src/dialects/openai-completions/request.ts';
import { editCompletionRequest } from '../../src/upstream/fill-in-request.ts';
import { editChatRequest } from '../../src/upstream/request.ts';
import { encodeFillInPrompt } from '../../src/wire/fill-in.ts';

const decode = (body: unknown, stream = false) => openAiCompletions.decodeRequest(body, { stream });
const translationOf = (body: unknown) => decode(body).translation ?? assert.fail('no translation');

describe('completions', () => {
  describe('what a client asks', () => {
    const refused: readonly (readonly [string, unknown, string, RegExp])[] = [
      ['no prompt', {}, 'prompt', /Missing/],
      ['no prompt but a suffix', { suffix: 'x' }, 'prompt', /Missing/],
      ['an empty prompt', { prompt: '' }, 'prompt', /not be empty/],
      ['several prompts', { prompt: ['a', 'b'] }, 'prompt', /one text: send a request for each/],
      ['no prompts', { prompt: [] }, 'prompt', /one text/],
      ['token ids', { prompt: [1, 2] }, 'prompt', /send text/],
      ['lists of token ids', { prompt: [[1]] }, 'prompt', /send text/],
      ['an object', { prompt: {} }, 'prompt', /a string/],
      ['two answers', { prompt: 'a', n: 2 }, 'n', /once/],
      ['the best of two', { prompt: 'a', best_of: 2 }, 'best_of', /once/],
      ['the prompt again', { prompt: 'a', echo: true }, 'echo', /not repeated/],
      ['probabilities', { prompt: 'a', logprobs: 0 }, 'logprobs', /none/],
      ['a wrong suffix', { prompt: 'a', suffix: 1 }, 'suffix', /a string/],
      ['a wrong stop', { prompt: 'a', stop: [1] }, 'stop', /array of strings/],
      ['no tokens', { prompt: 'a', max_tokens: 0 }, 'max_tokens', /1 or more/],
    ];
    for (const [name, body, param, message] of refused)
      it(`${name}: 400 naming ${param}`, () =>
        assert.throws(
          () => decode(body),
          (error: GatewayError) =>
            error.code === 'invalid_request' && error.param === param && message.test(error.message),
        ));

    it('is passed with what means nothing', () => {
      const body = { prompt: ['a'], suffix: '', n: 1, best_of: 1, echo: false, logprobs: null, stop: null };
      assert.deepEqual(decodeFillIn(body), { prefix: 'a' });
      const { stream, includeUsage, model } = decode(body, true);
      assert.deepEqual([stream, includeUsage, model], [true, false, undefined]);
      assert.equal(decode({ prompt: 'a', stream_options: { include_usage: true } }).includeUsage, true);
    });

    const qwen = '<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>';
    const prompts: readonly (readonly [string, Record<string, string>, object, string])[] = [
      ['a beginning', { prompt: 'a' }, { prefix: 'a' }, '<|fim_prefix|>a<|fim_suffix|>'],
      ['a gap', { prompt: 'a', suffix: 'b' }, { prefix: 'a', suffix: 'b' }, qwen],
      [
        'a gap at the very start',
        { prompt: '', suffix: 'b' },
        { prefix: '', suffix: 'b' },
        '<|fim_prefix|><|fim_suffix|>b<|fim_middle|>',
      ],
      ['Qwen’s own marks', { prompt: qwen }, { prefix: 'a', suffix: 'b', written: qwen }, qwen],
      [
        'Qwen’s own marks after other files',
        { prompt: `<|repo_name|>r\n${qwen}` },
        { prefix: '<|repo_name|>r\na', suffix: 'b', written: `<|repo_name|>r\n${qwen}` },
        `<|repo_name|>r\n${qwen}`,
      ],
      ['StarCoder’s marks', { prompt: '<fim_prefix>a<fim_suffix>b<fim_middle>' }, { prefix: 'a', suffix: 'b' }, qwen],
      [
        'marks without a suffix',
        { prompt: '<fim_prefix>a<fim_suffix>' },
        { prefix: 'a' },
        '<|fim_prefix|>a<|fim_suffix|>',
      ],
      [
        'half of the marks',
        { prompt: '<|fim_prefix|>a' },
        { prefix: '<|fim_prefix|>a' },
        '<|fim_prefix|><|fim_prefix|>a<|fim_suffix|>',
      ],
    ];
    for (const [name, body, expected, prompt] of prompts)
      it(`${name} is understood, and put into the model’s marks`, () => {
        assert.deepEqual(decodeFillIn(body), expected);
        assert.equal(encodeFillInPrompt(decodeFillIn(body)), prompt);
      });
  });

  it('go to Qwen’s own with the rules of its chats', () => {
    const body = {
      ...{ model: 'x', prompt: 'a', suffix: 'b', n: 1, best_of: 1, echo: false, stream: false, logprobs: null },
      ...{ max_tokens: 99_999, temperature: 2, top_p: 0, seed: -1, stop: ['\n'], user: 'u' },
    };
    assert.deepEqual(editCompletionRequest(body, decodeFillIn(body), 'qwen-coder-turbo'), {
      ...{ model: 'qwen-coder-turbo', prompt: '<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>' },
      ...{ max_tokens: 8192, temperature: 1.99, top_p: 0.01, seed: 2 ** 31 - 1, stop: ['\n'], user: 'u' },
      ...{ stream: true, stream_options: { include_usage: true } },
    });
  });

  it('go to a chat that is asked for the gap alone, and does not think', () => {
    const { chat } = translationOf({
      prompt: 'a',
      suffix: 'b',
      max_tokens: 9,
      stop: ['\n\n', ';', '```'],
      echo: false,
    });
    const edited = editChatRequest(chat, 'qwen3.7-plus');
    const { messages, ...rest } = edited;
    assert.deepEqual(rest, {
      ...{ model: 'qwen3.7-plus', max_tokens: 9, stop: [';'], enable_thinking: false },
      ...{ stream: true, stream_options: { include_usage: true } },
    });
    const [system, user] = messages as { role: string; content: string }[];
    assert.match(system?.content ?? '', /exactly the text to insert/);
    assert.equal(user?.content, '<prefix>a</prefix><suffix>b</suffix>');
    const [toContinue] = (translationOf({ prompt: 'a' }).chat.messages ?? []) as { content: string }[];
    assert.match(toContinue?.content ?? '', /what comes next/);
  });

  it('name the client’s own field in a refusal of the chat', () => {
    const { paramOf } = translationOf({ prompt: 'a' });
    assert.deepEqual([paramOf?.('messages[1].content'), paramOf?.('max_tokens')], ['prompt', 'max_tokens']);
  });

  describe('edges of a chat’s answer', () => {
    const trim = (pieces: readonly string[], { prefix = '', stops = [] as readonly string[] } = {}) => {
      const trimmer = createEdgeTrimmer({ prefix, stops });
      const text = pieces.map((piece) => trimmer.push(piece)).join('') + trimmer.end();
      return { text, isStopped: trimmer.isStopped };
    };
    const python = 'def add(a, b):\n    return ';
    const cases: readonly (readonly [string, string, { prefix?: string; stops?: readonly string[] }, string])[] = [
      ['nothing around it', '\n  a + b\n', {}, '\n  a + b\n'],
      ['nothing at all', '', {}, ''],
      ['blanks alone', ' \n ', {}, ' \n '],
      ['a fence', '```python\na + b\n```', {}, 'a + b'],
      ['a fence without a language', '```\na\nb\n```\n', {}, 'a\nb'],
      ['a fence after blanks', '\n\n```ts\na\n```', {}, 'a'],
      ['a fence, and an explanation after it', '```ts\na\n```\nThis adds.', {}, 'a'],
      ['a fence that never closes', '```ts\na\nb', {}, 'a\nb'],
      ['an empty fence', '```ts\n```', {}, ''],
      ['a fence alone', '```', {}, ''],
      ['a quoted word', '`a` is b', {}, '`a` is b'],
      ['a code span of three', '```a``` is b', {}, '```a``` is b'],
      ['two marks at the end', '``', {}, '``'],
      ['a fence later on', 'a\n```\nb\n```', {}, 'a\n```\nb\n```'],
      ['the line again', 'return a + b', { prefix: python }, 'a + b'],
      ['the line again with its indentation', '    return a + b', { prefix: python }, 'a + b'],
      ['the whole text again', `${python}a + b`, { prefix: python }, 'a + b'],
      ['the line again in a fence', '```python\n    return a + b\n```', { prefix: python }, 'a + b'],
      ['the beginning of the line only', 'ret', { prefix: python }, 'ret'],
      ['the indentation again', '    return 1', { prefix: 'def f():\n    ' }, 'return 1'],
      ['the line before again', 'def f():\n    return 1', { prefix: 'x = 1\n\ndef f():\n    ' }, 'return 1'],
      [
        'the line before again, no indentation yet',
        'def f():\n    return 1',
        { prefix: 'x\ndef f():\n' },
        '    return 1',
      ],
      ['a short beginning in common', 'ab', { prefix: 'a' }, 'ab'],
      ['a stop', 'a\nb', { stops: ['\n'] }, 'a'],
      ['a stop that the fence has', '```\na\nb\n```', { stops: ['\n'] }, 'a'],
      ['the earlier of two stops', 'ab;c|d', { stops: ['|', ';'] }, 'ab'],
      ['half of a stop', 'a<|e', { stops: ['<|end|>'] }, 'a<|e'],
      ['a stop of marks', '```\na\n```', { stops: ['```'] }, 'a'],
    ];
    for (const [name, whole, options, expected] of cases)
      it(`${name}: the same in every way to cut it`, () => {
        assert.equal(trim([whole], options).text, expected);
        assert.equal(trim([...whole], options).text, expected);
        fc.assert(
          fc.property(fc.array(fc.nat({ max: whole.length }), { maxLength: 4 }), (cuts) => {
            const places = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
            const pieces = places.slice(1).map((end, index) => whole.slice(places[index], end));
            assert.equal(trim(pieces, options).text, expected);
          }),
          { numRuns: 30 },
        );
      });
    it('text is held no longer than it takes to tell', () => {
      const trimmer = createEdgeTrimmer({ prefix: python, stops: ['\n\n'] });
      assert.deepEqual(
        ['re', 'turn ', 'a', '\n', 'b', '``', '`'].map((piece) => trimmer.push(piece)),
        ['', '', 'a', '', '\nb', '``', '`'],
      );
    });
    it('a stop of the client’s is told from a fence', () => {
      assert.equal(trim(['a;'], { stops: [';'] }).isStopped(), true);
      assert.equal(trim(['```\na\n```']).isStopped(), false);
    });
    it('any text that is neither fenced nor an echo comes out as it went in', () =>
      fc.assert(
        fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.string({ maxLength: 3 }), (pieces, prefix) => {
          fc.pre(!/^\s*`/.test(pieces.join('')));
          const trimmed = trim(pieces, { prefix: prefix.trim() });
          assert.equal(trimmed.text, pieces.join(''));
        }),
      ));
  });

  describe('answers made of a chat’s', () => {
    const facts = { model: 'gpt-3.5-turbo-instruct', requestId: 'req_abc', createdAtMs: 1_700_000_000_000 };
    const text = (value: string): ChatEvent => ({ type: 'text', text: value });
    const usage: ChatEvent = {
      type: 'usage',
      usage: { inputTokens: 5, outputTokens: 3, cachedTokens: 0, reasoningTokens: 0 },
    };
    const encoderOf = (fields: object = {}) => translationOf({ prompt: 'p', ...fields }).createEncoder(facts);
    const events = (stream: string) =>
      stream
        .split('\n\n')
        .filter((event) => event !== '')
        .map((event) => (event === 'data: [DONE]' ? 'done' : JSON.parse(event.slice('data: '.length))));
    const head = { id: 'cmpl-abc', object: 'text_completion', created: 1_700_000_000, model: 'gpt-3.5-turbo-instruct' };
    const choice = (value: string, reason: string | null = null) => [
      { text: value, index: 0, logprobs: null, finish_reason: reason },
    ];

    it('are a stream of text_completion objects', () => {
      const encoder = encoderOf();
      const stream = [
        { type: 'reasoning', text: 'hm' } as const,
        text('a'),
        text('b'),
        { type: 'finish', reason: 'stop' } as const,
        usage,
      ];
      assert.deepEqual(events(stream.map((event) => encoder.encode(event)).join('') + encoder.end()), [
        { ...head, choices: choice('a') },
        { ...head, choices: choice('b') },
        { ...head, choices: choice('', 'stop') },
        'done',
      ]);
    });
    it('have the usage for those who asked, in a last event without a choice', () => {
      const encoder = encoderOf({ stream_options: { include_usage: true } });
      const out = events(
        [text('a'), { type: 'finish', reason: 'length' } as const, usage].map(encoder.encode).join('') + encoder.end(),
      );
      assert.deepEqual(out, [
        { ...head, choices: choice('a'), usage: null },
        { ...head, choices: choice('', 'length'), usage: null },
        { ...head, choices: [], usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 } },
        'done',
      ]);
    });
    it('are one document', () => {
      const encoder = encoderOf();
      for (const event of [text('```\na'), text('b\n```'), { type: 'finish', reason: 'stop' } as const, usage])
        encoder.encode(event);
      encoder.end();
      assert.deepEqual(encoder.result(), {
        ...head,
        choices: choice('ab', 'stop'),
        usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
      });
    });
    it('end with "stop" at a stop of the client’s, whatever the model went on to say', () => {
      const encoder = encoderOf({ stop: '\n' });
      for (const event of [text('a\nb'), text('c'), { type: 'finish', reason: 'length' } as const])
        encoder.encode(event);
      encoder.end();
      assert.deepEqual(encoder.result().choices, choice('a', 'stop'));
    });
    it('tell a break truthfully, after all that came before it', () => {
      const encoder = encoderOf({ stop: 'xyz' });
      encoder.encode(text('a x'));
      const out = events(encoder.fail(new GatewayError('upstream_timeout', 'Silence.')));
      assert.deepEqual(out[0], { ...head, choices: choice('x') });
      assert.equal(out[1].error.message, 'Silence.');
      assert.equal(out.length, 2);
    });
  });

  it('fold a stream of Qwen’s own into one object, unknown fields kept', () => {
    const event = (body: object) =>
      Buffer.from(`data: ${JSON.stringify({ id: 'i', object: 'text_completion', model: 'm', ...body })}\n\n`);
    const choice = (text: string, reason: string | null, more: object = {}) => ({
      index: 0,
      text,
      logprobs: null,
      finish_reason: reason,
      ...more,
    });
    assert.deepEqual(
      foldCompletionStream([
        event({ choices: [choice('a', null)], usage: null, x: 1 }),
        Buffer.from(': comment\n\n'),
        event({ choices: [choice('b', null, { y: 2 })], usage: null }),
        event({ choices: [choice('', 'length')], usage: null }),
        event({ choices: [], usage: { total_tokens: 3 } }),
      ]),
      {
        ...{ id: 'i', object: 'text_completion', model: 'm', x: 1, usage: { total_tokens: 3 } },
        choices: [{ index: 0, text: 'ab', logprobs: null, finish_reason: 'length', y: 2 }],
      },
    );
  });
});
