import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { createAccountStore } from '../../src/accounts/store.ts';
import type { SecretStore } from '../../src/core/contracts.ts';
import { createMemoryLogger, keyAccount } from './accounts.ts';

/** A place for secrets, as several processes see it. */
export interface SecretStoreFixture {
  /** Another view on the same place, as another process would open it. */
  open(): SecretStore;
  dispose(): Promise<void>;
}

const writesEach = 25;

/** What every home of secrets has to do. */
export function secretStoreContract(createFixture: () => Promise<SecretStoreFixture>): void {
  describe('as every store', () => contract(createFixture));
}

function contract(createFixture: () => Promise<SecretStoreFixture>): void {
  let fixture: SecretStoreFixture;
  let store: SecretStore;

  beforeEach(async () => {
    fixture = await createFixture();
    store = fixture.open();
  });
  afterEach(() => fixture.dispose());

  it('is empty at first', async () => {
    assert.deepEqual(await store.keys(), []);
    assert.equal(await store.get('account:a'), undefined);
    // Names that every JavaScript object has.
    assert.equal(await store.get('constructor'), undefined);
  });

  it('gives back what was set, byte for byte', async () => {
    const value = '{"key":"sk-1","text":"通义 🙂 \\u0000 \\n"}';
    await store.set('account:a', value);
    await store.set('account:b', '');
    assert.equal(await store.get('account:a'), value);
    assert.equal(await store.get('account:b'), '');
    assert.deepEqual((await store.keys()).toSorted(), ['account:a', 'account:b']);
  });

  it('replaces and deletes', async () => {
    await store.set('account:a', '1');
    await store.set('account:a', '2');
    await store.set('account:b', '3');
    assert.equal(await store.get('account:a'), '2');
    await store.delete('account:a');
    await store.delete('account:never-there');
    assert.deepEqual([await store.get('account:a'), await store.keys()], [undefined, ['account:b']]);
  });

  it('shows at once what another process wrote', async () => {
    const other = fixture.open();
    await store.keys();
    await other.set('account:a', '1');
    assert.deepEqual([await store.get('account:a'), await store.keys()], ['1', ['account:a']]);
  });

  it('loses nothing of two writers, and keeps the order of each', async () => {
    const other = fixture.open();
    const writes = Array.from({ length: writesEach }, (_, index) =>
      [store, other].flatMap((writer, place) => [
        writer.set(`account:${place}-${index}`, `value ${index}`),
        writer.set(`counter:${place}`, `${index}`),
      ]),
    );
    await Promise.all(writes.flat());
    assert.equal((await store.keys()).length, 2 * writesEach + 2);
    for (const place of [0, 1]) {
      assert.equal(await other.get(`counter:${place}`), `${writesEach - 1}`);
      for (let index = 0; index < writesEach; index++)
        assert.equal(await store.get(`account:${place}-${index}`), `value ${index}`);
    }
  });

  it('swaps only what stands there, if it can', async () => {
    const { swap } = store;
    const other = fixture.open();
    // The editor's store cannot, and one window alone writes it.
    if (swap === undefined || other.swap === undefined) return assert.equal(swap, other.swap);
    assert.equal(await swap('account:a', undefined, '1'), true);
    assert.deepEqual([await swap('account:a', undefined, '2'), await other.get('account:a')], [false, '1']);
    const both = await Promise.all([swap('account:a', '1', 'one'), other.swap('account:a', '1', 'two')]);
    assert.deepEqual(both.toSorted(), [false, true]);
    assert.equal(await store.get('account:a'), both[0] ? 'one' : 'two');
    assert.equal(await swap('account:a', '1', undefined), false);
    assert.equal(await swap('account:a', (await store.get('account:a')) ?? '', undefined), true);
    assert.deepEqual(await other.keys(), []);
    assert.equal(await swap('constructor', 'something', '1'), false);
  });

  it('two accounts stores lose no change of one another, if it can swap', async () => {
    if (store.swap === undefined) return assert.ok(fixture.open().swap === undefined);
    const accounts = [store, fixture.open()].map((each) => createAccountStore(each, createMemoryLogger()));
    const [one, two] = accounts;
    assert.ok(one && two);
    await one.put(keyAccount('a', { label: '0' }));
    const count = 10;
    const addTo = async (each: typeof one) => {
      for (let added = 0; added < count; added++)
        await each.update('a', (account) => ({ ...account, label: String(Number(account.label) + 1) }));
    };
    await Promise.all([addTo(one), addTo(two)]);
    assert.equal((await one.reread('a'))?.label, String(2 * count));
    const added = await Promise.all(accounts.map((each) => each.add(keyAccount('b'))));
    assert.deepEqual(added.toSorted(), [false, true]);
  });

  it('announces what another process wrote', async () => {
    const other = fixture.open();
    await store.keys();
    const heard = new Promise<void>((resolve) => {
      const subscription = store.onDidChange(() => {
        subscription.dispose();
        resolve();
      });
    });
    await other.set('account:a', '1');
    await heard;
    assert.equal(await store.get('account:a'), '1');
  });
}
