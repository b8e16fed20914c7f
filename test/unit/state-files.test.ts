import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { Health } from '../../src/accounts/health.ts';
import { readHealth, writeHealth } from '../../src/gateway/health-file.ts';
import { createHealthKeeper, type HealthKeeper } from '../../src/gateway/health-keeper.ts';
import { createStateFiles } from '../../src/gateway/state-files.ts';
import { createMemoryLogger } from '../support/accounts.ts';
import { healthContract } from '../support/health-contract.ts';
import { stateStoreContract } from '../support/state-store-contract.ts';

describe('state files', () => {
  let parent: string;
  let directory: string;
  const logger = createMemoryLogger();
  const open = () => createStateFiles(directory, logger);
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'qwen-state-'));
    directory = join(parent, 'home');
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));

  stateStoreContract(async () => ({ open: async () => open(), dispose: async () => {} }));

  it('are for their user alone, and leave nothing half-written', async () => {
    await open().write('health', 1);
    const modes = await Promise.all(
      [join(directory, 'health.json'), directory].map(async (path) => ((await stat(path)).mode & 0o777).toString(8)),
    );
    assert.deepEqual([modes, await readdir(directory)], [['600', '700'], ['health.json']]);
  });

  it('end with the newest state, however fast states follow one another', async () => {
    const state = open();
    for (let round = 0; round < 10; round++) {
      const writes = Array.from({ length: 20 }, (_, index) => state.write('health', { round, index }));
      await Promise.all(writes);
      assert.deepEqual(await state.read('health'), { round, index: 19 });
    }
  });

  it('write what a state was when it was given', async () => {
    const state = open();
    const value = { count: 1 };
    const written = state.write('health', value);
    value.count = 2;
    await written;
    assert.deepEqual(await state.read('health'), { count: 1 });
  });

  it('are no reason to fail: an unwritable folder is logged, a broken file is none', async () => {
    await writeFile(directory, 'a file where the folder should be');
    await open().write('health', 1);
    assert.equal(logger.lines.at(-1)?.level, 'warn');
    await rm(directory);
    const state = open();
    await state.write('health', 1);
    await writeFile(join(directory, 'health.json'), '{"torn');
    assert.equal(await state.read('health'), undefined);
  });

  describe('health', () => {
    const health = new Map<string, Health>([
      ['a', [{ code: 'rate_limited', model: 'm', sinceMs: 1, untilMs: 2, count: 3, reason: 'why', fix: 'how' }]],
      ['b', [{ code: 'unauthorized', sinceMs: 1, untilMs: null, count: 1, reason: 'why' }]],
    ]);

    it('is empty where the document cannot be read', async () => {
      const state = open();
      assert.deepEqual(await readHealth(state), new Map());
      await writeHealth(state, health);
      const path = join(directory, 'health.json');
      const text = await readFile(path, 'utf8');
      for (const broken of ['', text.replace('"version":1', '"version":2'), '{"version":1,"accounts":[]}']) {
        await writeFile(path, broken);
        assert.deepEqual(await readHealth(state), new Map());
      }
      for (const [from, to] of [
        ['rate_limited', 'toString'],
        ['"untilMs":2', '"untilMs":"2"'],
      ] as const) {
        await writeFile(path, text.replace(from, to));
        assert.deepEqual([...(await readHealth(state)).keys()], ['b'], 'the other entries are readable');
      }
    });

    healthContract(async () => {
      const keepers: HealthKeeper[] = [];
      return {
        async open(createPool) {
          const state = open();
          const keeper = createHealthKeeper(state);
          keepers.push(keeper);
          const pool = createPool(() => keeper.save(pool.health));
          pool.restore(await readHealth(state));
          return pool;
        },
        settled: async () => void (await Promise.all(keepers.map((keeper) => keeper.settled()))),
        async plant(id, entry) {
          const path = join(directory, 'health.json');
          const document = JSON.parse(await readFile(path, 'utf8'));
          document.accounts[id] = [...(document.accounts[id] ?? []), entry];
          await writeFile(path, JSON.stringify(document));
        },
        dispose: async () => {},
      };
    });
  });
});
