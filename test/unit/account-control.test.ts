import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import { formatAccount } from '../../src/accounts/account.ts';
import type { AddAccountInput } from '../../src/core/control.ts';
import { keyAccount } from '../support/accounts.ts';
import { type ControlFixture, controlKey as key, startControlFixture } from '../support/control-fixture.ts';

describe('account control', () => {
  let fixture: ControlFixture;
  before(async () => {
    fixture = await startControlFixture();
  });
  beforeEach(() => fixture.begin());
  afterEach(() => fixture.end());
  after(() => fixture.close());
  const refused = (message: RegExp | string) => ({ name: 'InputError', message });

  describe('add', () => {
    it('takes the id and label that were asked for', async () => {
      const { account, verdict } = await fixture.add({ id: 'my-key.2_x', label: '  Work  ' });
      assert.deepEqual(
        [account.id, account.label, account.kind, account.plan, account.enabled, account.state, account.createdAtMs],
        ['my-key.2_x', 'Work', 'api-key', 'custom', true, 'ready', fixture.clock.now()],
      );
      assert.equal(verdict, undefined);
      assert.equal(fixture.simulator.requests.length, 0);
    });

    it('makes both up from the plan', async () => {
      const added = [await fixture.add(), await fixture.add(), await fixture.add({ label: ' ' })];
      assert.deepEqual(
        added.map(({ account }) => [account.id, account.label]),
        [
          ['custom', 'Custom endpoint'],
          ['custom-2', 'Custom endpoint'],
          ['custom-3', 'custom-3'],
        ],
      );
      assert.equal((await fixture.add({ id: 'named' })).account.label, 'named');
    });

    it('puts the new one last', async () => {
      for (const id of ['b', 'a', 'c']) await fixture.add({ id });
      assert.deepEqual(await fixture.ids(), ['b', 'a', 'c']);
    });

    for (const id of ['', 'A', 'ü', '-a', '.a', 'a b', 'a/b', '../a', 'a'.repeat(65), '__proto__']) {
      it(`refuses the id ${JSON.stringify(id)}`, async () => {
        await assert.rejects(fixture.add({ id }), refused(/cannot be an account id: use lower-case letters/));
        assert.deepEqual(await fixture.ids(), []);
      });
    }

    it('refuses an id that is taken, also by two at once and by what cannot be read', async () => {
      const results = await Promise.allSettled([
        fixture.add({ id: 'a', label: 'one' }),
        fixture.add({ id: 'a', label: 'two' }),
      ]);
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected'],
      );
      await assert.rejects(fixture.add({ id: 'a' }), refused(/There is already an account "a"\. Remove it first/));
      assert.equal(fixture.stored('a')?.label, 'one');
      fixture.secrets.entries.set('account:newer', '{"version":9}');
      await fixture.proxy.secretsChanged();
      await assert.rejects(fixture.add({ id: 'newer' }), refused(/already/));
      assert.equal(fixture.secrets.entries.get('account:newer'), '{"version":9}');
      fixture.secrets.entries.set('account:custom', '{"version":9}');
      await fixture.proxy.secretsChanged();
      assert.equal((await fixture.add()).account.id, 'custom-2');
    });

    it('refuses a plan that is none', async () => {
      for (const plan of ['oauth', 'nope', '']) {
        await assert.rejects(
          fixture.add({ plan }),
          refused(/^There is no plan "\w*"\. Plans: .*\bstandard-cn, .*custom, demo\.$/),
        );
      }
    });

    const keys: readonly (readonly [what: string, value: string | undefined, message: RegExp])[] = [
      ['none', undefined, /is empty/],
      ['blank', ' \n', /is empty/],
      ['with a blank in it', 'Bearer sk-1', /characters that no key has/],
      ['with a zero-width blank', 'sk-1\u200b', /characters that no key has/],
      ['masked', 'sk-••••', /characters that no key has/],
      ['of Anthropic', 'sk-ant-api03-x', /This is a key of Anthropic, not of Qwen\. It was not sent anywhere\./],
      ['of OpenAI', ' sk-proj-x ', /a key of OpenAI/],
      ['of OpenRouter', 'sk-or-v1-x', /a key of OpenRouter/],
      ['of GitHub', 'ghp_x', /a key of GitHub/],
    ];
    for (const [what, value, message] of keys) {
      it(`refuses a key that is ${what}, unsent`, async () => {
        const baseUrl = fixture.simulator.baseUrl;
        const input = { plan: 'custom', baseUrl, probe: true, ...(value !== undefined && { key: value }) };
        await assert.rejects(fixture.proxy.addAccount(input), (error) => {
          assert.ok(error instanceof Error);
          assert.match(error.message, message);
          assert.equal(value !== undefined && value.trim() !== '' && error.message.includes(value.trim()), false);
          return true;
        });
        assert.deepEqual([fixture.simulator.requests.length, await fixture.ids()], [0, []]);
      });
    }

    it('trims a key as people paste it', async () => {
      await fixture.add({ id: 'a', key: `  ${key}\n` });
      const account = fixture.stored('a');
      assert.equal(account?.kind === 'api-key' && account.secret.key, key);
    });

    it('normalises the base URLs', async () => {
      await fixture.add({
        id: 'a',
        baseUrl: ' https://qwen.example/v1/chat/completions ',
        anthropicBaseUrl: 'https://qwen.example/anthropic/',
        responsesBaseUrl: '',
      });
      const account = fixture.stored('a');
      assert.deepEqual(
        [account?.baseUrl, account?.anthropicBaseUrl, account?.responsesBaseUrl],
        ['https://qwen.example/v1', 'https://qwen.example/anthropic', undefined],
      );
    });

    const urls: readonly (readonly [Partial<AddAccountInput>, RegExp])[] = [
      [{ baseUrl: '' }, /needs a base URL/],
      [{ baseUrl: 'qwen.example/v1' }, /begin with https/],
      [{ baseUrl: 'http://qwen.example/v1' }, /clear text/],
      [{ baseUrl: 'https://user:pass@qwen.example/v1' }, /user or password/],
      [{ baseUrl: 'https://qwen.example/v1?key=1' }, /query/],
      [{ anthropicBaseUrl: 'http://qwen.example' }, /clear text/],
      [{ responsesBaseUrl: 'ftp://qwen.example' }, /begin with https/],
      [{ plan: 'coding-cn' }, /has a fixed address/],
      [{ plan: 'workspace', baseUrl: 'https://qwen.example/v1' }, /workspace address looks like/],
    ];
    for (const [changes, message] of urls) {
      it(`refuses ${JSON.stringify(changes)}`, async () => {
        await assert.rejects(fixture.add(changes), refused(message));
        assert.deepEqual(await fixture.ids(), []);
      });
    }
    it('refuses any address for a plan that has its own', async () => {
      for (const field of ['baseUrl', 'anthropicBaseUrl', 'responsesBaseUrl'])
        await assert.rejects(
          fixture.proxy.addAccount({ plan: 'coding-cn', key, probe: false, [field]: 'https://qwen.example/v1' }),
          refused(/has a fixed address/),
        );
    });

    it('adds the demo without a key', async () => {
      const { account, verdict } = await fixture.proxy.addAccount({ plan: 'demo', probe: true });
      assert.deepEqual([account.kind, verdict?.ok], ['demo', true]);
    });
  });

  describe('change', () => {
    beforeEach(async () => {
      for (const id of ['a', 'b', 'c', 'd']) await fixture.add({ id });
    });

    for (const [id, index, expected] of [
      ['c', 0, 'cabd'],
      ['a', 3, 'bcda'],
      ['a', 99, 'bcda'],
      ['d', -5, 'dabc'],
      ['b', 1, 'abcd'],
      ['a', 2, 'bcad'],
    ] as const) {
      it(`moves ${id} to ${index}`, async () => {
        await fixture.proxy.moveAccount(id, index);
        assert.equal((await fixture.ids()).join(''), expected);
        await fixture.restart();
        assert.equal((await fixture.ids()).join(''), expected);
      });
    }

    it('switches off and on', async () => {
      await fixture.proxy.setAccountEnabled('b', false);
      const states = async () => (await fixture.accounts()).map(({ state }) => state);
      assert.deepEqual(await states(), ['ready', 'disabled', 'ready', 'ready']);
      await fixture.proxy.setAccountEnabled('b', true);
      assert.deepEqual(await states(), ['ready', 'ready', 'ready', 'ready']);
    });

    it('does not write an old credential back', async () => {
      const newer = keyAccount('b', { plan: 'custom', order: 1, secret: { key: 'sk-newer' } });
      fixture.secrets.entries.set('account:b', formatAccount(newer));
      await fixture.proxy.setAccountEnabled('b', false);
      await fixture.proxy.moveAccount('d', 0);
      const account = fixture.stored('b');
      assert.deepEqual([account?.enabled, account?.kind === 'api-key' && account.secret.key], [false, 'sk-newer']);
    });

    it('removes, and forgets all about it', async () => {
      await fixture.proxy.removeAccount('b');
      assert.deepEqual([await fixture.ids(), fixture.secrets.entries.has('account:b')], [['a', 'c', 'd'], false]);
      await fixture.add({ id: 'b' });
      assert.deepEqual(await fixture.ids(), ['a', 'c', 'd', 'b']);
    });

    it('clears, for other processes as well', async () => {
      await fixture.clock.advance(5);
      await fixture.proxy.clearAccount('b');
      assert.equal(fixture.stored('b')?.clearedAtMs, fixture.clock.now());
      assert.deepEqual(await fixture.ids(), ['a', 'b', 'c', 'd']);
    });

    it('knows what it does not have', async () => {
      for (const work of [
        () => fixture.proxy.removeAccount('nobody'),
        () => fixture.proxy.setAccountEnabled('nobody', true),
        () => fixture.proxy.moveAccount('nobody', 0),
        () => fixture.proxy.clearAccount('nobody'),
        () => fixture.proxy.testAccount('nobody'),
      ])
        await assert.rejects(work, refused('There is no account "nobody".'));
    });

    it('notices that another process removed the account', async () => {
      fixture.secrets.entries.delete('account:b');
      await assert.rejects(fixture.proxy.setAccountEnabled('b', false), refused(/There is no account/));
      assert.deepEqual(await fixture.ids(), ['a', 'c', 'd']);
    });
  });

  it('lists the plans a user can choose', async () => {
    const names = (await fixture.proxy.plans()).map(({ name }) => name);
    assert.deepEqual([names.includes('custom'), names.includes('oauth')], [true, false]);
  });
});
