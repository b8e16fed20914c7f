import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { utimesSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import { createLinkedCredentials, type LinkedCredentials } from '../../src/accounts/linked-credentials.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { type FileTokens, readQwenCodeFile, writeQwenCodeFile } from '../support/qwen-code-file.ts';

describe('linked credentials', () => {
  let directory: string;
  let file: string;
  let lock: string;
  let clock: FakeClock;
  let linked: LinkedCredentials;
  const old: FileTokens = { accessToken: 'old', refreshToken: 'refresh-old', expiresAtMs: 1 };
  const fresh = { accessToken: 'new', refreshToken: 'refresh-new', expiresAtMs: 9 };
  const failing = async (): Promise<never> => {
    throw new GatewayError('unauthorized', 'refused');
  };
  const never = async (): Promise<never> => assert.fail('must not refresh');
  const files = () => readdir(directory);

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'qwen-linked-'));
    file = join(directory, 'oauth_creds.json');
    lock = join(directory, 'oauth_creds.lock');
    clock = createFakeClock();
    linked = createLinkedCredentials(clock);
    await writeQwenCodeFile(file, old, { resource_url: 'portal.qwen.ai' });
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('reads the file again once it changed', async () => {
    assert.deepEqual(await linked.read(file), { ...old, resourceUrl: 'portal.qwen.ai' });
    assert.equal(await linked.read(file), await linked.read(file), 'not before');
    await writeQwenCodeFile(file, fresh);
    assert.equal((await linked.read(file)).accessToken, 'new');
  });
  for (const [what, text] of [
    ['is no JSON', 'x'],
    ['lacks a token', '{"access_token":"a","token_type":"Bearer","expiry_date":1}'],
    ['lacks a type', '{"access_token":"a","refresh_token":"b","expiry_date":1}'],
    ['has an expiry of words', '{"access_token":"a","refresh_token":"b","token_type":"Bearer","expiry_date":"soon"}'],
  ] as const)
    it(`takes no file that ${what}`, async () => {
      await writeFile(file, text);
      await assert.rejects(linked.read(file), { code: 'unauthorized', message: /no usable tokens in / });
    });
  it('says that the file is gone', async () => {
    await rm(file);
    await assert.rejects(linked.read(file), { code: 'unauthorized', fix: /Sign in again/ });
  });

  describe('renew', () => {
    it('writes in qwen-code’s own format, 0600, all other fields kept, under the lock', async () => {
      let held = '';
      const { secret, isRefreshed } = await linked.renew(file, 'old', async (refreshToken) => {
        assert.equal(refreshToken, 'refresh-old');
        held = await readFile(lock, 'utf8');
        return fresh;
      });
      assert.match(held, /^[\da-f]{8}-[\da-f-]{27}$/);
      assert.deepEqual([secret.accessToken, isRefreshed], ['new', true]);
      assert.deepEqual(await readQwenCodeFile(file), {
        access_token: 'new',
        refresh_token: 'refresh-new',
        token_type: 'Bearer',
        expiry_date: 9,
        id_token: 'kept-as-it-is',
        resource_url: 'portal.qwen.ai',
      });
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.deepEqual(await files(), ['oauth_creds.json']);
      assert.equal(clock.sleepers, 0);
    });
    it('keeps the old refresh token where none came', async () => {
      await linked.renew(file, 'old', async () => ({ accessToken: 'new', expiresAtMs: 9 }));
      assert.equal((await readQwenCodeFile(file)).refresh_token, 'refresh-old');
    });
    it('adopts what somebody else has written', async () => {
      await linked.read(file);
      await writeQwenCodeFile(file, fresh);
      const { secret, isRefreshed } = await linked.renew(file, 'old', never);
      assert.deepEqual([secret.accessToken, isRefreshed], ['new', false]);
    });
    it('adopts what a program without a lock writes while the refresh is refused', async () => {
      const { secret } = await linked.renew(file, 'old', async () => {
        await writeQwenCodeFile(file, fresh);
        return failing();
      });
      assert.equal(secret.accessToken, 'new');
    });
    it('leaves the file alone when the refresh is refused', async () => {
      const before = await readFile(file, 'utf8');
      await assert.rejects(linked.renew(file, 'old', failing), { code: 'unauthorized' });
      assert.equal(await readFile(file, 'utf8'), before);
      assert.deepEqual(await files(), ['oauth_creds.json']);
    });
    it('lets a link be a link', async () => {
      const link = join(directory, 'oauth_creds_link.json');
      await symlink(file, link);
      await linked.renew(link, 'old', async () => fresh);
      assert.equal((await readQwenCodeFile(file)).access_token, 'new');
    });
  });

  describe('lock', () => {
    const hold = async (ageMs: number) => {
      await writeFile(lock, 'another');
      const seconds = (clock.now() - ageMs) / 1000;
      await utimes(lock, seconds, seconds);
    };
    /** Moves the clock only where somebody waits, so that file accesses between two pauses take the time they need. */
    const pass = async (work: Promise<unknown>, beforeEachStep: () => void = () => {}): Promise<number> => {
      const startMs = clock.now();
      let isSettled = false;
      const settled = work.then(
        () => true,
        () => true,
      );
      void settled.then(() => {
        isSettled = true;
      });
      while (!isSettled) {
        beforeEachStep();
        if (clock.sleepers > 0) await clock.advance(50);
        else await Promise.race([settled, new Promise((resolve) => setImmediate(resolve))]);
      }
      return clock.now() - startMs;
    };

    it('waits for its owner, and gives up in the end', async () => {
      await hold(0);
      const work = linked.renew(file, 'old', never);
      const waitedMs = await pass(work, () => utimesSync(lock, clock.now() / 1000, clock.now() / 1000));
      await assert.rejects(work, { code: 'upstream_timeout', scope: 'provider', message: /holds the lock/ });
      // 100 ms × 1.5 up to 2 s, twenty times.
      assert.ok(waitedMs >= 29_000 && waitedMs <= 30_500, `${waitedMs} ms`);
      assert.equal(await readFile(lock, 'utf8'), 'another');
    });
    it('goes on as soon as it is free, with what stands in the file by then', async () => {
      await hold(0);
      const work = linked.renew(file, 'old', never);
      while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
      await writeQwenCodeFile(file, fresh);
      await rm(lock);
      await pass(work);
      assert.equal((await work).secret.accessToken, 'new');
    });
    it('takes over one that is older than ten seconds', async () => {
      await hold(10_001);
      const { isRefreshed } = await linked.renew(file, 'old', async () => fresh);
      assert.equal(isRefreshed, true);
      assert.deepEqual(await files(), ['oauth_creds.json']);
    });
    it('leaves one that is ten seconds old to its owner', async () => {
      await hold(9_000);
      const work = linked.renew(file, 'old', async () => fresh);
      while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(await readFile(lock, 'utf8'), 'another');
      await pass(work);
    });
    it('is kept young while a refresh takes its time, and not removed once it is another’s', async () => {
      const gate = Promise.withResolvers<void>();
      const work = linked.renew(file, 'old', async () => {
        await gate.promise;
        return fresh;
      });
      while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
      for (let touches = 0; touches < 4; touches++) {
        await clock.advance(3_000);
        while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
        assert.equal((await stat(lock)).mtimeMs, clock.now());
      }
      await writeFile(lock, 'another');
      gate.resolve();
      await work;
      assert.equal(await readFile(lock, 'utf8'), 'another');
    });
  });

  describe('between processes', () => {
    let simulator: Simulator;
    before(async () => {
      simulator = await startSimulator();
    });
    after(() => simulator.close());

    it('is refreshed once, and both end with the new token', async () => {
      const { accessToken, refreshToken } = simulator.oauth.issueTokens();
      await writeQwenCodeFile(file, { accessToken, refreshToken, expiresAtMs: Date.now() - 1 });
      const script = join(import.meta.dirname, '..', 'support', 'refresh-linked-file.ts');
      const children = [0, 1, 2].map(() => {
        const child = spawn(process.execPath, [script, file, simulator.origin], {
          stdio: ['pipe', 'pipe', 'inherit'],
        });
        return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
      });
      for (const { lines } of children) assert.equal((await lines.next()).value, 'ready');
      const ends = children.map(({ child }) => once(child, 'close'));
      for (const { child } of children) child.stdin.write('go\n');
      const tokens = await Promise.all(children.map(async ({ lines }) => (await lines.next()).value));
      await Promise.all(ends);
      assert.equal(simulator.oauth.refreshCount, 1);
      const written = (await readQwenCodeFile(file)).access_token;
      assert.notEqual(written, accessToken);
      assert.deepEqual(new Set(tokens), new Set([written]));
      assert.ok(simulator.oauth.acceptsAccessToken(String(written)));
      assert.deepEqual(await files(), ['oauth_creds.json']);
    });
  });
});
