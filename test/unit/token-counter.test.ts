import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { buildVocabulary, ensureVocabulary } from '../../scripts/build-vocabulary.mjs';
import type { TokenCounter } from '../../src/core/token-counter.ts';
import { promptParts } from '../../src/tokens/chat-prompt.ts';
import { createTokenCounter } from '../../src/tokens/counter.ts';
import { tokenizerFiles } from '../../src/tokens/files.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { tokenizer } from '../support/tokenizers.ts';

const idleMs = 60_000;
const ask = (content: string) => ({ messages: [{ role: 'user', content }] });
const expected = (content: string) => {
  const parts = [...promptParts(ask(content), 'qwen3-max')];
  return tokenizer().countTokens(parts.filter((part) => typeof part === 'string').join(''));
};

describe('token counter', () => {
  let clock: FakeClock;
  let workers: Worker[];
  let counter: TokenCounter;
  /** What the next thread runs, in place of the tokenizer. */
  let script: string | undefined;

  before(() => void ensureVocabulary());
  beforeEach(() => {
    clock = createFakeClock();
    workers = [];
    script = undefined;
    counter = createTokenCounter({
      idleMs,
      sleep: clock.sleep,
      startWorker({ worker, vocabulary }) {
        const options = { workerData: vocabulary, execArgv: [] };
        const started = script === undefined ? new Worker(worker, options) : new Worker(script, { eval: true });
        workers.push(started);
        return started;
      },
    });
  });
  afterEach(() => counter.dispose());

  it('counts what the tokenizer counts, in a thread that starts with the first count', async () => {
    assert.equal(workers.length, 0);
    const tokens = expected('Hello 你好');
    assert.deepEqual(await counter.count(ask('Hello 你好'), 'qwen3-max'), {
      tokens,
      uncorrected: tokens,
      isEstimate: false,
    });
    assert.equal(await counter.countText('Hello 你好'), tokenizer().countTokens('Hello 你好'));
    assert.equal(await counter.countText(''), 0);
    assert.equal(workers.length, 1);
  }).timeout(10_000);

  it('answers each of many calls at once with its own count, long ones cut and joined', async () => {
    // Cuts fall into words, numbers and pairs of surrogates.
    const contents = Array.from({ length: 12 }, (_, index) =>
      index % 3 === 0 ? `x${'a 😀 12中'.repeat(40_000)}` : `${index} short`.repeat(index),
    );
    const counts = await Promise.all(contents.map((content) => counter.count(ask(content), 'qwen3-max')));
    assert.deepEqual(
      counts.map(({ tokens }) => tokens),
      contents.map(expected),
    );
    assert.equal(workers.length, 1);
  }).timeout(60_000);

  it('says what is an estimate', async () => {
    const image = { type: 'image_url', image_url: { url: 'https://example.test/a.png' } };
    const seen = { messages: [{ role: 'user', content: [image] }] };
    const estimates = await Promise.all([
      counter.count(ask('x'), 'qwen3-coder-plus'),
      counter.count(ask('x'), 'qwen3.7-max'),
      counter.count(seen, 'qwen3-vl-plus'),
    ]);
    assert.deepEqual(
      estimates.map(({ isEstimate }) => isEstimate),
      [false, true, true],
    );
    assert.ok((estimates[2]?.tokens ?? 0) > 1_024);
  }).timeout(10_000);

  it('corrects by what upstreams answered', async () => {
    const text = 'word '.repeat(1_000);
    const { uncorrected } = await counter.count(ask(text), 'qwen3.7-max');
    counter.learn('qwen3.7-max', uncorrected, uncorrected * 0.8);
    const corrected = await counter.count(ask(text), 'qwen3.7-max');
    assert.deepEqual([corrected.tokens, corrected.uncorrected], [Math.round(uncorrected * 0.8), uncorrected]);
    assert.equal((await counter.count(ask(text), 'qwen3-max')).tokens, uncorrected);
  }).timeout(10_000);

  it('ends its thread when nothing was counted for a while, and starts another one', async () => {
    for (let count = 0; count < 3; count++) {
      await counter.countText('x');
      await clock.advance(idleMs - 1);
    }
    assert.equal(workers.length, 1, 'each count begins the wait anew');
    const [first] = workers;
    assert.ok(first);
    const ended = once(first, 'exit');
    await clock.advance(1);
    await ended;
    assert.equal(await counter.countText('hello'), 1);
    assert.equal(workers.length, 2);
  }).timeout(10_000);

  it('fails the calls of a thread that dies, and counts the next one in a new thread', async () => {
    script = 'require("node:worker_threads").parentPort.once("message", () => process.exit(7))';
    const failed = await Promise.allSettled([counter.countText('x'), counter.count(ask('y'), 'qwen3-max')]);
    for (const each of failed) {
      assert.ok(each.status === 'rejected');
      assert.match(String(each.reason), /The token counter ended \(exit code 7\)\. Try again\./);
    }
    script = undefined;
    assert.equal(await counter.countText('hello'), 1);
    assert.equal(workers.length, 2);
  }).timeout(10_000);

  it('says why its thread died', async () => {
    script = 'throw new Error("no vocabulary")';
    await assert.rejects(counter.countText('x'), /no vocabulary/);
  });

  it('goes on after a body that cannot be written down', async () => {
    const circle: Record<string, unknown> = {};
    circle.itself = circle;
    await assert.rejects(counter.count({ messages: [], tools: [circle] }, 'qwen3-max'), RangeError);
    assert.equal(await counter.countText('hello'), 1);
    await clock.advance(idleMs);
    assert.equal(clock.sleepers, 0, 'nothing is waited for any more');
  }).timeout(10_000);

  it('rejects what is counted while it is closed, and everything after', async () => {
    const pending = assert.rejects(counter.countText('x'.repeat(1_000_000)), /The token counter ended/);
    await counter.dispose();
    await pending;
    await assert.rejects(counter.countText('x'), /The token counter is closed/);
  }).timeout(10_000);

  it('keeps no process alive', async () => {
    const module = join(import.meta.dirname, '..', '..', 'src', 'tokens', 'counter.ts');
    const program = `
      const { createTokenCounter } = await import(${JSON.stringify(module)});
      console.log(await createTokenCounter().countText('hello there'));`;
    // It would end only after a minute.
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { timeout: 30_000 });
    assert.equal((await run).stdout, '2\n');
  }).timeout(40_000);
});

describe('vocabulary file', () => {
  it('is at most 560 kB, and the same whenever it is made', () => {
    const made = buildVocabulary();
    assert.ok(made.length <= 560_000, `${made.length} bytes`);
    assert.ok(made.equals(readFileSync(ensureVocabulary())));
    assert.equal(ensureVocabulary(), tokenizerFiles.vocabulary);
  }).timeout(60_000);
});
