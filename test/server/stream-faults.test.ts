import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { APIError } from 'openai';
import type { AccountState } from '../../src/core/control.ts';
import type { Fault } from '../simulator/contract.ts';
import type { RawAnswer } from '../simulator/raw-client.ts';
import { checkChatGrammar } from '../support/chat-grammar.ts';
import {
  hurriedClock,
  hurriedPauses,
  startProxy,
  type TestProxy,
  type TestProxyOptions,
  textOfEvents,
} from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

const model = 'qwen3-coder-plus';
const messages = [{ role: 'user' as const, content: 'one two three' }];
const whole = 'Echo: one two three';

/** What a stream's client may be left with: everything and a clean end, or a last event that is an error. */
function assertTruthful(answer: RawAnswer, expected = whole): 'whole' | 'error' {
  if (answer.status !== 200) {
    assert.ok(answer.error.message, `status ${answer.status} without an error`);
    return 'error';
  }
  const isDone = answer.text.endsWith('data: [DONE]\n\n');
  const last = answer.events.at(-1);
  if (isDone) {
    assert.equal(answer.end, 'clean');
    assert.equal(textOfEvents(answer), expected);
    assert.ok(!answer.text.includes('"error"'));
    checkChatGrammar(answer.events.map((event) => `data: ${JSON.stringify(event)}\n\n`));
    return 'whole';
  }
  assert.ok(last && 'error' in last, `neither [DONE] nor an error at the end: ${answer.text.slice(-200)}`);
  assert.ok(expected.startsWith(textOfEvents(answer)), 'a replay, or foreign text');
  assert.equal(answer.end, 'broken', 'a failed stream has no end');
  return 'error';
}

