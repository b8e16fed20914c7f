import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'mocha';
import { type Account, formatAccount, parseAccount } from '../../src/accounts/account.ts';
import { type AccountStore, createAccountStore } from '../../src/accounts/store.ts';
import { createMemoryLogger, demoAccount, keyAccount, type MemoryLogger, oauthAccount } from '../support/accounts.ts';
import { createMemorySecrets, type MemorySecrets } from '../support/server-proxy.ts';

describe('account store', () => {
  let secrets: MemorySecrets;
  let logger: MemoryLogger;
  let store: AccountStore;
  let changes: number;
  const ids = () => store.list().map(({ id }) => id);
  const open = async () => {
    const opened = createAccountStore(secrets, logger);
    await opened.reload();
    return opened;
  };
  const write = (account: Account) => secrets.entries.set(`account:${account.id}`, formatAccount(account));
  const kept = (id: string) => parseAccount(secrets.entries.get(`account:${id}`) ?? '');

  beforeEach(async () => {
    secrets = createMemorySecrets();
    logger = createMemoryLogger();
    store = await open();
    changes = 0;
    store.onDidChange(() => changes++);
  });

  it('keeps every kind of account as it is', async () => {
    const accounts = [
      keyAccount('a', { order: 0, baseUrl: 'https://one.example/v1', clearedAtMs: 7 }),
      oauthAccount('b', { order: 1 }),
      demoAccount('c'),
    ];
    for (const account of accounts) await store.put(account);
    assert.deepEqual(
      (await open()).list().toSorted((a, b) => a.id.localeCompare(b.id)),
      accounts,
    );
  });

  it('lists in the user’s order, then by age, then by name', async () => {
    write(keyAccount('z', { order: 1, createdAtMs: 1 }));
    write(keyAccount('b', { order: 1, createdAtMs: 2 }));
    write(keyAccount('a', { order: 1, createdAtMs: 2 }));
    write(keyAccount('m', { order: 0, createdAtMs: 9 }));
    await store.reload();
    assert.deepEqual(ids(), ['m', 'z', 'a', 'b']);
  });

  it('tells whether a reload changed anything', async () => {
    write(keyAccount('a'));
    assert.deepEqual([await store.reload(), changes], [true, 1]);
    assert.deepEqual([await store.reload(), changes], [false, 1]);
    write(keyAccount('a', { enabled: false }));
    assert.deepEqual([await store.reload(), changes, store.get('a')?.enabled], [true, 2, false]);
    secrets.entries.delete('account:a');
    assert.deepEqual([await store.reload(), changes, ids()], [true, 3, []]);
  });

  it('rereads one account past its cache', async () => {
    await store.put(keyAccount('a'));
    write(keyAccount('a', { label: 'renamed' }));
    assert.notEqual(store.get('a')?.label, 'renamed');
    assert.equal((await store.reread('a'))?.label, 'renamed');
    assert.equal(store.get('a')?.label, 'renamed');
    secrets.entries.delete('account:a');
    assert.equal(await store.reread('a'), undefined);
    assert.deepEqual(ids(), []);
  });

  describe('an entry that cannot be read', () => {
    const foreign = [
      ['of a newer version', formatAccount(keyAccount('new')).replace('"version":1', '"version":9')],
      ['that is no JSON', '{"version":1,'],
      ['under another one’s key', formatAccount(keyAccount('other'))],
    ] as const;
    for (const [what, text] of foreign) {
      it(`${what} stays where it is, and is reported once`, async () => {
        secrets.entries.set('account:new', text);
        write(keyAccount('a'));
        await store.reload();
        await store.reload();
        assert.deepEqual(ids(), ['a']);
        const warnings = logger.lines.filter(({ level }) => level === 'warn');
        assert.deepEqual(
          warnings.map(({ fields }) => fields),
          [{ entry: 'account:new' }],
        );
        assert.equal(await store.add(keyAccount('new')), false);
        assert.deepEqual([store.isTaken('new'), store.isTaken('free')], [true, false]);
        assert.equal(await store.update('new', (account) => account), undefined);
        assert.equal(secrets.entries.get('account:new'), text);
      });
    }

    it('counts as an account that this home had', async () => {
      secrets.entries.set('account:new', '{}');
      await store.reload();
      assert.equal(store.hadAccount, true);
    });

    it('is an account like any other once it can be read', async () => {
      secrets.entries.set('account:a', '{}');
      await store.reload();
      write(keyAccount('a'));
      await store.reload();
      assert.deepEqual(ids(), ['a']);
      await store.remove('a');
      await store.reload();
      assert.equal(store.isTaken('a'), false);
    });
  });

  describe('had an account', () => {
    it('survives the removal of the last one, in every process', async () => {
      assert.equal(store.hadAccount, false);
      await store.put(keyAccount('a'));
      assert.equal(store.hadAccount, true);
      await store.remove('a');
      assert.deepEqual([ids(), store.hadAccount, (await open()).hadAccount], [[], true, true]);
    });
    it('is not said of the demo', async () => {
      await store.put(demoAccount('demo'));
      assert.deepEqual([store.hadAccount, (await open()).hadAccount], [false, false]);
    });
  });

  describe('add', () => {
    it('lets one of two win, and does not overwrite', async () => {
      const won = await Promise.all([
        store.add(keyAccount('a', { label: 'first' })),
        store.add(keyAccount('a', { label: 'second' })),
      ]);
      assert.deepEqual([won, kept('a')?.label], [[true, false], 'first']);
    });
    it('sees what another process added meanwhile', async () => {
      write(keyAccount('a', { label: 'theirs' }));
      assert.deepEqual([await store.add(keyAccount('a')), kept('a')?.label], [false, 'theirs']);
    });
  });

  describe('update', () => {
    it('changes what is stored now, not what was read before', async () => {
      await store.put(oauthAccount('a'));
      const secret = { accessToken: 'newer', refreshToken: 'newer', expiresAtMs: 5 };
      write(oauthAccount('a', { secret }));
      await store.update('a', (stored) => ({ ...stored, enabled: false }));
      const result = kept('a');
      assert.deepEqual([result?.enabled, result?.kind === 'oauth-device' && result.secret], [false, secret]);
    });
    it('does not bring a removed account back', async () => {
      await store.put(keyAccount('a'));
      secrets.entries.delete('account:a');
      assert.equal(await store.update('a', (stored) => ({ ...stored, enabled: false })), undefined);
      assert.deepEqual([ids(), secrets.entries.has('account:a')], [[], false]);
    });
    it('takes two changes of one moment one after the other', async () => {
      await store.put(keyAccount('a'));
      await Promise.all([
        store.update('a', (stored) => ({ ...stored, enabled: false })),
        store.update('a', (stored) => ({ ...stored, order: 7 })),
      ]);
      assert.deepEqual([kept('a')?.enabled, kept('a')?.order], [false, 7]);
    });
  });

  it('does not lose from its list what is added while it reloads', async () => {
    write(keyAccount('a'));
    const [, added] = await Promise.all([store.reload(), store.add(keyAccount('b', { order: 1 })), store.reload()]);
    assert.deepEqual([added, ids()], [true, ['a', 'b']]);
  });

  it('goes on after a store that failed once', async () => {
    const { get } = secrets;
    write(keyAccount('a'));
    secrets.get = async () => {
      throw new Error('locked');
    };
    await assert.rejects(store.reload(), /locked/);
    secrets.get = get;
    assert.equal(await store.reload(), true);
  });
});
