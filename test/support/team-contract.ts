import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { createTeamKeys } from '../../src/cli/team-keys.ts';
import type { Event } from '../../src/core/contracts.ts';
import type { KeyRateLimits, KeyVerdict } from '../../src/core/key-rates.ts';
import type { SharedMap, Team } from '../../src/core/team.ts';
import { createSharedHealth } from '../../src/gateway/shared-health.ts';
import { createSharedState } from '../../src/gateway/shared-state.ts';
import { healthContract } from './health-contract.ts';
import { keyStoreContract } from './key-store-contract.ts';
import { lockContract } from './lock-contract.ts';
import { secretStoreContract } from './secret-store-contract.ts';
import { stateStoreContract } from './state-store-contract.ts';
import { usageContract } from './usage-contract.ts';

/** A place that replicas share. */
export interface TeamFixture {
  join(replica: string): Promise<Team>;
  dispose(): Promise<void>;
}

/** What every implementation of a team has to do. */
export function teamContract(createFixture: () => Promise<TeamFixture>): void {
  describe('as every team', () => contract(createFixture));
  describe('secrets of a team', () => {
    let number = 0;
    secretStoreContract(async () => {
      const fixture = await createFixture();
      const joined = [await fixture.join(`r${number++}`), await fixture.join(`r${number++}`)];
      return {
        open: () => joined.shift()?.secrets ?? assert.fail('two replicas are enough'),
        dispose: fixture.dispose,
      };
    });
  });
  describe('client keys of a team', () => {
    let number = 0;
    keyStoreContract(async () => {
      const fixture = await createFixture();
      return {
        open: async () => createTeamKeys((await fixture.join(`r${number++}`)).keys),
        dispose: fixture.dispose,
      };
    });
  });
  describe('documents of a team', () => {
    let number = 0;
    stateStoreContract(async () => {
      const fixture = await createFixture();
      return {
        open: async () => createSharedState((await fixture.join(`r${number++}`)).documents),
        dispose: fixture.dispose,
      };
    });
  });
  describe('locks of a team', () => {
    let number = 0;
    lockContract(async () => {
      const fixture = await createFixture();
      return { open: async () => (await fixture.join(`r${number++}`)).exclusively, dispose: fixture.dispose };
    });
  });
  describe('counts of a team', () => {
    let number = 0;
    usageContract(async () => {
      const fixture = await createFixture();
      const parent = await mkdtemp(join(tmpdir(), 'qwen-counts-'));
      return {
        async open() {
          const team = await fixture.join(`r${number++}`);
          // Each replica has a home of its own.
          return { team, state: createSharedState(team.documents), stateDirectory: join(parent, `${number}`) };
        },
        async dispose() {
          await fixture.dispose();
          await rm(parent, { recursive: true });
        },
      };
    });
  });
  describe('health in a team', () => {
    let number = 0;
    healthContract(async () => {
      const fixture = await createFixture();
      const joined: Team[] = [];
      const join = async () => {
        const team = await fixture.join(`r${number++}`);
        joined.push(team);
        return team;
      };
      return {
        async open(createPool) {
          const team = await join();
          const pool = createPool(() => health.note());
          const health = createSharedHealth({ map: team.health, pool, onLearned: () => {} });
          health.open();
          return pool;
        },
        async settled() {
          for (const team of joined) {
            while (team.status().unsent > 0) await new Promise((resolve) => setImmediate(resolve));
            // Comes after everything that this replica has sent.
            await team.documents.set('settled', '');
          }
        },
        plant: async (id, entry) =>
          (await join()).health.set(`${id}\nplanted ${JSON.stringify(entry)}`, JSON.stringify(entry)),
        dispose: fixture.dispose,
      };
    });
  });
}

/** Resolves as soon as the condition holds; looked at after every event. */
export function until<T>(event: Event<T>, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    if (condition()) return resolve();
    const subscription = event(() => {
      if (!condition()) return;
      subscription.dispose();
      resolve();
    });
  });
}

