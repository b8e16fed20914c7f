import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import { type ControlFixture, startControlFixture } from '../support/control-fixture.ts';
import { readQwenCodeFile, writeQwenCodeFile } from '../support/qwen-code-file.ts';

describe('account control', () => {
  let fixture: ControlFixture;
  let file: string;
  before(async () => {
    fixture = await startControlFixture();
  });
  beforeEach(async () => {
    await fixture.begin();
    file = join(fixture.qwenDirectory, 'oauth_creds.json');
  });
  afterEach(() => fixture.end());
  after(() => fixture.close());

  const write = async (path = file) => {
    const tokens = fixture.simulator.oauth.issueTokens();
    await writeQwenCodeFile(path, tokens, { resource_url: `${fixture.simulator.origin}/portal` });
    return tokens;
  };
  const lastKey = () => fixture.simulator.chatRequests.at(-1)?.key;
  const refused = (message: RegExp) => ({ name: 'InputError', message });

  describe('linked accounts', () => {
    it('finds qwen-code’s files that hold tokens', async () => {
      assert.deepEqual(await fixture.proxy.linkableFiles(), []);
      await write();
      await write(join(fixture.qwenDirectory, 'oauth_creds_work.json'));
      await write(join(fixture.qwenDirectory, 'other.json'));
      await writeQwenCodeFile(join(fixture.qwenDirectory, 'oauth_creds_old.json'), {
        accessToken: '',
        refreshToken: '',
        expiresAtMs: 0,
      });
      assert.deepEqual(await fixture.proxy.linkableFiles(), [
        file,
        join(fixture.qwenDirectory, 'oauth_creds_work.json'),
      ]);
    });

    it('uses the file’s token, keeps none of its own, and shows none', async () => {
      const { accessToken, refreshToken } = await write();
      const { account, verdict } = await fixture.proxy.linkAccount({});
      assert.deepEqual(
        [account.id, account.kind, account.linkedFile, verdict?.ok],
        ['qwen-code', 'oauth-device', file, true],
      );
      assert.equal(lastKey(), accessToken);
      const everything = JSON.stringify([...fixture.secrets.entries, await fixture.proxy.snapshot()]);
      for (const token of [accessToken, refreshToken]) assert.equal(everything.includes(token), false);
      assert.deepEqual(await fixture.proxy.linkableFiles(), []);
    });

    it('follows the file', async () => {
      await write();
      await fixture.proxy.linkAccount({ id: 'mine' });
      const { accessToken } = await write();
      assert.equal((await fixture.proxy.testAccount('mine')).ok, true);
      assert.equal(lastKey(), accessToken);
      assert.equal(fixture.simulator.oauth.refreshCount, 0);
    });

    it('renews a token in the file, before it ends and after a 401', async () => {
      const { accessToken } = await write();
      await fixture.proxy.linkAccount({ id: 'mine' });
      fixture.clock.set(fixture.clock.now() + 21_600_000 - 1_000);
      assert.equal((await fixture.proxy.testAccount('mine')).ok, true);
      const renewed = (await readQwenCodeFile(file)).access_token;
      assert.notEqual(renewed, accessToken);
      assert.equal(lastKey(), renewed);
      fixture.simulator.oauth.revokeAccessTokens();
      assert.equal((await fixture.proxy.testAccount('mine')).ok, true);
      assert.deepEqual(
        [fixture.simulator.oauth.refreshCount, lastKey()],
        [2, (await readQwenCodeFile(file)).access_token],
      );
    });

    it('needs the user once the file is gone or dead, and never deletes it', async () => {
      await write();
      await fixture.proxy.linkAccount({ id: 'mine' });
      fixture.simulator.oauth.refreshDead();
      fixture.simulator.oauth.revokeAccessTokens();
      assert.equal((await fixture.proxy.testAccount('mine')).code, 'unauthorized');
      assert.deepEqual(await readdir(fixture.qwenDirectory), ['oauth_creds.json']);
      await rm(file);
      const { code, message } = await fixture.proxy.testAccount('mine');
      assert.deepEqual([code, message], ['unauthorized', `There are no usable tokens in ${file}.`]);
    });

    it('puts a new sign-in into the file', async () => {
      await write();
      await fixture.proxy.linkAccount({ id: 'mine' });
      await rm(file);
      const { handle } = await fixture.proxy.startSignIn({ id: 'mine' });
      fixture.simulator.oauth.approve();
      await fixture.clock.advance(2_000);
      const poll = await fixture.proxy.pollSignIn(handle);
      assert.ok(poll.status === 'complete' && poll.verdict.ok, JSON.stringify(poll));
      const document = await readQwenCodeFile(file);
      assert.deepEqual([lastKey(), document.token_type], [document.access_token, 'Bearer']);
      const stored = fixture.stored('mine');
      assert.equal(stored?.kind === 'oauth-device' && stored.secret.accessToken, '');
    });

    it('links a file once, and none that holds no tokens', async () => {
      await assert.rejects(fixture.proxy.linkAccount({}), refused(/no sign-in file in .* to link/));
      await assert.rejects(fixture.proxy.linkAccount({ file }), refused(/no usable tokens in /));
      await write();
      await fixture.proxy.linkAccount({ file });
      await assert.rejects(fixture.proxy.linkAccount({ file }), refused(/is linked to .* already/));
      await write(join(fixture.qwenDirectory, 'oauth_creds_a.json'));
      await write(join(fixture.qwenDirectory, 'oauth_creds_b.json'));
      await assert.rejects(fixture.proxy.linkAccount({}), refused(/several sign-in files; name one of them: .*_a.*_b/));
      const named = await fixture.proxy.linkAccount({ file: join(fixture.qwenDirectory, 'oauth_creds_a.json') });
      assert.equal(named.account.id, 'qwen-code-a');
    });

    it('stays out of an export', async () => {
      await write();
      await fixture.proxy.linkAccount({ id: 'mine' });
      await fixture.add({ id: 'a' });
      const { count, leftOut } = await fixture.proxy.exportAccounts({ passphrase: 'long enough' });
      assert.deepEqual([count, leftOut], [1, ['mine']]);
    });
  });
});
