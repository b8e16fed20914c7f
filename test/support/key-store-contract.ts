import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { KeyStore } from '../../src/cli/key-store.ts';
import type { ClientKeyLimits, NamedClientKey } from '../../src/core/client-key.ts';

/** A place for named client keys, as several processes see it. */
export interface KeyStoreFixture {
  /** Another view on the same place, as another process, or another machine of a team, would open it. */
  open(): Promise<KeyStore>;
  dispose(): Promise<void>;
}

/** What every home of named client keys has to do. */
export function keyStoreContract(createFixture: () => Promise<KeyStoreFixture>): void {
  describe('as every home of client keys', () => contract(createFixture));
}

export const namedKey = (name: string, limits: ClientKeyLimits = {}, createdAtMs = 0): NamedClientKey => ({
  name,
  digest: createHash('sha256').update(name).digest('hex'),
  createdAtMs,
  limits,
});

function contract(createFixture: () => Promise<KeyStoreFixture>): void {
  let fixture: KeyStoreFixture;
  let one: KeyStore;
  let two: KeyStore;
  const names = (keys: readonly NamedClientKey[]) => keys.map(({ name }) => name);

  beforeEach(async () => {
    fixture = await createFixture();
    [one, two] = [await fixture.open(), await fixture.open()];
  });
  afterEach(async () => {
    one.close();
    two.close();
    await fixture.dispose();
  });

  it('is empty at first', async () => {
    assert.deepEqual([one.list(), await one.read()], [[], []]);
  });
  it('gives back what was added, oldest first, also to who comes later', async () => {
    const limits = { requestsPerMinute: 60, tokensPerDay: 1e6, concurrentRequests: 2, models: ['qwen3-*', 'α'] };
    const keys = [namedKey('second', limits, 1), namedKey('first', {}, 2)];
    for (const key of keys) assert.equal(await one.add(key), true);
    assert.deepEqual(one.list(), keys);
    assert.deepEqual(await two.read(), keys);
    const later = await fixture.open();
    assert.deepEqual(await later.read(), keys);
    assert.deepEqual(later.list(), keys);
    later.close();
  });
  it('gives a name once, whoever asks when', async () => {
    assert.equal(await one.add(namedKey('a', { tokensPerDay: 1 })), true);
    assert.equal(await two.add(namedKey('a', { tokensPerDay: 2 })), false);
    assert.deepEqual(
      (await two.read()).map(({ limits }) => limits),
      [{ tokensPerDay: 1 }],
    );
    const both = await Promise.all([one.add(namedKey('b')), two.add(namedKey('b'))]);
    assert.deepEqual(both.toSorted(), [false, true]);
  });
  it('loses none of many that are added at once', async () => {
    const added = Array.from({ length: 12 }, (_, number) => `key-${number}`);
    await Promise.all(added.map((name, number) => (number % 2 === 0 ? one : two).add(namedKey(name))));
    assert.deepEqual(names(await two.read()).toSorted(), added.toSorted());
  });
  it('takes away what there is, and frees the name', async () => {
    await one.add(namedKey('a'));
    assert.equal(await two.remove('b'), false);
    assert.equal(await two.remove('a'), true);
    assert.deepEqual([two.list(), await one.read()], [[], []]);
    assert.equal(await one.remove('a'), false);
    assert.equal(await one.add(namedKey('a')), true);
  });
  it('follows what others write, without being asked', async () => {
    two.watch((error) => assert.fail(String(error)));
    const follows = async (expected: readonly string[]) => {
      while (names(two.list()).join() !== expected.join()) await new Promise((resolve) => setImmediate(resolve));
    };
    await one.add(namedKey('a', {}, 1));
    await follows(['a']);
    await one.add(namedKey('b', {}, 2));
    await follows(['a', 'b']);
    await one.remove('a');
    await follows(['b']);
  });
}
