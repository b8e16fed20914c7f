import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isDeeperThan } from '../../src/server/body.ts';

/** The same by the value. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

describe('depth of a JSON text', () => {
  it('is that of its value, whatever its strings hold', () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('[', '{"', '\\', '\\"', '"[{', '}]', '\\\\"'));
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof(
        { maxDepth: 6 },
        text,
        fc.integer(),
        fc.constant(null),
        fc.array(tie('json'), { maxLength: 3 }),
        fc.dictionary(text, tie('json'), { maxKeys: 3 }),
      ),
    }));
    fc.assert(
      fc.property(json, fc.nat(8), (value, limit) => {
        assert.equal(isDeeperThan(JSON.stringify(value), limit), depthOf(JSON.parse(JSON.stringify(value))) > limit);
      }),
      { numRuns: 2_000 },
    );
  });
  it('takes time linear in the text, also of one string of quotes and backslashes', () => {
    assert.equal(isDeeperThan(`"${'\\"'.repeat(2_000_000)}"`, 1), false);
    assert.equal(isDeeperThan(`"${'\\\\'.repeat(4_000_000)}"`, 1), false);
    assert.equal(isDeeperThan(`"${'\\'.repeat(4_000_001)}`, 1), false);
  });
  for (const text of ['', '"', '"\\', '"\\"', ']]]', '[}{', '[[[', 'not json'])
    it(`ends on ${JSON.stringify(text)}`, () => assert.equal(isDeeperThan(text, 3), false));
});
