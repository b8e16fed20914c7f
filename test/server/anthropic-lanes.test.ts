import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fault } from '../simulator/contract.ts';
import { isObject, type JsonObject, objectsOf } from '../simulator/json.ts';
import { checkMessageStream, textOfBlocks } from '../support/anthropic-grammar.ts';
import {
  type AnthropicServer,
  assistant,
  model,
  startAnthropicServer,
  user,
  weather,
} from '../support/anthropic-server.ts';
import { clientKey, hurriedClock } from '../support/server-proxy.ts';

const text = (value: string) => ({ type: 'text', text: value });
const thinkingOn = { type: 'enabled', budget_tokens: 2_000 };

describe('server: which lane a message takes', () => {
  let at: AnthropicServer;

  beforeEach(async () => {
    at = await startAnthropicServer({ native: true, accounts: { one: 'sk-one', two: 'sk-two' } });
    for (const key of ['sk-one', 'sk-two']) at.simulator.addKey(key);
  });
  afterEach(() => at.dispose());

  const laneOf = async (fields: JsonObject): Promise<'native' | 'translate'> => {
    const before = at.simulator.messagesRequests.length;
    await at.message(fields);
    return at.simulator.messagesRequests.length > before ? 'native' : 'translate';
  };

  const image = { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } };
  const table: readonly (readonly [string, JsonObject, 'native' | 'translate'])[] = [
    ['text', {}, 'native'],
    [
      'everything proven',
      {
        system: [text('x')],
        temperature: 0.5,
        top_p: 0.9,
        top_k: 5,
        stop_sequences: ['#'],
        tools: [weather],
        tool_choice: { type: 'auto' },
        thinking: thinkingOn,
        metadata: { user_id: 'u' },
      },
      'native',
    ],
    [
      'what changes no answer',
      { context_management: { edits: [] }, cache_control: { type: 'ephemeral' }, betas: ['x'] },
      'native',
    ],
    ['a picture for who sees', { messages: [user([image])] }, 'native'],
    ['another vendor’s name', { model: 'claude-sonnet-4-5' }, 'native'],
    [
      'a system message in the middle',
      { messages: [user('a'), { role: 'system', content: 'x' }, user('b')] },
      'translate',
    ],
    ['adaptive thinking', { thinking: { type: 'adaptive' } }, 'translate'],
    ['hidden thinking', { thinking: { ...thinkingOn, display: 'omitted' } }, 'translate'],
    ['an effort', { output_config: { effort: 'low' }, thinking: thinkingOn }, 'translate'],
    ['a field nobody knows', { brand_new: 1 }, 'translate'],
    ['a server’s tool', { tools: [weather, { type: 'web_search_20250305', name: 'web_search' }] }, 'translate'],
    ['a tool field nobody knows', { tools: [{ ...weather, strict: true }] }, 'translate'],
    ['a tool Qwen refuses', { tools: [{ ...weather, name: 'search' }] }, 'translate'],
    [
      'a document',
      { messages: [user([{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } }])] },
      'translate',
    ],
    ['DeepSeek, which hangs there', { model: 'deepseek-v4-pro' }, 'translate'],
  ];
  for (const [name, fields, lane] of table)
    it(`${name}: ${lane}`, async () => {
      assert.equal(await laneOf(fields), lane);
    });

  it('is in the ledger', async () => {
    await at.message();
    await at.message({ thinking: { type: 'adaptive' } });
    const directory = join(at.server.stateDirectory, 'usage');
    const [day = ''] = await readdir(directory);
    const lines = (await readFile(join(directory, day), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ dialect, lane }) => [dialect, lane]),
      [
        ['anthropic-messages', 'native'],
        ['anthropic-messages', 'translate'],
      ],
    );
  });

  it('sends what the client wrote, but for what is ours', async () => {
    const body = {
      model: 'anthropic/qwen3.7-plus',
      max_tokens: 128_000,
      temperature: 0.3,
      system: [
        text('x-anthropic-billing-header: cch=1;'),
        { ...text('You are X.'), cache_control: { type: 'ephemeral' } },
      ],
      tools: [{ ...weather, cache_control: { type: 'ephemeral' } }],
      messages: [user([{ ...text('a'), cache_control: { type: 'ephemeral' } }])],
      context_management: { edits: [] },
    };
    const message = await at.message(body, {
      headers: {
        'anthropic-beta': 'a-1,b-2',
        'x-api-key': clientKey,
        'x-secret': 'no',
        'user-agent': 'claude-cli/2.1.330',
      },
    });
    assert.equal(message.model, body.model);
    const { context_management: _edits, ...kept } = body;
    assert.deepEqual(at.sent, { ...kept, model, max_tokens: 65_536, stream: true, system: body.system.slice(1) });
    const { headers } = at.simulator.messagesRequests[0] ?? {};
    assert.equal(headers?.authorization, 'Bearer sk-one');
    assert.deepEqual(
      [
        headers?.['anthropic-beta'],
        headers?.['anthropic-version'],
        headers?.['user-agent'],
        headers?.['x-api-key'],
        headers?.['x-secret'],
      ],
      ['a-1,b-2', '2023-06-01', 'claude-cli/2.1.330', undefined, undefined],
    );
  });

  it('takes the line that changes with every request from a system prompt of one text, and nothing else', async () => {
    await at.message({ system: 'x-anthropic-billing-header: cch=1;\nYou are X.' });
    assert.equal(at.sent.system, 'You are X.');
  });

  it('tells usage as the upstream counted it, and keeps it', async () => {
    at.simulator.script({
      route: 'messages',
      answer: {
        text: 'a',
        usage: {
          prompt_tokens: 100,
          completion_tokens: 7,
          prompt_tokens_details: { cached_tokens: 60, cache_creation_input_tokens: 30 },
        },
      },
      times: 2,
    });
    const expected = {
      input_tokens: 10,
      cache_read_input_tokens: 60,
      cache_creation_input_tokens: 30,
      output_tokens: 7,
    };
    assert.deepEqual((await at.message()).usage, expected);
    assert.deepEqual((await at.stream()).usage, { output_tokens: 7 });
    const { accounts } = await at.server.proxy.snapshot();
    assert.equal(accounts[0]?.requestsToday, 2);
  });

  it('translates after a refusal that names a field, and from then on', async () => {
    const refusal = { type: 'error', error: { type: 'invalid_request_error', message: 'top_k: not supported here' } };
    at.simulator.fail({ route: 'messages', fault: { kind: 'http', status: 400, body: refusal } });
    assert.equal(await laneOf({ top_k: 5 }), 'native');
    assert.equal(at.simulator.chatRequests.length, 1, 'tried once more, translated');
    assert.equal(await laneOf({ top_k: 5 }), 'translate', 'and remembered');
    assert.equal(await laneOf({}), 'native', 'for that field alone');
    assert.equal(await laneOf({ model: 'qwen3.6-plus', top_k: 5 }), 'native', 'and that model alone');
  });

  it('a refusal of this one message is tried translated and not remembered', async () => {
    const refusal = { type: 'error', error: { type: 'invalid_request_error', message: 'messages.0.content.0: no' } };
    at.simulator.fail({ route: 'messages', fault: { kind: 'http', status: 400, body: refusal } });
    await at.message();
    assert.equal(at.simulator.chatRequests.length, 1);
    assert.equal(await laneOf({}), 'native');
  });

  it('a surface that does not know the model is left alone for it', async () => {
    const refusal = { type: 'error', error: { type: 'not_found_error', message: 'model: qwen3.7-plus' } };
    at.simulator.fail({ route: 'messages', fault: { kind: 'http', status: 404, body: refusal } });
    await at.message();
    assert.equal(await laneOf({}), 'translate');
    const { accounts } = await at.server.proxy.snapshot();
    assert.equal(accounts[0]?.state, 'ready');
  });

  it('other refusals stand', async () => {
    at.simulator.fail({ route: 'messages', fault: { kind: 'error', id: 50 } });
    const answer = await at.post({});
    assert.match(String(answer.error.message), /^prompt is too long/);
    assert.equal(at.simulator.chatRequests.length, 0);
  });

  it('thinking goes back to the account that signed it, and to no other', async () => {
    const first = await at.stream({ thinking: thinkingOn });
    const thinking = first.content.find(({ type }) => type === 'thinking') ?? {};
    assert.match(String(thinking.signature), /^qp1\.n\./);
    const next = { thinking: thinkingOn, messages: [user('hello'), assistant([thinking, text('a')]), user('b')] };
    await at.message(next);
    assert.match(JSON.stringify(at.sent), /"signature":"sig-/, 'the simulator knows its own');
    assert.equal(at.simulator.messagesRequests.length, 2);
    await at.server.proxy.setAccountEnabled('one', false);
    await at.message(next);
    assert.equal(at.simulator.messagesRequests.at(-1)?.key, 'sk-two');
    assert.ok(!JSON.stringify(at.sent).includes('signature'), 'dropped for another account');
    const translated = { type: 'thinking', thinking: 'x', signature: 'qp1.t.' };
    await at.message({ ...next, messages: [user('hello'), assistant([translated, text('a')]), user('b')] });
    assert.deepEqual((at.sent.messages as JsonObject[])[1]?.content, [text('a')], 'and another lane’s');
    await at.message({ ...next, thinking: { type: 'adaptive' } });
    assert.equal(at.sentMessages[1]?.reasoning_content, thinking.thinking, 'translated it is read');
  });

  it('is forced by the setting', async () => {
    const forced = async (lane: string, fields: JsonObject) => {
      const { parseSettings } = await import('../../src/core/settings.ts');
      const { settings } = parseSettings({ PORT: at.server.port, API_KEY: clientKey, LANE: lane }, { port: 0 });
      await at.server.proxy.updateSettings(settings);
      return laneOf(fields);
    };
    assert.equal(await forced('translate', {}), 'translate');
    assert.equal(await forced('native', { tools: [{ ...weather, strict: true }] }), 'native');
    assert.equal(await forced('auto', {}), 'native');
  });

  it('without an endpoint there is no choice', async () => {
    const without = await startAnthropicServer({ settings: { LANE: 'native' } });
    without.simulator.addKey('sk-one');
    assert.deepEqual(objectsOf((await without.message()).content), [text('Echo: hello')]);
    await without.dispose();
  });

  it('counts by the upstream where it can, without using a request', async () => {
    const count = async (fields: JsonObject) => {
      const answer = await at.server.raw('/anthropic/v1/messages/count_tokens', {
        body: JSON.stringify({ model, messages: [user('x'.repeat(400))], ...fields }),
      });
      assert.equal(answer.status, 200, answer.text);
      return [answer.json.input_tokens, answer.headers['x-qwen-proxy-estimate']];
    };
    assert.deepEqual(await count({}), [100, undefined]);
    const counts = at.simulator.requests.filter(({ path }) => path.endsWith('count_tokens'));
    assert.equal(counts.length, 1);
    const { accounts } = await at.server.proxy.snapshot();
    assert.equal(accounts[0]?.requestsToday, 0);
    at.simulator.fail({ route: 'count-tokens', fault: { kind: 'http', status: 500, body: 'no' } });
    const [tokens, isEstimate] = await count({});
    assert.ok(Number(tokens) > 0, 'counted here');
    assert.equal(isEstimate, 'true', 'of a model with another vocabulary');
    const [mixed, isGuess] = await count({
      model: 'qwen3-coder-plus',
      messages: [user('a'), { role: 'system', content: 'b' }],
    });
    assert.ok(Number(mixed) > 0 && Number(mixed) < 40);
    assert.equal(isGuess, undefined, 'Qwen3’s own vocabulary');
    assert.equal((await at.server.proxy.snapshot()).accounts[0]?.state, 'ready');
    const bad = await at.server.raw('/anthropic/v1/messages/count_tokens', { body: '{"messages":[]}' });
    assert.deepEqual([bad.status, bad.error.type], [400, 'invalid_request_error']);
  });
});

