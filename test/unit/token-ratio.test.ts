import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { createRatioBook } from '../../src/tokens/ratio.ts';

describe('token ratio', () => {
  it('is 1 until an answer says otherwise, and each model’s own', () => {
    const book = createRatioBook();
    book.learn('qwen3.7-max', 1_000, 900);
    assert.equal(book.ratio('QWEN3.7-MAX'), 0.9);
    assert.equal(book.ratio('qwen3-max'), 1);
  });
  it('is the mean of the first answers, then follows the later ones', () => {
    const book = createRatioBook();
    for (const actual of [800, 900, 1_000]) book.learn('m', 1_000, actual);
    assert.ok(Math.abs(book.ratio('m') - 0.9) < 1e-9);
    for (let answer = 0; answer < 60; answer++) book.learn('m', 1_000, 1_100);
    assert.ok(Math.abs(book.ratio('m') - 1.1) < 0.01);
  });
  const ignored: readonly (readonly [string, number, number])[] = [
    ['a short prompt', 200, 260],
    ['no tokens', 1_000, 0],
    ['no number', 1_000, Number.NaN],
    ['no count', Number.NaN, 1_000],
    ['an endless one', 1_000, Number.POSITIVE_INFINITY],
  ];
  for (const [name, counted, actual] of ignored)
    it(`learns nothing from ${name}`, () => {
      const book = createRatioBook();
      book.learn('m', counted, actual);
      assert.equal(book.ratio('m'), 1);
    });
  it('stays between 0.7 and 1.3, whatever it is told', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.double(), fc.double())), (answers) => {
        const book = createRatioBook();
        for (const [counted, actual] of answers) book.learn('m', counted, actual);
        assert.ok(book.ratio('m') >= 0.7 && book.ratio('m') <= 1.3);
      }),
    );
  });
  it('forgets the model that was heard of longest ago', () => {
    const book = createRatioBook();
    for (let model = 0; model < 257; model++) {
      book.learn(`m${model}`, 1_000, 900);
      book.learn('m1', 1_000, 900);
    }
    assert.equal(book.ratio('m0'), 1);
    assert.ok(book.ratio('m1') < 0.95);
  });
});
