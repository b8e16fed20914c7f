import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { addedTokens } from '../../src/tokens/added-tokens.ts';
import { createMerger } from '../../src/tokens/merge.ts';
import { createMergeQueue } from '../../src/tokens/merge-queue.ts';
import { normalise } from '../../src/tokens/normalise.ts';
import { createPretokeniser } from '../../src/tokens/pretokenise.ts';
import { piecePattern, referenceEncode, tiktokenEncode, tokenizer, vocabulary } from '../support/tokenizers.ts';

const root = join(import.meta.dirname, '..', '..');
const filesOf = (folder: string, ending: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(join(root, folder, name), 'utf8'));

/** Numbers that are the same in every run. */
function* pseudoRandom(): Generator<number> {
  for (let state = 1; ; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    yield state >> 8;
  }
}
const random = pseudoRandom();
const below = (limit: number) => random.next().value % limit;
const characters = (count: number, from: number, kinds: number) =>
  Array.from({ length: count }, () => String.fromCodePoint(from + below(kinds))).join('');

const corpus: Readonly<Record<string, () => readonly string[]>> = {
  'source code': () => filesOf('src', '.ts'),
  'English text': () => filesOf('docs', '.md'),
  'Chinese text': () => [
    readFileSync(join(root, 'README.zh-CN.md'), 'utf8'),
    readFileSync(join(root, 'l10n', 'bundle.l10n.zh-cn.json'), 'utf8'),
    '你好，世界。今天天气不错！！！我们去公园吧……',
  ],
  'Chinese without a break': () => [characters(2_000, 0x4e00, 5_000), '的'.repeat(900)],
  JSON: () => [readFileSync(join(root, 'package.json'), 'utf8'), JSON.stringify({ a: [1, -2.5e10, null, 'é\n'] })],
  emoji: () => ['👍🏽👨‍👩‍👧‍👦 ok 😀😀😀', characters(300, 0x1f300, 0x300), '🇩🇪🇨🇳🏴‍☠️'],
  base64: () => [Buffer.from(Array.from({ length: 20_000 }, () => below(256))).toString('base64')],
  'texts of added tokens': () => [
    '<|im_start|>system\nhi<|im_end|>\n<|im_start|>user\n<think>\n\n</think>\n\n<tool_call>\n{}\n</tool_call>',
    '<|im_start|<|im_end||><think ></ think><<think>>',
    // Composing across the border would take the token its last character.
    'a\u0338<think>\u0338b',
    '  <|im_end|>  x',
  ],
  whitespace: () => [
    ' '.repeat(700),
    '\t'.repeat(70),
    `${'\n'.repeat(300)}x`,
    `${' \n'.repeat(200)}  x`,
    '\r\n\r\n  \t x\u00a0\u3000\u2028y \n',
  ],
  'combining marks': () => ['e\u0301e\u0301\u0301n\u0303', '\u0301'.repeat(40), 'क्षत्रिय हिन्दी', 'ก็ได้นะ', '한국어 각'],
  digits: () => ['1234567890', '3.14159 0x1f ½ ²³ ٣٤ 一二三', '2026-11-23T02:00:00Z'],
  contractions: () => ["I'm you're he'll they'd we've it's don't", "I'LL 'S'T 'Re '", "l'été qu'elle 'r 'x 'ſ"],
  'odd characters': () => [
    '\ufeffusing x',
    '\u0085 y',
    '\ud800 lone \udc00',
    '\u0000\u0001\u007f',
    characters(900, 1, 0xd000),
  ],
  'long runs': () => ['a'.repeat(5_003), characters(5_000, 97, 26), characters(5_000, 97, 2), '-'.repeat(3_000)],
};

describe('tokenizer: the reference’s ids and counts', () => {
  before(function () {
    this.timeout(20_000);
    referenceEncode();
  });
  for (const [kind, texts] of Object.entries(corpus))
    it(kind, () => {
      for (const text of texts()) {
        const expected = referenceEncode()(text);
        assert.deepEqual(tokenizer().encode(text), expected);
        assert.equal(tokenizer().countTokens(text), expected.length);
      }
    }).timeout(20_000);
});

const texts = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 20 }),
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.string({ unit: fc.constantFrom(...'abes \n\r\t\'"0;-.中的文é😀'), maxLength: 40 }),
      fc.constantFrom(...addedTokens.keys(), "'ll", '  ', 'function ', 'の', '\u0301'),
      fc.tuple(fc.constantFrom(...'aeox -=中\n'), fc.integer({ min: 1, max: 300 })).map(([each, n]) => each.repeat(n)),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join('').normalize('NFC'));

