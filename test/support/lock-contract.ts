import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { Exclusively } from '../../src/core/contracts.ts';

/** What keeps two processes, or two machines, from the same work at once. */
export interface LockFixture {
  /** As another process, or another machine of a team, has it. */
  open(): Promise<Exclusively>;
  dispose(): Promise<void>;
}

/** What every such lock has to do. */
export function lockContract(createFixture: () => Promise<LockFixture>): void {
  describe('as every lock', () => {
    let fixture: LockFixture;
    let one: Exclusively;
    let two: Exclusively;
    beforeEach(async () => {
      fixture = await createFixture();
      [one, two] = [await fixture.open(), await fixture.open()];
    });
    afterEach(() => fixture.dispose());

    it('runs work of one name one at a time, whatever becomes of it', async () => {
      let running = 0;
      let most = 0;
      const work = async () => {
        most = Math.max(most, ++running);
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
        running--;
      };
      const failing = one('refresh:a', async () => {
        await work();
        throw new Error('failed');
      });
      await Promise.all([
        assert.rejects(failing, /^Error: failed$/),
        ...Array.from({ length: 4 }, () => two('refresh:a', work)),
        ...Array.from({ length: 4 }, () => one('refresh:a', work)),
      ]);
      assert.deepEqual([most, running], [1, 0]);
      assert.equal(await one('refresh:a', async () => 'result'), 'result');
    });
    it('keeps names apart', async () => {
      const inner = one('refresh:a', () => two('refresh:b', async () => 'both'));
      assert.equal(await inner, 'both');
    });
    it('lets who waited see what was written before', async () => {
      let token = 'old';
      const renew = async (spent: string) => {
        if (token !== spent) return 'adopted';
        await new Promise((resolve) => setImmediate(resolve));
        token = 'new';
        return 'renewed';
      };
      const done = await Promise.all([one, two, one, two].map((lock) => lock('refresh:a', () => renew('old'))));
      assert.deepEqual(done.toSorted(), ['adopted', 'adopted', 'adopted', 'renewed']);
    });
  });
}
