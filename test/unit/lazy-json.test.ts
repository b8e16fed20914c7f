import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isTextField, restore, skeletonOf, stringEnd } from '../../src/core/lazy-json.ts';

const long = (text: string) => text.repeat(Math.ceil(3_000 / text.length));
const parse = (json: string) => {
  const skeleton = skeletonOf(Buffer.from(json));
  assert.ok(skeleton, 'a long string was found');
  return restore(JSON.parse(skeleton.text), skeleton);
};

describe('JSON whose long strings are decoded when they are read', () => {
  it('is what JSON.parse makes of it, whatever it holds', () => {
    const text = fc.oneof(
      fc.string(),
      fc
        .string({ unit: 'grapheme' })
        .filter((each) => each !== '')
        .map(long),
      fc.constantFrom('"', '\\', '\\"', 'é漢😀', '\\\\"', '{"a":"b"}', '\u0001', ':', '\\u0041').map(long),
    );
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof(
        { maxDepth: 4 },
        text,
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.constant(null),
        fc.array(tie('json'), { maxLength: 4 }),
        fc.dictionary(text, tie('json'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(json, fc.nat(2), fc.nat(5), (value, indent, offset) => {
        const written = JSON.stringify(value, null, indent);
        const expected = JSON.parse(written);
        // Words of four bytes begin anywhere.
        const bytes = Buffer.from(' '.repeat(offset) + written).subarray(offset);
        const skeleton = skeletonOf(bytes);
        if (skeleton === undefined) return;
        assert.ok(skeleton.text.length < written.length);
        assert.equal(JSON.stringify(restore(JSON.parse(skeleton.text), skeleton)), JSON.stringify(expected));
        assert.deepEqual(restore(JSON.parse(skeleton.text), skeleton), expected);
      }),
      { numRuns: 1_000 },
    );
  });

  it('leaves out nothing but the long strings, which are not looked into', () => {
    const skeleton = skeletonOf(Buffer.from(JSON.stringify({ a: 'short', b: long('x'), c: [long('y')] })));
    assert.equal(skeleton?.strings.length, 2);
    assert.ok(skeleton.text.length < 200);
  });

  it('reads a string once, and tells that it is one without reading it', () => {
    const value = parse(`{"text":"${long('a')}","list":[1]}`);
    assert.ok(typeof value === 'object' && value !== null);
    const before = Object.getOwnPropertyDescriptor(value, 'text');
    assert.ok(before?.get, 'not decoded yet');
    assert.deepEqual([isTextField(value, 'text'), isTextField(value, 'list')], [true, false]);
    assert.ok(Object.getOwnPropertyDescriptor(value, 'text')?.get, 'still not decoded');
    assert.deepEqual({ ...value }, { text: long('a'), list: [1] });
    assert.equal(Object.getOwnPropertyDescriptor(value, 'text')?.get, undefined);
  });

  it('says what is wrong with a string when it is read', () => {
    const value = parse(`{"text":"${long('a')}\\x"}`);
    assert.throws(() => JSON.stringify(value), { code: 'invalid_request', message: /unknown escape/ });
  });

  const leftToTheParser: Readonly<Record<string, string>> = {
    'only short strings': '{"a":"b"}',
    'a string without an end': `{"a":"${long('a')}`,
    'a control character in a long string': `{"a":"${long('a')}\n${long('a')}"}`,
    'a control character at its end': `{"a":"${long('a')}\u0001"}`,
    'a byte order mark': `\ufeff{"a":"${long('a')}"}`,
    'a long name': `{"${long('a')}" : 1}`,
  };
  for (const [what, json] of Object.entries(leftToTheParser))
    it(`leaves ${what} to the parser`, () => assert.equal(skeletonOf(Buffer.from(json)), undefined));

  it('finds the end of a string behind any number of backslashes', () => {
    for (const length of [0, 1, 22, 23, 24, 25, 60])
      for (const slashes of [0, 1, 2, 3]) {
        const literal = Buffer.from(`"${'a'.repeat(length)}${'\\\\'.repeat(slashes)}\\"b" "`);
        assert.equal(stringEnd(literal, 0), literal.length - 2);
      }
  });
});
