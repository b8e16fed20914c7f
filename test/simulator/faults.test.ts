import assert from 'node:assert/strict';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import catalogue from '../fixtures/qwen-errors.json' with { type: 'json' };
import type { Fault } from './contract.ts';
import { isObject, objectsOf } from './json.ts';
import { firewallPage } from './refusal.ts';
import { type Simulator, startSimulator } from './simulator.ts';
import { chat, choicesOf, goodKey, streamedText } from './test-requests.ts';

describe('simulator: faults', () => {
  let simulator: Simulator;

  before(async () => {
    simulator = await startSimulator();
  });
  beforeEach(() => {
    simulator.reset();
    simulator.addKey(goodKey);
  });
  after(() => simulator.close());

  const streamWith = (fault: Fault | readonly Fault[]) => {
    simulator.fail({ fault });
    return chat(simulator, { stream: true });
  };

  for (const { id, status, body } of catalogue) {
    if (status === 0 || !isObject(body)) continue;
    it(`error ${id}: ${status} with the recorded body`, async () => {
      const answer = await streamWith({ kind: 'error', id });
      assert.equal(answer.status, status);
      const withoutIds = (value: unknown) =>
        JSON.stringify(value, (key, inner: unknown) => (['request_id', 'rid', 'id'].includes(key) ? '' : inner));
      const expected = withoutIds(body);
      assert.equal(withoutIds(answer.json), expected.replace('[1, N]', '[1, 983616]').replace('xxx', 'qwen3.7-plus'));
      assert.equal(simulator.chatRequests[0]?.answered, 'refused');
    });
  }

  it('error: without a body, as a page, as a broken transport', async () => {
    assert.equal((await streamWith({ kind: 'error', id: 25 })).text, '');
    assert.equal((await streamWith({ kind: 'error', id: 8 })).text, firewallPage);
    await assert.rejects(streamWith({ kind: 'error', id: 75 }), { code: 'ECONNRESET' });
    assert.throws(() => simulator.fail({ fault: { kind: 'error', id: 1_000 } }), RangeError);
  });

  it('error in stream: native envelopes as events, OpenAI envelopes as data', async () => {
    const native = await streamWith({ kind: 'error', id: 44, inStream: true });
    assert.equal(native.status, 200);
    assert.match(
      native.text,
      /^id:1\nevent:error\n:HTTP_STATUS\/429\ndata:\{"request_id":"[^"]+","code":"Throttling.RateLimit","message":"Rate limit exceeded"\}\n\n$/,
    );
    const nested = await streamWith({ kind: 'error', id: 63, inStream: true });
    assert.match(
      nested.text,
      /^data:\{"error":\{"code":"data_inspection_failed","type":"data_inspection_failed","message":"[^"]+"\},"id":"chatcmpl-[^"]+"\}\n\n$/,
    );
  });

  it('http: any status, body and header', async () => {
    const answer = await streamWith({ kind: 'http', status: 502, body: 'bad gateway', headers: { 'X-Test': '1' } });
    assert.deepEqual([answer.status, answer.text, answer.headers['x-test']], [502, 'bad gateway', '1']);
    assert.deepEqual((await streamWith({ kind: 'http', status: 200, body: { choices: null } })).json, {
      choices: null,
    });
  });

  it('in-stream-error: the four forms, after content', async () => {
    const event = await streamWith({ kind: 'in-stream-error', form: 'event-error', afterChunks: 2 });
    assert.match(event.text, /\n\nid:1\nevent:error\n:HTTP_STATUS\/429\ndata:/);
    const data = await streamWith({ kind: 'in-stream-error', form: 'data-error', id: 64, afterChunks: 1 });
    assert.match(data.text, /\n\ndata:\{"error":\{"code":"DataInspectionFailed"/);
    const finish = await streamWith({ kind: 'in-stream-error', form: 'error-finish', afterChunks: 1 });
    assert.deepEqual(choicesOf(finish).at(-1), {
      finish_reason: 'error_finish',
      delta: { content: 'Rate limit exceeded' },
      index: 0,
      logprobs: null,
    });
    const body = await streamWith({ kind: 'in-stream-error', form: 'sse-body-on-non-2xx', afterChunks: 0 });
    assert.equal(body.status, 400);
    assert.match(body.text, /^id:1\nevent:error\n:HTTP_STATUS\/400\ndata:\{.*"code":"Arrearage"/);
    assert.equal(simulator.answered(), 0);
  });

  it('stall: sends so many chunks and waits for the client to close', async () => {
    simulator.fail({ fault: { kind: 'stall', afterChunks: 2 } });
    const client = new AbortController();
    let text = '';
    const onRead = (read: string) => {
      text += read;
      if (text.includes('Echo:')) client.abort();
    };
    await assert.rejects(chat(simulator, { stream: true }, { signal: client.signal, onRead }));
    await simulator.until(() => simulator.openStreams === 0);
    assert.equal(text.match(/^data:/gm)?.length, 2);
    assert.equal(simulator.chatRequests[0]?.answered, 'aborted');
  });

  for (const atByte of [0, 1, 700]) {
    it(`cut: breaks off after exactly ${atByte} bytes`, async () => {
      const answer = await streamWith({ kind: 'cut', atByte });
      assert.deepEqual([answer.bytes.length, answer.end], [atByte, 'broken']);
      assert.equal(simulator.chatRequests[0]?.answered, 'cut');
    });
  }

  it('cut: also of a JSON answer', async () => {
    simulator.fail({ fault: { kind: 'cut', atByte: 10 } });
    const answer = await chat(simulator);
    assert.deepEqual([answer.bytes.length, answer.end], [10, 'broken']);
  });

  it('end-early: a clean end without finish', async () => {
    for (const afterChunks of [1, 99]) {
      const answer = await streamWith({ kind: 'end-early', afterChunks });
      assert.equal(answer.end, 'clean');
      assert.deepEqual(
        choicesOf(answer).filter((choice) => choice.finish_reason !== null),
        [],
      );
      assert.ok(!answer.text.includes('[DONE]'));
    }
    assert.equal(simulator.answered(), 0);
  });

  it('slow-first-byte: with the headers late or early', async () => {
    for (const headersFirst of [false, true]) {
      const startedAtMs = performance.now();
      const answer = await streamWith({ kind: 'slow-first-byte', delayMs: 30, headersFirst });
      assert.ok(performance.now() - startedAtMs >= 29);
      assert.equal(streamedText(answer), 'Echo: hello');
    }
  });

  it('split: the same bytes in small pieces', async () => {
    const answer = await streamWith({ kind: 'split', bytes: 7 });
    assert.equal(streamedText(answer), 'Echo: hello');
    assert.ok(answer.reads > 10, `${answer.reads} reads`);
  });

  for (const [kind, decompress] of [
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
    ['deflate', inflateSync],
  ] as const) {
    it(`${kind}: the body compressed, also in pieces`, async () => {
      const answer = await streamWith([{ kind }, { kind: 'split', bytes: 64 }]);
      assert.equal(answer.headers['content-encoding'], kind);
      assert.match(decompress(answer.bytes).toString(), /Echo:.*\n\ndata: \[DONE\]\n\n$/s);
    });
  }

  it('html: 200 with a page', async () => {
    const answer = await streamWith({ kind: 'html' });
    assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'text/html; charset=utf-8']);
    assert.equal(simulator.chatRequests[0]?.answered, 'refused');
  });

  it('reset: no headers at all', async () => {
    await assert.rejects(streamWith({ kind: 'reset' }), { code: 'ECONNRESET' });
    assert.equal(simulator.chatRequests[0]?.answered, 'cut');
  });

  it('json-instead-of-stream, no-done, crlf', async () => {
    const json = await streamWith({ kind: 'json-instead-of-stream' });
    assert.equal(objectsOf(json.json.choices)[0]?.finish_reason, 'stop');
    assert.ok(!(await streamWith({ kind: 'no-done' })).text.includes('[DONE]'));
    const crlf = await streamWith({ kind: 'crlf' });
    assert.ok(crlf.text.endsWith('data: [DONE]\r\n\r\n') && !/[^\r]\n/.test(crlf.text));
    assert.equal(simulator.answered(), 3);
  });

  it('retry-after: a refusal with the header', async () => {
    const answer = await streamWith({ kind: 'retry-after', seconds: 7, id: 38 });
    assert.deepEqual(
      [answer.status, answer.headers['retry-after'], answer.json.code],
      [429, '7', 'Throttling.RateQuota'],
    );
  });

  it('matches key, model and route, first match first, and is used up by valid requests only', async () => {
    simulator.fail({ model: 'qwen3.6-plus', times: Infinity, fault: { kind: 'error', id: 65 } });
    simulator.fail({ key: goodKey, times: 2, fault: { kind: 'error', id: 37 } });
    simulator.fail({ key: 'sk-else', fault: { kind: 'error', id: 38 } });
    simulator.fail({ route: 'embeddings', fault: { kind: 'error', id: 38 } });
    const statuses: number[] = [];
    for (const fields of [{ model: 'qwen3.6-plus' }, { temperature: 2 }, {}, { model: 'qwen3.6-plus' }, {}, {}]) {
      statuses.push((await chat(simulator, fields)).status);
    }
    assert.deepEqual(statuses, [500, 400, 429, 500, 429, 200]);
  });
});