describe('tokenizer: properties', () => {
  before(function () {
    this.timeout(20_000);
    tiktokenEncode();
  });
  it('gives the ids of js-tiktoken with the same ranks', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const expected = tiktokenEncode()(text);
        assert.deepEqual(tokenizer().encode(text), expected);
        assert.equal(tokenizer().countTokens(text), expected.length);
      }),
      { numRuns: 400 },
    );
  }).timeout(60_000);
  it('cuts where the regular expression cuts', () => {
    const { pieceEnd } = createPretokeniser();
    fc.assert(
      fc.property(texts, (text) => {
        const wellFormed = text.toWellFormed();
        const bytes = Buffer.from(wellFormed);
        const pieces: string[] = [];
        for (let start = 0; start < bytes.length; ) {
          const end = pieceEnd(bytes, start, bytes.length);
          pieces.push(bytes.toString('utf8', start, end));
          start = end;
        }
        assert.deepEqual(pieces, wellFormed.match(new RegExp(piecePattern, 'gu')) ?? []);
      }),
      { numRuns: 1_000 },
    );
  }).timeout(20_000);
  it('merges long pieces as it merges short ones', () => {
    const queue = createMergeQueue(vocabulary());
    const merger = createMerger(vocabulary());
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 32 }),
      fc.array(fc.constantFrom(...Buffer.from('aab e=中')), { minLength: 1, maxLength: 32 }),
    );
    fc.assert(
      fc.property(bytes, (array) => {
        const piece = Uint8Array.from(array);
        const count = merger.merge(piece, 0, piece.length);
        const queued = queue.merge(piece, 0, piece.length);
        assert.deepEqual(queue.tokens.subarray(0, queued), merger.tokens.subarray(0, count));
      }),
      { numRuns: 2_000 },
    );
  }).timeout(20_000);
  it('makes one token of the bytes of each', () => {
    const merger = createMerger(vocabulary());
    for (let token = 0; token < vocabulary().size; token++) {
      const bytes = vocabulary().bytesOf(token);
      if (merger.merge(bytes, 0, bytes.length) !== 1 || merger.tokens[0] !== token) assert.fail(`token ${token}`);
    }
  }).timeout(20_000);
});

describe('tokenizer: long runs', () => {
  it('looks up a few pairs a byte, however long the run', () => {
    let lookUps = 0;
    const { merge } = vocabulary();
    const queue = createMergeQueue({
      ...vocabulary(),
      merge(left, right) {
        lookUps++;
        return merge(left, right);
      },
    });
    for (const length of [1_000, 10_000, 100_000, 1_000_000])
      for (const text of ['a'.repeat(length), characters(length, 97, 26), ' '.repeat(length)]) {
        lookUps = 0;
        queue.merge(Buffer.from(text), 0, length);
        assert.ok(lookUps <= 2 * length, `${lookUps} for ${length}`);
      }
  }).timeout(60_000);
  const runs: readonly (readonly [string, string, number])[] = [
    // The longest token of each: eight letters, 128 blanks, one character.
    ['a letter', 'a'.repeat(1_000_000), 125_000],
    ['blanks', ' '.repeat(1_000_000), 7_813],
    ['a Chinese character', '的'.repeat(333_333), 333_333],
    ['line ends', '\n'.repeat(1_000_000), 31_250],
  ];
  for (const [name, text, tokens] of runs)
    it(`counts 1 MB of ${name}`, () => assert.equal(tokenizer().countTokens(text), tokens)).timeout(60_000);
  it('counts a piece of more than 1 MiB in parts', () => {
    assert.equal(tokenizer().countTokens('a'.repeat(3 << 20)), (3 << 20) / 8);
    assert.equal(tokenizer().encode('a'.repeat(3 << 20)).length, (3 << 20) / 8);
  }).timeout(60_000);
  it('normalises 1 MB of marks that have to be sorted, and marks as they are written', () => {
    // Sorting them in one go takes ICU more than ten minutes.
    assert.equal(normalise(`a${'\u0301\u0316'.repeat(250_000)}`).length, 500_000);
    const written = `e\u0301 ${'\u0301\u0316'.repeat(100)} \u1100\u1161 Å`;
    assert.equal(normalise(written), written.normalize('NFC'));
  }).timeout(60_000);
});