describe('server: what an upstream may do to a stream', () => {
  const simulator = useSimulator({ keys: ['sk-one', 'sk-two'] });
  let server: TestProxy;

  const start = async (options: TestProxyOptions = {}) => {
    server = await startProxy({
      accounts: { one: 'sk-one', two: 'sk-two' },
      baseUrl: simulator.baseUrl,
      random: () => 0,
      ...options,
    });
  };
  /** For tests in which the proxy pauses before it tries again, or an account has to be seen before it recovers. */
  const startHurried = async () => {
    await server.dispose();
    await start({ clock: hurriedPauses(30) });
  };
  /**
   * For tests in which it waits for an upstream in vain: a second of silence, which no answer in this process takes, and
   * six seconds until it loses its patience.
   */
  const startImpatient = async () => {
    await server.dispose();
    await start({ clock: hurriedClock(10), idleMs: 10_000 });
  };
  const startFor = (fault: Fault | readonly Fault[]) =>
    [fault].flat().some(({ kind }) => kind === 'stall') ? startImpatient() : startHurried();
  beforeEach(() => start());
  afterEach(async () => {
    await server.dispose();
    await simulator.until(() => simulator.sockets === 0 && simulator.openStreams === 0);
  });

  const keys = () => simulator.chatRequests.map((request) => request.key);
  const failFirst = (fault: Fault | readonly Fault[], times = 1) => simulator.fail({ key: 'sk-one', fault, times });
  const stateOf = async (id: string) =>
    (await server.proxy.snapshot()).accounts.find((account) => account.id === id)?.state;

  describe('errors before the commit point', () => {
    // Id in qwen-errors.json × what becomes of the account, and the model that alone is out of reach there.
    const rotating: readonly (readonly [number, AccountState, string?])[] = [
      [3, 'unauthorized'],
      [4, 'unauthorized'],
      [5, 'unauthorized'],
      [15, 'ready', 'qwen3-coder-plus'],
      [16, 'exhausted'],
      [17, 'ready', 'qwen3-coder-plus'],
      [20, 'ready', 'qwen3-coder-plus'],
      [22, 'ready', 'qwen3-coder-plus'],
      [24, 'ready', 'qwen3-coder-plus'],
      [25, 'exhausted'],
      [27, 'exhausted'],
      [28, 'exhausted'],
      [31, 'exhausted'],
      [32, 'exhausted'],
      [33, 'exhausted'],
      [34, 'exhausted'],
      [35, 'exhausted'],
      [36, 'cooling'],
      [37, 'ready', 'qwen3-coder-plus'],
      [38, 'ready', 'qwen3-coder-plus'],
      [40, 'ready', 'qwen3-coder-plus'],
      [41, 'ready', 'qwen3-coder-plus'],
      [42, 'ready', 'qwen3-coder-plus'],
      [44, 'ready', 'qwen3-coder-plus'],
      [47, 'ready', 'qwen3-coder-plus'],
      [76, 'ready', 'qwen3-coder-plus'],
      [77, 'exhausted'],
    ];
    for (const [id, state, blockedModel] of rotating)
      for (const inStream of [false, true]) {
        // A page, a body-less answer and a gateway envelope exist as HTTP answers only.
        if (inStream && [25, 47].includes(id)) continue;
        it(`${id} ${inStream ? 'in a 200 stream' : 'as HTTP'} rotates unseen`, async () => {
          await startHurried();
          failFirst({ kind: 'error', id, inStream });
          const answer = await server.chat({ messages, stream: true });
          assert.equal(assertTruthful(answer), 'whole');
          assert.deepEqual(keys(), ['sk-one', 'sk-two']);
          const [one] = (await server.proxy.snapshot()).accounts;
          assert.equal(one?.state, state);
          assert.deepEqual(
            one.obstacles.map((obstacle) => obstacle.model),
            blockedModel === undefined ? [] : [blockedModel],
          );
          // Another conversation, which nothing binds to the second account.
          const again = await server.chat({ messages: [{ role: 'user', content: 'another story' }] });
          assert.equal(again.status, 200);
          assert.equal(keys().at(-1), 'sk-two', 'the first one is left alone now');
        });
      }

    const requestScoped = [14, 50, 51, 54, 55, 56, 57, 58, 59, 61, 62, 63, 64, 67, 79, 80, 81, 82];
    for (const id of requestScoped)
      it(`${id} is the client's own: answered once, and nobody cools`, async () => {
        failFirst({ kind: 'error', id });
        const answer = await server.chat({ messages, stream: true });
        assert.ok(answer.status >= 400 && answer.status < 500, String(answer.status));
        assert.equal(answer.error.type, 'invalid_request_error');
        assert.equal(simulator.chatRequests.length, 1);
        assert.deepEqual([await stateOf('one'), await stateOf('two')], ['ready', 'ready']);
      });

    for (const id of [65, 69, 70, 71, 72, 73, 83, 84]) {
      it(`${id} is tried again on the same account`, async () => {
        await startHurried();
        failFirst({ kind: 'error', id });
        assert.equal(assertTruthful(await server.chat({ messages, stream: true })), 'whole');
        assert.deepEqual(keys(), ['sk-one', 'sk-one']);
        assert.equal(await stateOf('one'), 'ready');
      });
      it(`${id} twice goes to the other account`, async () => {
        await startHurried();
        failFirst({ kind: 'error', id }, 2);
        assert.equal(assertTruthful(await server.chat({ messages, stream: true })), 'whole');
        assert.deepEqual(keys(), ['sk-one', 'sk-one', 'sk-two']);
      });
    }

    for (const form of ['event-error', 'data-error', 'error-finish'] as const)
      for (const afterChunks of [0, 1])
        it(`${form} after ${afterChunks} chunks without content stays unseen`, async () => {
          await startHurried();
          failFirst({ kind: 'in-stream-error', form, id: 44, afterChunks });
          const answer = await server.chat({ messages, stream: true });
          assert.equal(assertTruthful(answer), 'whole');
          assert.equal(answer.events.filter((event) => JSON.stringify(event).includes('assistant')).length, 1);
          // The text alone, without a code, does not blame the account: that one is asked again.
          assert.deepEqual(keys(), ['sk-one', form === 'error-finish' ? 'sk-one' : 'sk-two']);
        });
    it('an event stream as the body of a refusal is read as one', async () => {
      failFirst({ kind: 'in-stream-error', form: 'sse-body-on-non-2xx', id: 27, afterChunks: 0 });
      assert.equal(assertTruthful(await server.chat({ messages, stream: true })), 'whole');
      assert.equal(await stateOf('one'), 'exhausted');
    });

    const silent: readonly (readonly [string, Fault])[] = [
      ['a firewall page', { kind: 'html' }],
      ['a reset connection', { kind: 'reset' }],
      ['a cut before the first byte', { kind: 'cut', atByte: 0 }],
      ['a cut in the role chunk', { kind: 'cut', atByte: 40 }],
      ['an end after the role chunk', { kind: 'end-early', afterChunks: 1 }],
      ['a stall after the role chunk', { kind: 'stall', afterChunks: 1 }],
      ['an empty 200', { kind: 'http', status: 200, body: '' }],
      ['a JSON error with status 200', { kind: 'http', status: 200, body: { error: { message: 'x', code: '500' } } }],
      ['a redirect', { kind: 'http', status: 302, body: '', headers: { location: 'http://127.0.0.1:1/elsewhere' } }],
    ];
    for (const [name, fault] of silent)
      it(`${name}: the client sees only the other account's answer`, async () => {
        await startFor(fault);
        failFirst(fault, 2);
        assert.equal(assertTruthful(await server.chat({ messages, stream: true })), 'whole');
        assert.equal(keys().at(-1), 'sk-two');
      });
    it('a redirect is not followed', async () => {
      failFirst({ kind: 'http', status: 307, body: '', headers: { location: `${simulator.origin}/portal/v1/x` } });
      await server.chat({ messages, stream: true });
      assert.ok(simulator.requests.every((request) => !request.path.startsWith('/portal')));
    });
  });

  describe('errors after content', () => {
    for (const form of ['event-error', 'data-error', 'error-finish'] as const)
      it(`${form}: an in-stream error that the SDK raises, no [DONE], no replay`, async () => {
        failFirst({ kind: 'in-stream-error', form, id: 44, afterChunks: 3 });
        const answer = await server.chat({ messages, stream: true });
        assert.equal(assertTruthful(answer), 'error');
        assert.equal(textOfEvents(answer), 'Echo: one', 'the content before it arrived');
        assert.equal(simulator.chatRequests.length, 1);

        simulator.reset();
        simulator.addKey('sk-two');
        simulator.fail({ fault: { kind: 'in-stream-error', form, id: 44, afterChunks: 3 } });
        let text = '';
        await assert.rejects(
          async () => {
            const stream = await server.client.chat.completions.create({ model, messages, stream: true });
            for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
          },
          (error) => error instanceof APIError && /Rate limit exceeded/.test(error.message),
        );
        assert.equal(text, 'Echo: one');
      });

    const broken: readonly (readonly [string, Fault | readonly Fault[], RegExp])[] = [
      ['a clean end without finish', { kind: 'end-early', afterChunks: 3 }, /ended the stream in the middle/],
      ['a stall', { kind: 'stall', afterChunks: 3 }, /sent nothing for/],
      ['a cut', { kind: 'cut', atByte: 900 }, /cut/],
    ];
    for (const [name, fault, message] of broken)
      it(`${name}: an in-stream error`, async () => {
        await startFor(fault);
        failFirst(fault);
        const answer = await server.chat({ messages, stream: true });
        assert.equal(assertTruthful(answer), 'error');
        assert.notEqual(textOfEvents(answer), '');
        assert.match(JSON.stringify(answer.events.at(-1)), message);
        assert.equal(simulator.chatRequests.length, 1, 'what the client has seen is never replayed');
      });

    it('a cut gzip stream: an in-stream error', async () => {
      const text = Array.from({ length: 400 }, () => `${Math.random()} `);
      simulator.script({ answer: { text } });
      failFirst([{ kind: 'gzip' }, { kind: 'cut', atByte: 4_000 }]);
      const answer = await server.chat({ messages, stream: true });
      assert.equal(assertTruthful(answer, text.join('')), 'error');
      assert.notEqual(textOfEvents(answer), '');
    });

    it('a JSON client has seen nothing: the same faults rotate for it', async () => {
      for (const [name, fault] of broken) {
        await startFor(fault);
        failFirst(fault, 2);
        const answer = await server.chat({ messages });
        assert.equal(answer.status, 200, name);
        assert.equal(
          (answer.json as { choices: { message: { content: string } }[] }).choices[0]?.message.content,
          whole,
        );
      }
    });
  });

  describe('cut at every byte of a recorded stream: the whole answer or an error, never a clean end of a part', () => {
    const recorded = readFileSync(new URL('../fixtures/sse/01-text-stream.sse', import.meta.url), 'utf8');
    const all = recorded.split(/(?<=\n\n)/);
    const events = [...all.slice(0, 2), ...all.slice(-4)];
    const stream = events.join('');
    const finish = stream.indexOf('"finish_reason":"stop"');
    const trailer = stream.indexOf('data: [DONE]');
    const expected = textOfEvents({
      events: events.flatMap((event) => (event.startsWith('data: {') ? [JSON.parse(event.slice(6))] : [])),
    });
    const bytesEach = 200;
    for (let from = 0; from <= stream.length; from += bytesEach) {
      const last = Math.min(from + bytesEach - 1, stream.length);
      it(`${from} to ${last}`, async () => {
        for (let atByte = from; atByte <= last; atByte++) {
          simulator.script({ key: 'sk-one', answer: { rawEvents: events } });
          failFirst({ kind: 'cut', atByte });
          // Where another try is allowed it meets a refusal, so that only the first answer can be seen.
          simulator.fail({ key: 'sk-two', fault: { kind: 'error', id: 51 } });
          const end = assertTruthful(await server.chat({ messages, stream: true }), expected);
          // Between the two it depends on whether the event of the finish has ended.
          if (atByte <= finish) assert.equal(end, 'error', `cut at ${atByte}`);
          if (atByte >= trailer) assert.equal(end, 'whole', `cut at ${atByte}`);
          await server.proxy.clearAccount('one');
          simulator.reset();
          for (const key of ['sk-one', 'sk-two']) simulator.addKey(key);
        }
      });
    }
  });

  it('several choices: a cut after the first one finished is no clean end', async () => {
    const events = (await server.chat({ messages, stream: true, n: 2 })).text;
    const secondChoice = events.indexOf('"index":1');
    failFirst({ kind: 'cut', atByte: secondChoice + 400 });
    const answer = await server.chat({ messages, stream: true, n: 2 });
    assert.ok(!answer.text.includes('[DONE]'));
    assert.ok('error' in (answer.events.at(-1) ?? {}));
  });

  it('several choices: nobody takes the text of one for that of another', async () => {
    simulator.script({ answer: { text: ['<thi', 'nk>a</think>', 'b'] } });
    const { json } = await server.chat({ model: 'qwen3.7-plus', messages, n: 2 });
    const choices = json.choices as readonly { readonly message: { readonly content: string } }[];
    assert.deepEqual(
      choices.map((choice) => choice.message.content),
      ['<think>a</think>b', '<think>a</think>b'],
    );
  });

  describe('harmless oddities', () => {
    const odd: readonly (readonly [string, Fault | readonly Fault[]])[] = [
      ['gzip', { kind: 'gzip' }],
      ['brotli', { kind: 'br' }],
      ['deflate', { kind: 'deflate' }],
      ['one byte at a time', { kind: 'split', bytes: 1 }],
      ['gzip, three bytes at a time', [{ kind: 'gzip' }, { kind: 'split', bytes: 3 }]],
      ['CRLF', { kind: 'crlf' }],
      ['CRLF, one byte at a time', [{ kind: 'crlf' }, { kind: 'split', bytes: 1 }]],
      ['no [DONE]', { kind: 'no-done' }],
      ['JSON instead of a stream', { kind: 'json-instead-of-stream' }],
      ['a slow first byte', { kind: 'slow-first-byte', delayMs: 30 }],
      ['a slow first byte behind quick headers', { kind: 'slow-first-byte', delayMs: 30, headersFirst: true }],
    ];
    for (const [name, fault] of odd)
      it(`${name}: streamed and folded whole`, async () => {
        failFirst(fault, 2);
        assert.equal(assertTruthful(await server.chat({ messages, stream: true })), 'whole');
        const folded = await server.client.chat.completions.create({ model, messages });
        assert.equal(folded.choices[0]?.message.content, whole);
        assert.equal(folded.choices[0]?.finish_reason, 'stop');
        assert.ok((folded.usage?.completion_tokens ?? 0) > 0);
        // Who was asked, not who has finished: the trailer of a compressed answer may still be on its way.
        assert.deepEqual(keys(), ['sk-one', 'sk-one']);
      });

    it('tool calls of a JSON answer become stream deltas with their index', async () => {
      const calls = ['a', 'b'].map((id) => ({ id, name: 'f', arguments: `{"x":"${id}"}` }));
      simulator.script({ answer: { toolCalls: calls } });
      failFirst({ kind: 'http', status: 200, body: jsonAnswer(calls) });
      const tools = [{ type: 'function' as const, function: { name: 'f', parameters: { type: 'object' } } }];
      const stream = server.client.chat.completions.stream({ model, messages, tools });
      const [choice] = (await stream.finalChatCompletion()).choices;
      assert.deepEqual(
        choice?.message.tool_calls?.map((call) => [call.id, call.type === 'function' && call.function.arguments]),
        [
          ['a', '{"x":"a"}'],
          ['b', '{"x":"b"}'],
        ],
      );
    });

    it('a repeated finish', async () => {
      simulator.script({
        answer: {
          rawEvents: [
            'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n',
            'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
            'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
            'data: [DONE]\n\n',
          ],
        },
        times: 2,
      });
      assert.equal(assertTruthful(await server.chat({ messages, stream: true }), 'x'), 'whole');
      const { choices } = await server.client.chat.completions.create({ model, messages });
      assert.deepEqual([choices.length, choices[0]?.finish_reason, choices[0]?.message.content], [1, 'stop', 'x']);
    });
  });
});

function jsonAnswer(calls: readonly { id: string; name: string; arguments: string }[]) {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model,
    choices: [
      {
        index: 0,
        finish_reason: 'tool_calls',
        message: {
          role: 'assistant',
          content: null,
          tool_calls: calls.map(({ id, ...call }) => ({ id, type: 'function', function: call })),
        },
      },
    ],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  };
}
