import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import { formatAccount } from '../../src/accounts/account.ts';
import { createHostedProxy } from '../../src/gateway/hosted-proxy.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { createMemoryLogger, oauthAccount } from '../support/accounts.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import {
  createMemorySecrets,
  type MemorySecrets,
  startProxy,
  type TestProxy,
  testSettings,
} from '../support/server-proxy.ts';

describe('a signed-in account behind the server', () => {
  let simulator: Simulator;
  let clock: FakeClock;
  let secrets: MemorySecrets;
  let server: TestProxy;

  before(async () => {
    clock = createFakeClock();
    simulator = await startSimulator({ now: () => clock.now() });
  });
  beforeEach(async () => {
    secrets = createMemorySecrets();
    // No jitter: the renewal ahead of expiry is due 15 s before it.
    server = await startProxy({ secrets, clock, random: () => 0, settings: { QWEN_BASE_URL: simulator.origin } });
  });
  afterEach(async () => {
    await server.dispose();
    simulator.reset();
  });
  after(() => simulator.close());

  /** The account `qwen`, its tokens just issued. */
  const signIn = async () => {
    const tokens = simulator.oauth.issueTokens();
    const secret = { ...tokens, resourceUrl: `${simulator.origin}/portal` };
    const account = oauthAccount('qwen', { secret, createdAtMs: clock.now() });
    secrets.entries.set('account:qwen', formatAccount(account));
    await server.proxy.secretsChanged();
    return tokens;
  };
  const messages = [
    { role: 'system', content: [{ type: 'text', text: 'You code.', cache_control: { type: 'ephemeral' } }] },
    { role: 'user', content: 'hello' },
  ];
  const chat = () => server.chat({ model: 'coder-model', messages });
  const stateOf = async () => (await server.proxy.snapshot()).accounts.map(({ id, state }) => `${id} ${state}`);
  const post = async (path: string, body: object) => {
    const answer = await server.raw(path, { body: JSON.stringify(body) });
    return { status: answer.status, json: JSON.parse(answer.text) as Record<string, unknown> };
  };

  it('comes to be over HTTP: initiate, poll, chat', async () => {
    const { json: flow } = await post('/auth/initiate', { id: 'mine' });
    const poll = () => post('/auth/poll', { device_code: flow.device_code });
    await clock.advance(2_000);
    assert.equal((await poll()).json.error, 'authorization_pending');
    simulator.oauth.approve(String(flow.user_code));
    await clock.advance(2_000);
    const { status, json } = await poll();
    assert.deepEqual([status, json.status, json.account], [200, 'complete', { id: 'mine' }]);
    assert.equal((await poll()).json.error, 'expired_token');
    assert.equal((await chat()).status, 200);
    const sent = [flow, json].map((value) => JSON.stringify(value)).join('');
    const token = simulator.chatRequests[0]?.key ?? assert.fail();
    assert.equal(sent.includes(token), false);
  });

  it('renews its token once for twenty requests that come with a spent one', async () => {
    await signIn();
    await clock.advance(21_600_000);
    const answers = await Promise.all(Array.from({ length: 20 }, chat));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.equal(simulator.oauth.refreshCount, 1);
  });

  it('renews its token once for twenty requests that are refused together', async () => {
    await signIn();
    simulator.oauth.revokeAccessTokens();
    const answers = await Promise.all(Array.from({ length: 20 }, chat));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.equal(simulator.oauth.refreshCount, 1);
    assert.deepEqual(await stateOf(), ['qwen ready']);
  });

  for (const [what, jumpMs] of [
    ['set back', -24 * 3_600_000],
    ['set forward, as after sleep', 24 * 3_600_000],
  ] as const)
    it(`renews its token as ever when the clock is ${what}`, async () => {
      await signIn();
      simulator.oauth.revokeAccessTokens();
      assert.equal((await chat()).status, 200);
      clock.set(clock.now() + jumpMs);
      simulator.oauth.revokeAccessTokens();
      assert.equal((await chat()).status, 200);
      assert.deepEqual(await stateOf(), ['qwen ready']);
      assert.equal(simulator.oauth.refreshCount, 2);
    });

  it('is out, without a loop, when the service has ended', async () => {
    await signIn();
    simulator.oauth.serviceEnded = true;
    assert.notEqual((await chat()).status, 200);
    assert.deepEqual([simulator.chatRequests.length, simulator.oauth.refreshCount], [2, 1]);
    assert.deepEqual(await stateOf(), ['qwen unauthorized']);
    for (let index = 0; index < 3; index++) await chat();
    assert.deepEqual([simulator.chatRequests.length, simulator.oauth.refreshCount], [2, 1]);
  });

  it('is out when its refresh token is dead', async () => {
    await signIn();
    simulator.oauth.refreshDead();
    await clock.advance(21_600_000);
    const answer = await chat();
    assert.equal(answer.status, 401);
    assert.match(answer.text, /Sign in again/);
    assert.deepEqual([simulator.chatRequests.length, await stateOf()], [0, ['qwen unauthorized']]);
  });

  it('is not given up for a firewall’s page in place of a token', async () => {
    await signIn();
    await clock.advance(21_600_000 - 20_000);
    simulator.oauth.waf(1);
    assert.equal((await chat()).status, 200);
    assert.equal(simulator.oauth.refreshCount, 0);
    assert.equal((await chat()).status, 200);
    assert.equal(simulator.oauth.refreshCount, 1);
  });

  it('serves again after another process cleared it', async () => {
    await signIn();
    simulator.oauth.serviceEnded = true;
    await chat();
    simulator.oauth.serviceEnded = false;
    await clock.advance(1_000);
    const other = createHostedProxy({
      settings: testSettings(),
      stateDirectory: server.stateDirectory,
      version: '1.2.3',
      mode: 'headless',
      secrets,
      logger: createMemoryLogger(),
      clock,
    });
    await other.clearAccount('qwen');
    await other.dispose();
    await server.proxy.secretsChanged();
    assert.deepEqual(await stateOf(), ['qwen ready']);
    assert.equal((await chat()).status, 200);
  });

  it('starts anew when it was removed and made again under its id', async () => {
    await signIn();
    simulator.oauth.refreshDead();
    simulator.oauth.revokeAccessTokens();
    await chat();
    assert.deepEqual(await stateOf(), ['qwen unauthorized']);
    await clock.advance(1_000);
    simulator.oauth.reset();
    await signIn();
    assert.deepEqual(await stateOf(), ['qwen ready']);
    assert.equal((await chat()).status, 200);
  });
});
