import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createByteCollector } from '../../src/server/byte-collector.ts';

describe('byte collector', () => {
  it('gives back what it was given, however it was cut', () => {
    const part = fc.oneof(
      { weight: 5, arbitrary: fc.nat(40) },
      { weight: 2, arbitrary: fc.nat(20_000) },
      { weight: 1, arbitrary: fc.constantFrom(0, 16_384, 65_535, 65_536, 65_537, 150_000) },
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), (lengths) => {
        const collector = createByteCollector();
        const parts = lengths.map((length, index) => Buffer.alloc(length, index % 251));
        const expected = Buffer.concat(parts);
        for (const each of parts) collector.add(each);
        assert.ok(collector.all().equals(expected));
      }),
      { numRuns: 300 },
    );
  });
  it('holds a million bytes that come one by one in a few blocks', () => {
    const collector = createByteCollector();
    for (let count = 0; count < 1_000_000; count++) collector.add(Buffer.of(count % 251));
    assert.ok(collector.countBlocks() < 20, `${collector.countBlocks()} blocks`);
    assert.equal(collector.all().length, 1_000_000);
  });
  it('copies nothing of a body that comes in one part', () => {
    const collector = createByteCollector();
    const part = Buffer.from('{"model":"m"}');
    collector.add(part);
    assert.equal(collector.all(), part);
  });
});