for (const lane of ['native', 'translate'] as const)
  describe(`server: what an upstream may do to a message, lane ${lane}`, () => {
    let at: AnthropicServer;
    const route = lane === 'native' ? ('messages' as const) : ('chat' as const);
    const answer = { text: ['one ', '二🙂 ', 'three '] };
    const whole = answer.text.join('');

    beforeEach(async () => {
      at = await startAnthropicServer({
        native: lane === 'native',
        accounts: { one: 'sk-one', two: 'sk-two' },
        clock: hurriedClock(30),
        idleMs: 30 * 300,
      });
      for (const key of ['sk-one', 'sk-two']) at.simulator.addKey(key);
      at.simulator.script({ route, answer, times: Number.POSITIVE_INFINITY });
    });
    afterEach(async () => {
      await at.server.dispose();
      await at.simulator.until(() => at.simulator.sockets === 0 && at.simulator.openStreams === 0);
      await at.simulator.close();
    });
    const failFirst = (fault: Fault | readonly Fault[]) => at.simulator.fail({ route, key: 'sk-one', fault, times: 9 });

    const unseen: readonly (readonly [string, Fault])[] = [
      ['a refused key', { kind: 'error', id: 3 }],
      ['a used-up quota', { kind: 'error', id: 33 }],
      ['a limit in a 200 stream', { kind: 'in-stream-error', form: 'event-error', afterChunks: 0 }],
      ['a limit in a data line', { kind: 'in-stream-error', form: 'data-error', afterChunks: 0 }],
      ['a limit in Anthropic’s words', { kind: 'in-stream-error', form: 'anthropic-error', afterChunks: 0 }],
      ['a limit in a stream that is none', { kind: 'in-stream-error', form: 'sse-body-on-non-2xx', afterChunks: 0 }],
      [
        'an error after the first word that says nothing',
        { kind: 'in-stream-error', form: 'event-error', afterChunks: 1 },
      ],
      ['a firewall', { kind: 'html' }],
      ['a reset', { kind: 'reset' }],
      ['a stall before output', { kind: 'stall', afterChunks: 1 }],
      ['an end before output', { kind: 'end-early', afterChunks: 1 }],
      ['a broken server', { kind: 'http', status: 500, body: 'oops' }],
    ];
    for (const [name, fault] of unseen)
      it(`${name} is not seen`, async () => {
        failFirst(fault);
        const { content } = await at.stream();
        assert.equal(textOfBlocks(content, 'text'), whole);
        assert.equal(at.simulator.answered('sk-two'), 1);
        const last = (lane === 'native' ? at.simulator.messagesRequests : at.simulator.chatRequests).at(-1);
        assert.equal(last?.key, 'sk-two');
      });

    const after = lane === 'native' ? 4 : 2;
    const seen: readonly (readonly [string, Fault])[] = [
      ['a cut', { kind: 'cut', atByte: lane === 'native' ? 700 : 650 }],
      ['an early end', { kind: 'end-early', afterChunks: after }],
      ['a stall', { kind: 'stall', afterChunks: after }],
      ['an error', { kind: 'in-stream-error', form: 'event-error', afterChunks: after }],
      ['an error in Anthropic’s words', { kind: 'in-stream-error', form: 'anthropic-error', afterChunks: after }],
    ];
    for (const [name, fault] of seen)
      it(`${name} after output is told, and nothing is sent twice`, async () => {
        failFirst(fault);
        const { error, content, stopReason } = await at.stream();
        assert.ok(isObject(error?.error), 'the last event is an error');
        assert.match(String(error.request_id), /^req_/);
        const said = textOfBlocks(content, 'text');
        assert.ok(said !== '' && whole.startsWith(said), said);
        assert.equal(stopReason, undefined);
        const json = await at.post({});
        assert.equal(json.status, 200, 'a JSON client has seen nothing, so another account may answer');
        assert.deepEqual(objectsOf(json.json.content), [text(whole)]);
      });

    const harmless: readonly (readonly [string, Fault])[] = [
      ['a slow first byte', { kind: 'slow-first-byte', delayMs: 50, headersFirst: true }],
      ['one byte at a time', { kind: 'split', bytes: 1 }],
      ['compression', { kind: 'gzip' }],
      ['line ends of Windows', { kind: 'crlf' }],
      ['a document instead of a stream', { kind: 'json-instead-of-stream' }],
    ];
    for (const [name, fault] of harmless)
      it(`${name} does no harm`, async () => {
        failFirst(fault);
        const streamed = await at.post({ stream: true });
        const { content, stopReason } = checkMessageStream(streamed.text.replaceAll('\r\n', '\n'));
        assert.deepEqual([textOfBlocks(content, 'text'), stopReason], [whole, 'end_turn']);
        assert.deepEqual(objectsOf((await at.message()).content), [text(whole)]);
        assert.equal(at.simulator.answered('sk-two'), 0);
      });
  });

describe('server: pings while nothing comes', () => {
  for (const lane of ['native', 'translate'] as const)
    it(`lane ${lane}`, async () => {
      const slow = await startAnthropicServer({ native: lane === 'native', pingMs: 20 });
      slow.simulator.addKey('sk-one');
      let pings = 0;
      const gone = new AbortController();
      slow.simulator.fail({ route: lane === 'native' ? 'messages' : 'chat', fault: { kind: 'stall', afterChunks: 0 } });
      const waiting = slow.post(
        { stream: true },
        {
          signal: gone.signal,
          onRead(read) {
            assert.ok(read.startsWith('event: ping\ndata: {"type": "ping"}\n\n'));
            if (++pings === 2) gone.abort();
          },
        },
      );
      await waiting.catch(() => {});
      assert.equal(pings, 2);
      await slow.dispose();
    });
});
