import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import { exportAccounts, importAccounts } from '../../src/accounts/portable.ts';
import { parseJson } from '../../src/core/json.ts';
import { demoAccount, keyAccount, oauthAccount } from '../support/accounts.ts';
import { type ControlFixture, controlKey, startControlFixture } from '../support/control-fixture.ts';

const passphrase = 'correct horse – Käse';
const accounts = [
  keyAccount('a', { plan: 'custom', baseUrl: 'https://qwen.example/v1', group: 'main' }),
  oauthAccount('b', { enabled: false }),
  demoAccount('c'),
];
const refused = (message: RegExp) => ({ name: 'InputError', message });

describe('portable accounts', () => {
  let text: string;
  before(async () => {
    text = await exportAccounts(accounts, passphrase);
  });
  /** The file with one part replaced. */
  const changed = (change: (file: Record<string, Record<string, unknown>>) => void) => {
    const file = JSON.parse(text);
    change(file);
    return JSON.stringify(file);
  };
  const flipped = (base64: unknown) => {
    const bytes = Buffer.from(String(base64), 'base64');
    bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0);
    return bytes.toString('base64');
  };

  it('come back as they were', async () => assert.deepEqual(await importAccounts(text, passphrase), accounts));
  it('come back by the same passphrase, composed otherwise', async () =>
    assert.deepEqual(await importAccounts(text, passphrase.normalize('NFD')), accounts));
  it('are not readable in the file', () => {
    for (const secret of ['sk-a', 'access-b', 'refresh-b', 'qwen.example', passphrase])
      assert.equal(text.includes(secret), false, secret);
  });
  it('cost a guess as much as was promised, with a salt of their own', async () => {
    const { kdf } = parseJson(text) as { kdf: Record<string, unknown> };
    assert.deepEqual([kdf.name, kdf.N, kdf.r, kdf.p], ['scrypt', 131_072, 8, 1]);
    const again = parseJson(await exportAccounts(accounts, passphrase)) as { kdf: Record<string, unknown> };
    assert.notEqual(again.kdf.salt, kdf.salt);
  });
  it('need a passphrase worth the name', () =>
    assert.rejects(exportAccounts(accounts, 'short12'), refused(/at least 8/)));
  it('tell a wrong passphrase', () =>
    assert.rejects(importAccounts(text, 'wrong'), refused(/^The passphrase is wrong\.$/)));
  it('tell a newer version', () =>
    assert.rejects(importAccounts(text.replace('"version": 1', '"version": 2'), passphrase), refused(/newer version/)));
  for (const other of ['', 'hello', '[]', '{}', '{"format":"other","version":1}'])
    it(`tell that ${JSON.stringify(other)} is no such file`, () =>
      assert.rejects(importAccounts(other, passphrase), refused(/not a file of exported accounts/)));

  const damages: readonly (readonly [string, () => string])[] = [
    ['a changed text', () => changed(({ cipher }) => Object.assign(cipher ?? {}, { text: flipped(cipher?.text) }))],
    ['a changed tag', () => changed(({ cipher }) => Object.assign(cipher ?? {}, { tag: flipped(cipher?.tag) }))],
    [
      'a shortened tag',
      () => changed(({ cipher }) => Object.assign(cipher ?? {}, { tag: String(cipher?.tag).slice(0, 8) })),
    ],
    ['a changed iv', () => changed(({ cipher }) => Object.assign(cipher ?? {}, { iv: flipped(cipher?.iv) }))],
    ['a missing part', () => changed((file) => void delete file.cipher)],
    ['no base64', () => changed(({ cipher }) => Object.assign(cipher ?? {}, { text: '%%%' }))],
    ['a cost that would stop this machine', () => changed(({ kdf }) => Object.assign(kdf ?? {}, { N: 2 ** 24 }))],
    ['a cost that is none', () => changed(({ kdf }) => Object.assign(kdf ?? {}, { N: 2 }))],
  ];
  for (const [what, damaged] of damages)
    it(`tell ${what}`, () => assert.rejects(importAccounts(damaged(), passphrase), refused(/changed or damaged/)));
  it('give nothing away for a changed salt', () =>
    assert.rejects(
      importAccounts(
        changed(({ kdf }) => Object.assign(kdf ?? {}, { salt: flipped(kdf?.salt) })),
        passphrase,
      ),
      refused(/passphrase is wrong/),
    ));

  describe('of an install', () => {
    let fixture: ControlFixture;
    before(async () => {
      fixture = await startControlFixture();
    });
    beforeEach(async () => {
      await fixture.begin();
      await fixture.add({ id: 'a', label: 'Of the file' });
      await fixture.add({ id: 'b' });
    });
    afterEach(() => fixture.end());
    after(() => fixture.close());
    const take = (file: string, onConflict: 'skip' | 'replace' | 'rename') =>
      fixture.proxy.importAccounts({ text: file, passphrase, onConflict });
    const labels = async () => (await fixture.accounts()).map(({ id, label }) => `${id} ${label}`);
    /** An export, after which `a` is another account and `b` is gone. */
    const exportAndChange = async () => {
      const exported = await fixture.proxy.exportAccounts({ passphrase });
      await fixture.proxy.removeAccount('a');
      await fixture.proxy.removeAccount('b');
      await fixture.add({ id: 'z', label: 'Z' });
      await fixture.add({ id: 'a', label: 'Of here', key: 'sk-here' });
      return exported.text;
    };

    it('counts what it wrote, and shows no key', async () => {
      const exported = await fixture.proxy.exportAccounts({ passphrase });
      assert.deepEqual([exported.count, exported.leftOut], [2, []]);
      assert.equal(exported.text.includes(controlKey), false);
    });
    it('leaves out what is of no wanted kind', async () => {
      await fixture.proxy.addAccount({ id: 'd', plan: 'demo', probe: false });
      const { count, leftOut } = await fixture.proxy.exportAccounts({ passphrase, kinds: ['api-key'] });
      assert.deepEqual([count, leftOut], [2, ['d']]);
      await assert.rejects(
        fixture.proxy.exportAccounts({ passphrase, kinds: ['oauth-device'] }),
        refused(/no account/),
      );
    });
    it('leaves an account that is here alone', async () => {
      assert.deepEqual(await take(await exportAndChange(), 'skip'), { added: 1, replaced: 0, skipped: 1 });
      assert.deepEqual(await labels(), ['z Z', 'a Of here', 'b b']);
    });
    it('replaces it in its place', async () => {
      assert.deepEqual(await take(await exportAndChange(), 'replace'), { added: 1, replaced: 1, skipped: 0 });
      assert.deepEqual(await labels(), ['z Z', 'a Of the file', 'b b']);
      const account = fixture.stored('a');
      assert.equal(account?.kind === 'api-key' && account.secret.key, controlKey);
    });
    it('keeps both', async () => {
      assert.deepEqual(await take(await exportAndChange(), 'rename'), { added: 2, replaced: 0, skipped: 0 });
      assert.deepEqual(await labels(), ['z Z', 'a Of here', 'a-2 Of the file', 'b b']);
    });
    it('replaces nothing that this version cannot read', async () => {
      const file = await exportAndChange();
      fixture.secrets.entries.set('account:b', '{"version":9}');
      assert.deepEqual(await take(file, 'replace'), { added: 0, replaced: 1, skipped: 1 });
      assert.equal(fixture.secrets.entries.get('account:b'), '{"version":9}');
    });
    it('changes nothing for a wrong passphrase', async () => {
      const file = await exportAndChange();
      await assert.rejects(
        fixture.proxy.importAccounts({ text: file, passphrase: 'wrong', onConflict: 'replace' }),
        refused(/passphrase is wrong/),
      );
      assert.deepEqual(await labels(), ['z Z', 'a Of here']);
    });
    it('follows no path that a file brings along', async () => {
      const linked = oauthAccount('l', { linkedFile: '/etc/oauth_creds.json' });
      assert.deepEqual(await take(await exportAccounts([linked], passphrase), 'rename'), {
        added: 0,
        replaced: 0,
        skipped: 1,
      });
    });
    it('says that there is nothing to export', async () => {
      await fixture.proxy.removeAccount('a');
      await fixture.proxy.removeAccount('b');
      await assert.rejects(fixture.proxy.exportAccounts({ passphrase }), refused(/no account to export/));
    });
  });
});
