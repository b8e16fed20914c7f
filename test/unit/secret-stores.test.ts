import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, open as openFile, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { createFileLocks } from '../../src/cli/file-lock.ts';
import { createFileSecrets } from '../../src/cli/file-secrets.ts';
import { createEmitter } from '../../src/core/emitter.ts';
import { lockContract } from '../support/lock-contract.ts';
import { secretStoreContract } from '../support/secret-store-contract.ts';

type FileSecrets = ReturnType<typeof createFileSecrets>;

describe('secrets in memory', () => {
  secretStoreContract(async () => {
    const entries = new Map<string, string>();
    const changed = createEmitter<void>();
    return {
      open: () => ({
        keys: async () => [...entries.keys()],
        get: async (key) => entries.get(key),
        async set(key, value) {
          entries.set(key, value);
          changed.fire();
        },
        async delete(key) {
          entries.delete(key);
          changed.fire();
        },
        onDidChange: changed.event,
      }),
      dispose: async () => {},
    };
  });
});

describe('secrets in a file', () => {
  let parent: string;
  let directory: string;
  let path: string;
  let lock: string;
  const opened: FileSecrets[] = [];
  const open = () => {
    const store = createFileSecrets(directory);
    opened.push(store);
    return store;
  };
  const create = async () => {
    parent = await mkdtemp(join(tmpdir(), 'qwen-secrets-'));
    directory = join(parent, 'state', 'home');
    path = join(directory, 'accounts.json');
    lock = join(directory, 'accounts.lock');
  };
  const dispose = async () => {
    for (const store of opened.splice(0)) store.close();
    await rm(parent, { recursive: true });
  };
  const mode = async (of: string) => ((await stat(of)).mode & 0o777).toString(8);
  const age = (of: string, seconds: number) => {
    const then = new Date(Date.now() - seconds * 1_000);
    return utimes(of, then, then);
  };

  secretStoreContract(async () => {
    await create();
    return { open, dispose };
  });

  lockContract(async () => {
    await create();
    return { open: async () => createFileLocks(directory), dispose };
  });

  describe('on the disk', () => {
    beforeEach(create);
    afterEach(dispose);

    it('is for its user alone, folders too', async () => {
      const store = open();
      await store.set('account:a', '1');
      assert.deepEqual(
        [await mode(path), await mode(directory), await mode(join(parent, 'state'))],
        ['600', '700', '700'],
      );
      await chmod(path, 0o644);
      await chmod(directory, 0o755);
      await store.set('account:a', '2');
      assert.deepEqual([await mode(path), await mode(directory)], ['600', '700']);
    });

    it('leaves nothing else behind', async () => {
      await Promise.all([open().set('account:a', '1'), open().set('account:b', '2')]);
      assert.deepEqual(await readdir(directory), ['accounts.json']);
    });

    for (const [what, text] of [
      ['torn', '{"version":1,"secrets":{"account:a":"1'],
      ['empty', ''],
      ['of a newer version', '{"version":2,"secrets":{}}'],
      ['of another shape', '{"version":1,"secrets":{"account:a":{"key":"x"}}}'],
    ] as const) {
      it(`never overwrites a file that is ${what}`, async () => {
        await open().set('account:a', '1');
        await writeFile(path, text);
        const store = open();
        for (const work of [
          () => store.keys(),
          () => store.get('account:a'),
          () => store.set('account:b', '2'),
          () => store.delete('account:a'),
        ])
          await assert.rejects(work, /accounts\.json is not a readable accounts file/);
        assert.equal(await readFile(path, 'utf8'), text);
        assert.deepEqual(await readdir(directory), ['accounts.json']);
      });
    }

    it('goes on after a write that failed', async () => {
      const store = open();
      await store.set('account:a', '1');
      const text = await readFile(path, 'utf8');
      await writeFile(path, 'broken');
      await assert.rejects(store.set('account:b', '2'));
      await writeFile(path, text);
      await store.set('account:b', '2');
      assert.deepEqual((await store.keys()).toSorted(), ['account:a', 'account:b']);
    });

    it('does not mind what a crash left of a half-written file', async () => {
      const store = open();
      await store.set('account:a', '1');
      await writeFile(`${path}.123.abc.tmp`, '{"version":1,"secr');
      await store.set('account:b', '2');
      assert.deepEqual((await open().keys()).toSorted(), ['account:a', 'account:b']);
    });

    it('waits for whoever holds the lock, and leaves that lock alone', async () => {
      const store = open();
      await store.set('account:a', '1');
      await writeFile(lock, 'somebody else\n');
      let isDone = false;
      const written = store.set('account:b', '2').then(() => {
        isDone = true;
      });
      // Reads take no lock.
      assert.deepEqual(await store.keys(), ['account:a']);
      assert.deepEqual([isDone, await readFile(lock, 'utf8')], [false, 'somebody else\n']);
      await rm(lock);
      await written;
      assert.deepEqual(await readdir(directory), ['accounts.json']);
    });

    it('keeps a lock young while its work goes on, and gives up on one that is held for too long', async () => {
      const path = join(directory, 'refresh-a.lock');
      await createFileLocks(directory, { touchMs: 5 })('refresh:a', async () => {
        await age(path, 60);
        while (Date.now() - (await stat(path)).mtimeMs > 30_000);
        await assert.rejects(
          createFileLocks(directory, { patienceMs: 0 })('refresh:a', async () => assert.fail('must not run')),
          { code: 'upstream_timeout', scope: 'provider' },
        );
      });
      await assert.rejects(stat(path), { code: 'ENOENT' });
    });

    it('takes over a lock that a dead process left, also if many want it', async () => {
      await open().set('account:a', '1');
      await writeFile(lock, '99999\n');
      await age(lock, 11);
      await Promise.all(Array.from({ length: 6 }, (_, index) => open().set(`account:${index}`, `${index}`)));
      assert.equal((await open().keys()).length, 7);
      assert.deepEqual(await readdir(directory), ['accounts.json']);
    });

    it('does not release the lock of whoever took it over', async function () {
      if (process.platform === 'win32') this.skip();
      const store = open();
      await store.set('account:a', '1');
      // A pipe in place of the file holds the writer where it has the lock and reads.
      await rm(path);
      execFileSync('mkfifo', [path]);
      const written = store.set('account:b', '2');
      const pipe = await openFile(path, 'w');
      await writeFile(lock, 'another owner\n');
      await pipe.writeFile('{"version":1,"secrets":{}}');
      await pipe.close();
      await written;
      assert.equal(await readFile(lock, 'utf8'), 'another owner\n');
    });

    it('announces a write that came between reading and listening', async () => {
      const store = open();
      await store.keys();
      await open().set('account:a', '1');
      await new Promise<void>((resolve) => store.onDidChange(resolve));
    });

    it('goes on announcing to one when another one on the same file is closed', async () => {
      const [first, second] = [open(), open()];
      await Promise.all([first.keys(), second.keys()]);
      first.onDidChange(() => {});
      const heard = new Promise<void>((resolve) => second.onDidChange(resolve));
      first.close();
      await open().set('account:a', '1');
      await heard;
    });

    it('announces nothing while nothing changes', async () => {
      const store = open();
      await store.set('account:a', '1');
      await store.keys();
      let count = 0;
      store.onDidChange(() => count++);
      // Heard by the other one: a whole round of looking has passed.
      const other = open();
      await new Promise<void>((resolve) => other.onDidChange(resolve));
      assert.equal(count, 0);
    });
  });
});