function contract(createFixture: () => Promise<TeamFixture>): void {
  let fixture: TeamFixture;
  let one: Team;
  let two: Team;
  const arrives = (map: SharedMap, key: string, value: string | undefined) =>
    until(map.onDidChange, () => map.entries().get(key) === value);

  beforeEach(async () => {
    fixture = await createFixture();
    [one, two] = [await fixture.join('one'), await fixture.join('two')];
  });
  afterEach(() => fixture.dispose());

  describe('a map', () => {
    it('counts at once where it is written, and reaches the others', async () => {
      const written = one.health.set('a', '1');
      assert.equal(one.health.entries().get('a'), '1');
      await written;
      await arrives(two.health, 'a', '1');
      await two.health.delete('a');
      await arrives(one.health, 'a', undefined);
      assert.deepEqual([...one.health.entries()], []);
    });
    it('is there for who comes later', async () => {
      await one.models.set('a', 'α\n=-');
      const three = await fixture.join('three');
      assert.deepEqual([...three.models.entries()], [['a', 'α\n=-']]);
    });
    it('takes any text as a key and as a value', async () => {
      for (const text of ['a\nb\n', '=', '-', '', '通义 🙂', '{"a":1}', '__proto__']) {
        await one.health.set(text, text);
        await arrives(two.health, text, text);
      }
    });
    it('reads past what it knows', async () => {
      await one.documents.set('a', '1');
      assert.equal(await two.documents.read('a'), '1');
      await one.documents.set('b', '2');
      assert.deepEqual([...(await two.documents.readAll())].toSorted(), [
        ['a', '1'],
        ['b', '2'],
      ]);
    });
    it('shows the last of many writes to one key', async () => {
      await Promise.all(Array.from({ length: 50 }, (_, index) => one.health.set('a', String(index))));
      assert.equal(one.health.entries().get('a'), '49');
      await arrives(two.health, 'a', '49');
    });
    it('swaps only what stands there', async () => {
      assert.equal(await one.health.swap('a', undefined, '1'), true);
      await arrives(two.health, 'a', '1');
      const swapped = await Promise.all([one.health.swap('a', '1', 'one'), two.health.swap('a', '1', 'two')]);
      assert.deepEqual(swapped.toSorted(), [false, true]);
      const winner = swapped[0] ? 'one' : 'two';
      assert.deepEqual([await one.health.read('a'), await two.health.read('a')], [winner, winner]);
      assert.equal(await one.health.swap('a', 'never', undefined), false);
      assert.equal(await one.health.swap('a', winner, undefined), true);
      assert.equal(await two.health.read('a'), undefined);
      assert.equal(await two.health.swap('a', undefined, 'again'), true);
    });
    it('counts to the last under two writers who swap', async () => {
      await one.documents.set('sum', '0');
      const addTo = async (map: SharedMap) => {
        for (let added = 0; added < 25; ) {
          const before = (await map.read('sum')) ?? '0';
          if (await map.swap('sum', before, String(Number(before) + 1))) added++;
        }
      };
      await Promise.all([addTo(one.documents), addTo(two.documents)]);
      assert.equal(await one.documents.read('sum'), '50');
    });
  });

  describe('the limits of client keys', () => {
    const names = ({ refusedBy }: KeyVerdict) => refusedBy ?? 'begun';
    const beginAll = async (teams: readonly Team[], limits: KeyRateLimits) => {
      const verdicts = await Promise.all(teams.map(async (team) => team.keyRates.begin('key', limits)));
      return verdicts.map(names).toSorted();
    };
    const both = (times: number) => Array.from({ length: times }, () => [one, two]).flat();

    it('a minute’s requests are those of all replicas, however they come', async () => {
      const limits = { requestsPerMinute: 7 };
      const verdicts = await beginAll(both(6), limits);
      assert.deepEqual(verdicts, [...Array(7).fill('begun'), ...Array(5).fill('requestsPerMinute')]);
      for (const team of [one, two, await fixture.join('three')]) {
        const verdict = await team.keyRates.begin('key', limits);
        assert.ok(verdict.refusedBy === 'requestsPerMinute');
        assert.ok(verdict.retryAfterMs > 0 && verdict.retryAfterMs <= 60_000 / 7 + 1, `${verdict.retryAfterMs}`);
      }
      assert.deepEqual(await two.keyRates.begin('another', limits), {});
    });
    it('requests at once are those of all replicas, and a place that one frees another takes', async () => {
      const limits = { concurrentRequests: 3 };
      const verdicts = await beginAll(both(4), limits);
      assert.deepEqual(verdicts, [...Array(5).fill('concurrentRequests'), ...Array(3).fill('begun')].toSorted());
      const three = await fixture.join('three');
      assert.equal(names(await three.keyRates.begin('key', limits)), 'concurrentRequests');
      const alone = await fixture.join('four');
      for (const team of [one, three, alone, two]) {
        await team.keyRates.begin('turns', { concurrentRequests: 1 });
        assert.equal(names(await one.keyRates.begin('turns', { concurrentRequests: 1 })), 'concurrentRequests');
        team.keyRates.end('turns');
      }
      assert.equal(names(await two.keyRates.begin('turns', { concurrentRequests: 1 })), 'begun');
    });
    it('places add up, however requests begin and end beside one another', async () => {
      const limits = { concurrentRequests: 3 };
      let open = 0;
      let most = 0;
      let begun = 0;
      const serve = async ({ keyRates }: Team) => {
        for (let request = 0; request < 8; request++) {
          const { refusedBy } = await keyRates.begin('key', limits);
          if (refusedBy !== undefined) continue;
          begun++;
          most = Math.max(most, ++open);
          await new Promise((resolve) => setImmediate(resolve));
          open--;
          keyRates.end('key');
        }
      };
      await Promise.all(both(4).map(serve));
      assert.ok(most <= 3 && begun >= 3, `${most} at once, ${begun} in all`);
      // Answered after everything that this replica has told.
      for (const { keyRates } of [one, two]) await keyRates.begin('another', limits);
      assert.deepEqual(await beginAll([one, two, one], limits), ['begun', 'begun', 'begun']);
      assert.equal(names(await two.keyRates.begin('key', limits)), 'concurrentRequests');
    });
    it('what one limit refuses costs nothing of the other', async () => {
      const limits = { concurrentRequests: 1, requestsPerMinute: 2 };
      assert.deepEqual(await one.keyRates.begin('key', limits), {});
      for (const team of both(3)) assert.equal(names(await team.keyRates.begin('key', limits)), 'concurrentRequests');
      one.keyRates.end('key');
      assert.equal(names(await two.keyRates.begin('key', limits)), 'begun');
      two.keyRates.end('key');
      assert.equal(names(await one.keyRates.begin('key', limits)), 'requestsPerMinute');
    });
  });

  it('counters are told as absolute values, and kept for who comes later', async () => {
    const heard: unknown[] = [];
    one.counters.onDidPublish((counts) => heard.push(counts));
    const told = until(one.counters.onDidPublish, () => true);
    await two.counters.publish({ 'm a 1': '1 2 0', 'm a 2': '1 1 0' });
    await two.counters.publish({ 'm a 1': '2 4 0' });
    await told;
    await until(one.counters.onDidPublish, () => heard.length === 2);
    assert.deepEqual(heard, [
      { replica: 'two', fields: { 'm a 1': '1 2 0', 'm a 2': '1 1 0' } },
      { replica: 'two', fields: { 'm a 1': '2 4 0' } },
    ]);
    await two.counters.drop(['m a 2']);
    assert.deepEqual(await one.counters.load(), [{ replica: 'two', fields: { 'm a 1': '2 4 0' } }]);
    assert.deepEqual(await two.counters.load(), []);
  });

  it('conversations are told, and kept for who comes later', async () => {
    let seen = 0;
    one.sessions.onDidBind((bound) => {
      seen += bound.filter(({ session, accountId }) => session === 's2' && accountId === 'b').length;
    });
    two.sessions.bind('s1', 'a');
    two.sessions.bind('s2', 'b');
    await until(one.sessions.onDidBind, () => seen > 0);
    const kept = await (await fixture.join('three')).sessions.load();
    assert.deepEqual(kept.map(({ session, accountId }) => `${session} ${accountId}`).toSorted(), ['s1 a', 's2 b']);
  });
}
