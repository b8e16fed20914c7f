import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import type { SharedMap } from '../../src/core/team.ts';
import { type ConnectedTeam, connectTeam } from '../../src/team/main.ts';
import { createMemoryLogger } from '../support/accounts.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { teamContract, until } from '../support/team-contract.ts';

describe('a team on Redis', () => {
  let redis: RedisServer;
  let prefixes = 0;
  const stateKey = randomBytes(32);
  const joined: ConnectedTeam[] = [];
  const join = async (replica: string, prefix: string, key = stateKey) => {
    const team = await connectTeam({
      url: redis.url,
      prefix,
      stateKey: key,
      replica,
      allowsSingleUserPlans: false,
      logger: createMemoryLogger(),
    });
    joined.push(team);
    return team;
  };
  const leave = async () => {
    for (const team of joined.splice(0)) await team.close().catch(() => {});
  };

  before(async () => {
    redis = await startRedis();
  });
  after(async () => {
    await leave();
    await redis.dispose();
  });

  teamContract(async () => {
    const prefix = `contract-${prefixes++}:`;
    return { join: (replica) => join(replica, prefix), dispose: leave };
  });

  describe('what Redis holds', () => {
    it('no credential in clear, and nothing that another name or key opens', async () => {
      const team = await join('one', 'sealed:');
      await team.secrets.set('account:a', '{"secret":"sk-canary-in-clear"}');
      await team.keys.set('team', '{"digest":"digest-canary"}');
      const dump = await readEverything(redis.url);
      assert.match(dump, /account:a/);
      for (const canary of [
        'canary',
        Buffer.from('sk-canary-in-clear').toString('base64').slice(0, 20),
        stateKey.toString('base64'),
      ])
        assert.ok(!dump.includes(canary), canary);
      await assert.rejects(join('two', 'sealed:', randomBytes(32)), /not the key under which/);
      assert.equal(await (await join('three', 'sealed:')).secrets.get('account:a'), '{"secret":"sk-canary-in-clear"}');
      await leave();
    });
  });

  describe('while it is lost', () => {
    let one: ConnectedTeam;
    let two: ConnectedTeam;
    let prefix: string;
    const lost = async (team: ConnectedTeam) => {
      while (team.status().store === 'connected') await new Promise((resolve) => setImmediate(resolve));
    };
    const has = (map: SharedMap, key: string, value: string | undefined) =>
      until(map.onDidChange, () => map.entries().get(key) === value);

    beforeEach(async () => {
      prefix = `lost-${prefixes++}:`;
      [one, two] = [await join('one', prefix), await join('two', prefix)];
      await one.secrets.set('account:a', 'kept');
      await one.health.set('cooling', '1');
      await has(two.health, 'cooling', '1');
      await two.secrets.get('account:a');
      await one.keyRates.begin('limited', { requestsPerMinute: 2, concurrentRequests: 5 });
      await redis.kill();
      await Promise.all([lost(one), lost(two)]);
    });
    afterEach(async () => {
      await leave();
      await redis.kill();
      await redis.start();
    });

    it('goes on with the last state, and owes what it writes', async () => {
      assert.equal(await two.secrets.get('account:a'), 'kept');
      await one.secrets.set('account:b', 'new');
      await one.health.delete('cooling');
      assert.deepEqual([await one.secrets.get('account:b'), one.status().unsent], ['new', 2]);
      assert.deepEqual([...one.health.entries()], []);
      await assert.rejects(one.close(), /1 changed accounts or keys were not written/);
    });

    it('gives back to an empty server what replicas know, each key as it was written last', async () => {
      await one.secrets.set('account:b', 'by one');
      await one.health.delete('cooling');
      await two.secrets.swap?.('account:a', 'kept', 'by two');
      await redis.start();
      await Promise.all([has(one.health, 'cooling', undefined), has(two.health, 'cooling', undefined)]);
      while (one.status().unsent + two.status().unsent > 0) await new Promise((resolve) => setImmediate(resolve));
      while ((await one.secrets.get('account:a')) !== 'by two' || (await two.secrets.get('account:b')) !== 'by one')
        await new Promise((resolve) => setImmediate(resolve));
      const fresh = await join('three', prefix);
      assert.deepEqual(
        [await fresh.secrets.get('account:a'), await fresh.secrets.get('account:b'), [...fresh.health.entries()]],
        ['by two', 'by one', []],
      );
    });

    it('holds client keys to their limits alone, from its last state, and tells that afterwards', async () => {
      const limits = { requestsPerMinute: 2, concurrentRequests: 5 };
      assert.deepEqual(
        [await one.keyRates.begin('limited', limits), (await one.keyRates.begin('limited', limits)).refusedBy],
        [{}, 'requestsPerMinute'],
      );
      assert.deepEqual(
        [await two.keyRates.begin('limited', limits), await two.keyRates.begin('new', limits)],
        [{}, {}],
      );
      await redis.start();
      // Redis has forgotten everything.
      const told = async () => (await readKeyUse(redis.url, prefix, 'new')).two?.split(' ')[0];
      while ((await told()) !== '1') await new Promise((resolve) => setImmediate(resolve));
      while (Object.keys(await readKeyUse(redis.url, prefix, 'limited')).length < 3)
        await new Promise((resolve) => setImmediate(resolve));
      const fresh = await join('three', prefix);
      assert.equal((await fresh.keyRates.begin('limited', limits)).refusedBy, 'requestsPerMinute');
      assert.deepEqual(await fresh.keyRates.begin('new', { concurrentRequests: 2 }), {});
      assert.equal((await fresh.keyRates.begin('new', { concurrentRequests: 2 })).refusedBy, 'concurrentRequests');
    });

    it('renews nothing: two replicas would spend one token', async () => {
      await assert.rejects(
        one.exclusively('refresh:a', async () => assert.fail('must not run')),
        { code: 'upstream_unreachable', scope: 'provider' },
      );
    });
  });

  describe('limits of client keys', () => {
    afterEach(leave);

    it('a Redis that says nothing is not waited for, and is told when it speaks again', async () => {
      const prefix = `stalled-${prefixes++}:`;
      const [one, two] = [await join('one', prefix), await join('two', prefix)];
      const limits = { requestsPerMinute: 4, concurrentRequests: 4 };
      redis.stall();
      try {
        const verdicts = [one, one, one, one, one, two].map(async ({ keyRates }) => keyRates.begin('key', limits));
        assert.deepEqual(
          (await Promise.all(verdicts)).map(({ refusedBy = 'begun' }) => refusedBy),
          [...Array(4).fill('begun'), 'concurrentRequests', 'begun'],
        );
        one.keyRates.end('key');
      } finally {
        redis.resume();
      }
      const open = async () => {
        const { one: first = '', two: second = '' } = await readKeyUse(redis.url, prefix, 'key');
        return [first, second].map((told) => told.split(' ')[0]).join();
      };
      while ((await open()) !== '3,1') await new Promise((resolve) => setImmediate(resolve));
      assert.equal((await two.keyRates.begin('key', limits)).refusedBy, 'concurrentRequests');
    });
    it('forgets what was under way in a replica that died', async () => {
      const prefix = `dead-${prefixes++}:`;
      const [one, two] = [await join('one', prefix), await join('two', prefix)];
      const limits = { concurrentRequests: 1 };
      await one.keyRates.begin('key', limits);
      await one.close();
      assert.equal((await two.keyRates.begin('key', limits)).refusedBy, 'concurrentRequests');
      // As if it had been silent for a while.
      await writeKeyUse(redis.url, `${prefix}key-use:key`, 'one', `1 ${(Date.now() - 16_000) * 1_000}`);
      assert.deepEqual(await two.keyRates.begin('key', limits), {});
      assert.deepEqual(Object.keys(await readKeyUse(redis.url, prefix, 'key')), ['two']);
    });
  });

  it('says what is wrong where it cannot join, without the address', async () => {
    const url = redis.url.replace('redis://', 'redis://nobody:pass-canary@');
    const options = {
      prefix: 'x:',
      stateKey,
      replica: 'r',
      allowsSingleUserPlans: false,
      logger: createMemoryLogger(),
    };
    await assert.rejects(connectTeam({ ...options, url }), (error: Error) => {
      assert.match(error.message, /Redis cannot be reached \(WRONGPASS\)/);
      assert.ok(!error.message.includes('canary'));
      return true;
    });
    await assert.rejects(connectTeam({ ...options, url: 'redis://127.0.0.1:1' }), /ECONNREFUSED/);
  });
});

