import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatAccount } from '../../src/accounts/account.ts';
import { homeDirectory } from '../../src/gateway/headless-home.ts';
import { keyAccount, oauthAccount } from '../support/accounts.ts';
import { startProxy, type TestProxy } from '../support/server-proxy.ts';

describe('importing the accounts of the headless server', () => {
  let home: string;
  let server: TestProxy;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'headless-'));
    server = await startProxy({
      environment: { QWEN_PROXY_HOME: home },
      accounts: { work: 'sk-mine' },
      baseUrl: 'http://127.0.0.1:9/v1',
    });
  });
  afterEach(async () => {
    await server.dispose();
    await rm(home, { recursive: true, force: true });
  });

  const write = (secrets: Record<string, string>) =>
    writeFile(join(home, 'accounts.json'), JSON.stringify({ version: 1, secrets }));
  const ids = async () => (await server.proxy.snapshot()).accounts.map((account) => account.id).sort();

  it('copies keys under free ids, skips those that are here and sign-ins', async () => {
    const mine = JSON.parse(server.secrets.entries.get('account:work') ?? '{}');
    await write({
      'account:work': formatAccount({ ...keyAccount('work'), order: 0 }),
      'account:same': formatAccount({ ...mine, id: 'same' }),
      'account:qwen': formatAccount(oauthAccount('qwen')),
      'account:newer': '{"version":99}',
      'local-key': 'qp-not-an-account',
    });
    assert.deepEqual(await server.proxy.importHeadlessAccounts(), { added: 1, replaced: 0, skipped: 2 });
    assert.deepEqual(await ids(), ['work', 'work-2']);
    assert.deepEqual(await server.proxy.importHeadlessAccounts(), { added: 0, replaced: 0, skipped: 3 });
  });

  it('finds nothing where there is no such file, or a broken one', async () => {
    assert.deepEqual(await server.proxy.importHeadlessAccounts(), { added: 0, replaced: 0, skipped: 0 });
    await mkdir(home, { recursive: true });
    await writeFile(join(home, 'accounts.json'), '{"version":1,"secrets":[]}');
    assert.deepEqual(await server.proxy.importHeadlessAccounts(), { added: 0, replaced: 0, skipped: 0 });
  });

  it('looks where the command line keeps its things', () => {
    assert.equal(homeDirectory({ QWEN_PROXY_HOME: '/somewhere' }), '/somewhere');
    if (process.platform === 'linux')
      assert.equal(homeDirectory({ XDG_DATA_HOME: '/data' }), '/data/qwen-openai-proxy');
  });
});
