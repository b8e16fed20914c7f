import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseTeamSettings } from '../../src/cli/team-settings.ts';

const key = Buffer.alloc(32, 7);
const text = key.toString('base64');
const url = 'redis://:password-canary@localhost:6379/0';

describe('settings of a team', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'qwen-team-settings-'));
    await writeFile(join(directory, 'key'), `${text}\n`);
    await writeFile(join(directory, 'short'), 'c2hvcnQ=\n');
  });
  after(() => rm(directory, { recursive: true }));

  it('none without REDIS_URL, whatever file is named', () => {
    assert.deepEqual(parseTeamSettings({}), { problems: [] });
    const named = { QWEN_PROXY_STATE_KEY_FILE: '/nowhere', REDIS_URL: '' };
    assert.deepEqual(parseTeamSettings(named), { problems: [] });
  });
  it('the key itself, or a file with it', () => {
    const team = { url, prefix: 'qwen-proxy:', stateKey: key, allowsSingleUserPlans: false };
    assert.deepEqual(parseTeamSettings({ REDIS_URL: url, QWEN_PROXY_STATE_KEY: text }), { team, problems: [] });
    assert.deepEqual(
      parseTeamSettings({
        REDIS_URL: url,
        QWEN_PROXY_STATE_KEY_FILE: join(directory, 'key'),
        REDIS_PREFIX: 'a:',
        TEAM_SINGLE_USER_PLANS: 'confirmed',
      }),
      { team: { ...team, prefix: 'a:', allowsSingleUserPlans: true }, problems: [] },
    );
  });
  for (const [name, raw, expected] of [
    ['a URL of something else', { REDIS_URL: 'http://password-canary@x' }, /^REDIS_URL: REDIS_URL must be redis:/],
    ['no URL', { REDIS_URL: 'password-canary' }, /^REDIS_URL: REDIS_URL must be redis:/],
    ['a number', { REDIS_URL: 6379 }, /^REDIS_URL: REDIS_URL must be text/],
    ['a prefix with spaces', { REDIS_PREFIX: 'a b' }, /^REDIS_PREFIX: REDIS_PREFIX must be/],
    ['another word', { TEAM_SINGLE_USER_PLANS: 'yes' }, /^TEAM_SINGLE_USER_PLANS: TEAM_SINGLE_USER_PLANS must be/],
    ['true', { TEAM_SINGLE_USER_PLANS: true }, /^TEAM_SINGLE_USER_PLANS: TEAM_SINGLE_USER_PLANS must be text/],
    ['no key', { QWEN_PROXY_STATE_KEY: undefined }, /^REDIS_URL: REDIS_URL needs .* openssl rand/],
    [
      'a short key',
      { QWEN_PROXY_STATE_KEY: 'password-canary' },
      /^QWEN_PROXY_STATE_KEY: QWEN_PROXY_STATE_KEY must be 32 bytes/,
    ],
    ['a key and a file', { QWEN_PROXY_STATE_KEY_FILE: 'key' }, /^QWEN_PROXY_STATE_KEY_FILE: .* both set/],
    [
      'a file that is not there',
      { QWEN_PROXY_STATE_KEY: '', QWEN_PROXY_STATE_KEY_FILE: 'nowhere' },
      /^QWEN_PROXY_STATE_KEY_FILE: QWEN_PROXY_STATE_KEY_FILE cannot be read: nowhere/,
    ],
    [
      'a file with another thing',
      { QWEN_PROXY_STATE_KEY: '', QWEN_PROXY_STATE_KEY_FILE: 'short' },
      /^QWEN_PROXY_STATE_KEY_FILE: QWEN_PROXY_STATE_KEY must be 32 bytes/,
    ],
  ] as const)
    it(`tells of ${name}, and no value`, () => {
      const file = 'QWEN_PROXY_STATE_KEY_FILE' in raw ? raw.QWEN_PROXY_STATE_KEY_FILE : undefined;
      const inDirectory = file === 'short' && { QWEN_PROXY_STATE_KEY_FILE: join(directory, file) };
      const { team, problems } = parseTeamSettings({
        ...{ REDIS_URL: url, QWEN_PROXY_STATE_KEY: text },
        ...raw,
        ...inDirectory,
      });
      assert.deepEqual([team, problems.length], [undefined, 1]);
      assert.match(`${problems[0]?.name}: ${problems[0]?.message}`, expected);
      assert.ok(!JSON.stringify(problems).includes('canary'));
    });
});