/** Every key and value of the server. */
async function readEverything(url: string): Promise<string> {
  const { createClient } = await import('@redis/client');
  const client = await createClient({ url }).connect();
  const texts: string[] = [];
  for (const key of await client.keys('*')) {
    const type = await client.type(key);
    texts.push(key, type);
    if (type === 'hash') texts.push(JSON.stringify(await client.hGetAll(key)));
    else if (type === 'zset') texts.push(JSON.stringify(await client.zRange(key, 0, -1)));
    else if (type === 'string') texts.push((await client.get(key)) ?? '');
    else throw new Error(`unknown type ${type}`);
  }
  client.destroy();
  return texts.join('\n');
}

/** How a client key of the team with this prefix stands in Redis, by replica. */
async function readKeyUse(url: string, prefix: string, key: string): Promise<Record<string, string>> {
  const { createClient } = await import('@redis/client');
  const client = await createClient({ url }).connect();
  const use = { ...(await client.hGetAll(`${prefix}key-use:${key}`)) };
  client.destroy();
  return use;
}

async function writeKeyUse(url: string, name: string, replica: string, text: string): Promise<void> {
  const { createClient } = await import('@redis/client');
  const client = await createClient({ url }).connect();
  await client.hSet(name, replica, text);
  client.destroy();
}
