import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { StateStore } from '../../src/core/contracts.ts';

/** A place for documents. */
export interface StateStoreFixture {
  /** As the next process of this home, or another machine of a team, sees it. */
  open(): Promise<StateStore>;
  dispose(): Promise<void>;
}

/** What every home of documents has to do. */
export function stateStoreContract(createFixture: () => Promise<StateStoreFixture>): void {
  describe('as every home of documents', () => {
    let fixture: StateStoreFixture;
    let store: StateStore;
    beforeEach(async () => {
      fixture = await createFixture();
      store = await fixture.open();
    });
    afterEach(() => fixture.dispose());

    it('has nothing at first', async () => {
      assert.deepEqual([await store.read('health'), await store.read('constructor')], [undefined, undefined]);
    });
    it('gives back what was written, also to who comes later, each under its name', async () => {
      const document = { version: 1, accounts: { a: [{ code: 'x', untilMs: null }] }, text: '通义 🙂 \u0000 \n' };
      await store.write('health', document);
      await store.write('learned-limits', [1, 'two', false]);
      for (const reader of [store, await fixture.open()]) {
        assert.deepEqual(await reader.read('health'), document);
        assert.deepEqual(await reader.read('learned-limits'), [1, 'two', false]);
      }
    });
    it('keeps the last of many writes', async () => {
      const writes = Array.from({ length: 30 }, (_, number) => store.write('health', { number }));
      await Promise.all(writes);
      for (const reader of [store, await fixture.open()]) assert.deepEqual(await reader.read('health'), { number: 29 });
    });
    it('shows a writer what another one wrote since', async () => {
      const other = await fixture.open();
      await store.write('health', 1);
      await other.write('health', 2);
      assert.equal(await store.read('health'), 2);
    });
  });
}
