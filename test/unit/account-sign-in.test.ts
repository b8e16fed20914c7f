import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import type { AccountSummary } from '../../src/core/control.ts';
import { type ControlFixture, startControlFixture } from '../support/control-fixture.ts';

describe('account control', () => {
  let fixture: ControlFixture;
  before(async () => {
    fixture = await startControlFixture();
  });
  beforeEach(() => fixture.begin());
  afterEach(() => fixture.end());
  after(() => fixture.close());
  const refused = (message: RegExp | string) => ({ name: 'InputError', message });

  describe('sign-in', () => {
    const start = (id?: string) => fixture.proxy.startSignIn(id === undefined ? {} : { id });
    const complete = async (handle: string): Promise<AccountSummary> => {
      await fixture.clock.advance(2_000);
      const poll = await fixture.proxy.pollSignIn(handle);
      assert.ok(poll.status === 'complete', JSON.stringify(poll));
      return poll.account;
    };

    it('adds an account whose token works, and tests it with a token of an answer', async () => {
      const { handle, userCode, intervalMs } = await start('mine');
      assert.equal(intervalMs, 2_000);
      fixture.simulator.oauth.approve(userCode);
      await fixture.clock.advance(2_000);
      const poll = await fixture.proxy.pollSignIn(handle);
      assert.ok(poll.status === 'complete');
      assert.deepEqual([poll.account.id, poll.account.kind, poll.account.plan], ['mine', 'oauth-device', 'oauth']);
      assert.match(poll.verdict.message, /^Connected to .*: 1 model\.$/);
      assert.equal(fixture.simulator.chatRequests.length, 1);
      assert.equal(
        JSON.stringify(await fixture.proxy.snapshot()).includes(fixture.simulator.chatRequests[0]?.key ?? ''),
        false,
      );
    });

    it('tells an account whose service has ended by its first answer', async () => {
      fixture.simulator.oauth.serviceEnded = true;
      const { handle } = await start();
      fixture.simulator.oauth.approve();
      await fixture.clock.advance(2_000);
      const poll = await fixture.proxy.pollSignIn(handle);
      assert.ok(poll.status === 'complete');
      assert.deepEqual([poll.verdict.ok, poll.verdict.code], [false, 'service_ended']);
      assert.equal(fixture.simulator.oauth.refreshCount, 1);
      assert.equal(fixture.simulator.chatRequests.length, 2);
    });

    it('adds the account once for two lookers, who are told the same', async () => {
      const { handle } = await start();
      fixture.simulator.oauth.approve();
      await fixture.clock.advance(2_000);
      const [one, two] = await Promise.all([fixture.proxy.pollSignIn(handle), fixture.proxy.pollSignIn(handle)]);
      assert.ok(one.status === 'complete');
      assert.deepEqual(one, two);
      assert.deepEqual(
        [await fixture.ids(), fixture.simulator.oauth.devicePolls, fixture.simulator.chatRequests.length],
        [['qwen'], 1, 1],
      );
      assert.deepEqual(await fixture.proxy.pollSignIn(handle), { status: 'expired' });
    });

    it('gives every sign-in an id of its own', async () => {
      const flows = [await start(), await start()];
      fixture.simulator.oauth.approve(flows[0]?.userCode);
      fixture.simulator.oauth.approve(flows[1]?.userCode);
      for (const { handle } of flows) await complete(handle);
      assert.deepEqual(await fixture.ids(), ['qwen', 'qwen-2']);
    });

    it('overwrites nobody who took the id while the user was signing in', async () => {
      const { handle } = await start('mine');
      await fixture.add({ id: 'mine', label: 'the other' });
      fixture.simulator.oauth.approve();
      assert.equal((await complete(handle)).id, 'mine-2');
      assert.equal(fixture.stored('mine')?.label, 'the other');
    });

    it('refuses an id that is taken, before anybody signs in', async () => {
      await fixture.add({ id: 'mine' });
      await assert.rejects(start('mine'), refused(/already/));
      await assert.rejects(start('NO'), refused(/cannot be an account id/));
      assert.equal(fixture.simulator.requests.length, 0);
    });

    it('adds nothing after a cancel', async () => {
      const { handle } = await start();
      fixture.simulator.oauth.approve();
      await fixture.proxy.cancelSignIn(handle);
      await fixture.clock.advance(2_000);
      assert.deepEqual(await fixture.proxy.pollSignIn(handle), { status: 'expired' });
      assert.deepEqual(await fixture.ids(), []);
    });

    it('says in words what went wrong', async () => {
      fixture.simulator.oauth.waf();
      await assert.rejects(start(), /The sign-in server answered 200 without JSON/);
      const { handle } = await start();
      fixture.simulator.oauth.waf(99);
      for (let index = 0; index < 4; index++) {
        await fixture.clock.advance(10_000);
        assert.equal((await fixture.proxy.pollSignIn(handle)).status, 'pending');
      }
      await fixture.clock.advance(10_000);
      const poll = await fixture.proxy.pollSignIn(handle);
      assert.ok(poll.status === 'failed');
      assert.match(poll.message, /without JSON/);
    });
  });
});
