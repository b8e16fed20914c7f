import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import type { SignInPoll } from '../../src/core/sign-in.ts';
import { planTable } from '../../src/upstream/plan-table.ts';
import { planTerms } from '../../src/vscode/plan-terms.ts';
import { type ControlFixture, controlKey as key, startControlFixture } from '../support/control-fixture.ts';

describe('account control', () => {
  let fixture: ControlFixture;
  before(async () => {
    fixture = await startControlFixture();
  });
  beforeEach(() => fixture.begin());
  afterEach(() => fixture.end());
  after(() => fixture.close());

  describe('sign in again', () => {
    const signIn = async (id: string, meanwhile: () => Promise<unknown> = async () => {}): Promise<SignInPoll> => {
      const { handle } = await fixture.proxy.startSignIn({ id });
      await meanwhile();
      fixture.simulator.oauth.approve();
      await fixture.clock.advance(2_000);
      return fixture.proxy.pollSignIn(handle);
    };
    const tokenOf = (id: string) => {
      const account = fixture.stored(id);
      return account?.kind === 'oauth-device' ? account.secret.accessToken : undefined;
    };
    beforeEach(async () => {
      await signIn('mine');
      await fixture.add({ id: 'other' });
      await fixture.proxy.moveAccount('mine', 1);
      await fixture.proxy.setAccountGroup('mine', 'main');
      await fixture.proxy.setAccountEnabled('mine', false);
    });

    it('renews the tokens in place, and ends what stood against the account', async () => {
      const before = fixture.stored('mine');
      const poll = await signIn('mine');
      assert.ok(poll.status === 'complete' && poll.verdict.ok, JSON.stringify(poll));
      const renewed = fixture.stored('mine');
      assert.ok(before?.kind === 'oauth-device' && renewed?.kind === 'oauth-device');
      assert.notEqual(renewed.secret.accessToken, before.secret.accessToken);
      assert.equal(fixture.simulator.chatRequests.at(-1)?.key, renewed.secret.accessToken);
      assert.deepEqual(renewed, { ...before, secret: renewed.secret, clearedAtMs: fixture.clock.now() });
      assert.deepEqual(await fixture.ids(), ['other', 'mine']);
    });
    it('keeps what the user changes meanwhile', async () => {
      await signIn('mine', () => fixture.proxy.setAccountEnabled('mine', true));
      assert.equal(fixture.stored('mine')?.enabled, true);
    });
    it('adds the account anew where it was removed meanwhile', async () => {
      const poll = await signIn('mine', () => fixture.proxy.removeAccount('mine'));
      assert.ok(poll.status === 'complete');
      assert.deepEqual([poll.account.id, poll.account.enabled], ['mine', true]);
    });
    it('touches nothing of an account of another kind that took the id meanwhile', async () => {
      const poll = await signIn('mine', async () => {
        await fixture.proxy.removeAccount('mine');
        await fixture.add({ id: 'mine', label: 'A key' });
      });
      assert.ok(poll.status === 'complete');
      assert.equal(poll.account.id, 'mine-2');
      assert.equal(fixture.stored('mine')?.label, 'A key');
    });
    it('changes nothing when it is denied', async () => {
      const before = tokenOf('mine');
      const { handle } = await fixture.proxy.startSignIn({ id: 'mine' });
      fixture.simulator.oauth.deny();
      await fixture.clock.advance(2_000);
      assert.equal((await fixture.proxy.pollSignIn(handle)).status, 'denied');
      assert.equal(tokenOf('mine'), before);
    });
    it('is not offered for the id of a key', async () => {
      await assert.rejects(fixture.proxy.startSignIn({ id: 'other' }), { name: 'InputError', message: /already/ });
    });
  });

  describe('billing days', () => {
    beforeEach(() => fixture.proxy.addAccount({ id: 'a', plan: 'coding-cn', key, probe: false }));
    const account = async () => (await fixture.accounts())[0];
    const monthEnds = async () => (await account())?.windows.find(({ name }) => name === 'month')?.resetsMs;

    it('turn the month over, are kept and taken away', async () => {
      const before = await monthEnds();
      const day = (new Date((before ?? 0) + 8 * 3_600_000).getUTCDate() % 28) + 1;
      await fixture.proxy.setAccountBillingDay('a', day);
      await fixture.restart();
      assert.equal((await account())?.billingDay, day);
      assert.equal(new Date(((await monthEnds()) ?? 0) + 8 * 3_600_000).getUTCDate(), day);
      for (const none of [undefined, null as unknown as undefined]) {
        await fixture.proxy.setAccountBillingDay('a', day);
        await fixture.proxy.setAccountBillingDay('a', none);
        assert.deepEqual([(await account())?.billingDay, await monthEnds()], [undefined, before]);
      }
    });
    it('are days of a month, of an account', async () => {
      for (const day of [0, 32, 1.5])
        await assert.rejects(fixture.proxy.setAccountBillingDay('a', day), { name: 'InputError', message: /1 to 31/ });
      await assert.rejects(fixture.proxy.setAccountBillingDay('nobody', 1), { message: /There is no account/ });
    });
  });

  describe('groups', () => {
    beforeEach(() => fixture.add({ id: 'a' }));
    const group = async () => (await fixture.accounts())[0]?.group;

    it('are given, shown, kept and taken away', async () => {
      await fixture.proxy.setAccountGroup('a', '  Main ');
      assert.equal(await group(), 'Main');
      await fixture.restart();
      assert.equal(await group(), 'Main');
      await fixture.proxy.setAccountGroup('a');
      assert.equal(await group(), undefined);
      assert.equal(fixture.secrets.entries.get('account:a')?.includes('group'), false);
    });
    it('are none for a blank name, nor for the null of another window', async () => {
      for (const none of [' ', null as unknown as undefined]) {
        await fixture.proxy.setAccountGroup('a', 'Main');
        await fixture.proxy.setAccountGroup('a', none);
        assert.equal(await group(), undefined);
      }
    });
    it('have a name of some length, and an account', async () => {
      await assert.rejects(fixture.proxy.setAccountGroup('a', 'x'.repeat(65)), { name: 'InputError', message: /64/ });
      await assert.rejects(fixture.proxy.setAccountGroup('nobody', 'x'), { message: /There is no account/ });
    });
  });

  describe('terms', () => {
    const termsOf = async (plan: string) => (await fixture.proxy.addAccount({ plan, key, probe: false })).terms;

    it('are given once for each plan, also after a restart', async () => {
      assert.match((await termsOf('coding-cn')) ?? '', /^For interactive coding tools only/);
      assert.equal(await termsOf('coding-cn'), undefined);
      await fixture.restart();
      assert.equal(await termsOf('coding-cn'), undefined);
      assert.match((await termsOf('token-intl')) ?? '', /one subscriber/);
      assert.equal((await fixture.add()).terms, undefined);
    });
    it('are not used up by an account that was refused', async () => {
      await assert.rejects(fixture.proxy.addAccount({ plan: 'coding-cn', key: 'sk-ant-x', probe: false }));
      assert.notEqual(await termsOf('coding-cn'), undefined);
    });
    it('are the ones the editor has in other languages', () => {
      const inEditor = planTerms({ t: (text) => text }).replaceAll('’', "'");
      const terms = planTable.flatMap((plan) => plan.terms ?? []);
      assert.deepEqual([...new Set(terms)], [inEditor]);
    });
  });
});
