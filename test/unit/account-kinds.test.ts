import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import type { Account } from '../../src/accounts/account.ts';
import { type AccountKinds, kindOf } from '../../src/accounts/kinds/kind.ts';
import { createLinkedCredentials } from '../../src/accounts/linked-credentials.ts';
import { createAccountStore } from '../../src/accounts/store.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { readText } from '../../src/core/upstream.ts';
import { createAccountKinds } from '../../src/gateway/account-kinds.ts';
import { createTransport, type Transport } from '../../src/upstream/transport.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { accountKindContract } from '../support/account-kind-contract.ts';
import { createMemoryLogger, demoAccount, keyAccount, oauthAccount } from '../support/accounts.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemorySecrets, testSettings } from '../support/server-proxy.ts';

describe('account kinds', () => {
  const clock = createFakeClock();
  const signal = new AbortController().signal;
  let simulator: Simulator;
  let transport: Transport;
  before(async () => {
    simulator = await startSimulator({ now: () => clock.now() });
    transport = createTransport();
  });
  after(async () => {
    await transport.close();
    await simulator.close();
  });

  const open = (): { kinds: AccountKinds; store: ReturnType<typeof createAccountStore> } => {
    const store = createAccountStore(createMemorySecrets(), createMemoryLogger());
    const settings = testSettings({ QWEN_BASE_URL: simulator.origin });
    const linked = createLinkedCredentials(clock);
    const { kinds } = createAccountKinds({
      settings: () => settings,
      store,
      clock,
      transport,
      userAgent: 'test',
      linked,
    });
    return { kinds, store };
  };
  const contractFor = (name: string, createAccount: () => { account: Account; secrets: readonly string[] }) =>
    describe(name, () => {
      accountKindContract(async () => {
        const { kinds, store } = open();
        const { account, secrets } = createAccount();
        await store.put(account);
        return { kind: kindOf(kinds, account), secrets, dispose: async () => simulator.reset() };
      });
    });

  contractFor('api-key', () => ({ account: keyAccount('key'), secrets: ['sk-key'] }));
  contractFor('demo', () => ({ account: demoAccount('demo'), secrets: [] }));
  contractFor('oauth-device', () => {
    const { accessToken, refreshToken, expiresAtMs } = simulator.oauth.issueTokens();
    const secret = { accessToken, refreshToken, expiresAtMs, resourceUrl: `${simulator.origin}/portal` };
    return { account: oauthAccount('qwen', { secret }), secrets: [accessToken, refreshToken] };
  });
  contractFor('oauth-device whose refresh is refused', () => {
    const { accessToken, expiresAtMs } = simulator.oauth.issueTokens();
    const secret = { accessToken, refreshToken: 'never-issued', expiresAtMs, resourceUrl: 'portal.qwen.ai' };
    return { account: oauthAccount('qwen', { secret }), secrets: [accessToken, 'never-issued'] };
  });

  describe('api-key', () => {
    const credentialOf = (account: Account) => kindOf(open().kinds, account).credential(signal);

    it('has the fixed endpoints of its plan, whatever is stored beside it', async () => {
      const account = keyAccount('a', { plan: 'coding-intl', baseUrl: 'https://evil.example/v1' });
      assert.deepEqual(await credentialOf(account), {
        authorization: 'Bearer sk-a',
        endpoints: {
          openai: 'https://coding-intl.dashscope.aliyuncs.com/v1',
          anthropic: 'https://coding-intl.dashscope.aliyuncs.com/apps/anthropic',
        },
      });
    });
    it('has the endpoints a user gave for a custom plan', async () => {
      const account = keyAccount('a', { plan: 'custom', baseUrl: 'http://127.0.0.1:9/v1' });
      assert.equal((await credentialOf(account)).endpoints.openai, 'http://127.0.0.1:9/v1');
    });
    it('says that a plan of another version is not known', async () => {
      await assert.rejects(credentialOf(keyAccount('a', { plan: 'from-the-future' })), {
        code: 'wrong_path',
        message: 'The plan "from-the-future" is not known to this version.',
      });
    });
  });

  describe('oauth-device', () => {
    const endpointOf = async (resourceUrl?: string) => {
      const secret = { accessToken: 'a', refreshToken: 'r', expiresAtMs: Number.MAX_SAFE_INTEGER };
      const account = oauthAccount('q', { secret: { ...secret, ...(resourceUrl !== undefined && { resourceUrl }) } });
      return (await kindOf(open().kinds, account).credential(signal)).endpoints.openai;
    };
    it('goes where its token says, if that is Qwen or configured', async () => {
      assert.equal(await endpointOf('portal.qwen.ai'), 'https://portal.qwen.ai/v1');
      assert.equal(await endpointOf(), 'https://dashscope.aliyuncs.com/compatible-mode/v1');
      assert.equal(await endpointOf(`${simulator.origin}/portal`), `${simulator.origin}/portal/v1`);
    });
    it('goes nowhere else', async () => {
      for (const url of ['evil.example', 'https://portal.qwen.ai.evil.example', 'http://portal.qwen.ai'])
        await assert.rejects(endpointOf(url), { code: 'access_denied' });
    });
  });

  describe('demo', () => {
    it('answers by itself and asks nobody', async () => {
      const kind = kindOf(open().kinds, demoAccount('demo'));
      const { authorization, endpoints } = await kind.credential(signal);
      const body = JSON.stringify({ messages: [{ role: 'user', content: 'hi' }] });
      const url = `${endpoints.openai}/chat/completions`;
      const response = await kind.send?.({ method: 'POST', url, headers: { authorization }, body }, signal);
      assert.equal(response?.status, 200);
      assert.match(await readText(response?.body ?? assert.fail(), 100_000), /^data: \{[\s\S]*"demo "[\s\S]*\[DONE\]/);
      assert.equal(simulator.requests.length, 0);
    });
    it('stops when the client is gone', async () => {
      const kind = kindOf(open().kinds, demoAccount('demo'));
      const controller = new AbortController();
      const request = {
        method: 'POST',
        url: 'demo:/v1/chat/completions',
        headers: {},
        body: '{"messages":[]}',
      } as const;
      const response = await kind.send?.(request, controller.signal);
      const reason = new GatewayError('client_gone', 'gone');
      controller.abort(reason);
      await assert.rejects(readText(response?.body ?? assert.fail(), 100), (error) => error === reason);
    });
  });
});
