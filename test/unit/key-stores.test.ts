import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { createFileKeys } from '../../src/cli/file-keys.ts';
import { createTeamKeys } from '../../src/cli/team-keys.ts';
import { keyStoreContract, namedKey } from '../support/key-store-contract.ts';
import { createMemoryHub } from '../support/memory-team.ts';

describe('client keys in a file', () => {
  let directory: string;
  const create = async () => {
    directory = await mkdtemp(join(tmpdir(), 'qwen-keys-'));
  };
  const dispose = () => rm(directory, { recursive: true });

  keyStoreContract(async () => {
    await create();
    return { open: async () => createFileKeys(directory), dispose };
  });

  describe('on the disk', () => {
    beforeEach(create);
    afterEach(dispose);
    for (const text of ['', '{"version":2,"keys":[]}', '{"version":1,"keys":[{"name":"a","digest":"short"}]}'])
      it(`neither serves nor overwrites ${JSON.stringify(text)}`, async () => {
        await writeFile(join(directory, 'keys.json'), text);
        const keys = createFileKeys(directory);
        await assert.rejects(keys.read(), /keys\.json is not a readable keys file/);
        await assert.rejects(keys.add(namedKey('a')), /not a readable/);
      });
  });
});

describe('client keys of a team', () => {
  it('what cannot be read is no key, keeps its name, and can be revoked', async () => {
    const team = createMemoryHub().join('one');
    await team.keys.set('a', '');
    await team.keys.set('b', JSON.stringify(namedKey('another name')));
    const keys = createTeamKeys(team.keys);
    assert.deepEqual([keys.list(), await keys.add(namedKey('a'))], [[], false]);
    assert.equal(await keys.remove('a'), true);
    assert.equal(await keys.add(namedKey('a')), true);
  });
});
