import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import { type Account, type AccountOf, formatAccount } from '../../src/accounts/account.ts';
import { type BoundKind, type Credential, kindOf } from '../../src/accounts/kinds/kind.ts';
import { createOAuthDeviceKind } from '../../src/accounts/kinds/oauth-device.ts';
import { createLinkedCredentials } from '../../src/accounts/linked-credentials.ts';
import { type AccountStore, createAccountStore } from '../../src/accounts/store.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { createMemoryLogger, oauthAccount } from '../support/accounts.ts';
import { type OAuthFixture, scriptedAnswer, startOAuthFixture } from '../support/oauth-fixture.ts';
import { createMemorySecrets, type MemorySecrets } from '../support/server-proxy.ts';

const bufferMs = 30_000;

describe('oauth-device accounts', () => {
  let fixture: OAuthFixture;
  let secrets: MemorySecrets;
  let store: AccountStore;
  let account: AccountOf<'oauth-device'>;
  let kind: BoundKind;
  const signal = new AbortController().signal;
  const refusal = new GatewayError('token_expired', 'invalid access token or token expired', { upstreamStatus: 401 });

  before(async () => {
    fixture = await startOAuthFixture();
  });
  beforeEach(async () => {
    secrets = createMemorySecrets();
    store = createAccountStore(secrets, createMemoryLogger());
    account = withTokens(fixture.simulator.oauth.issueTokens());
    await store.put(account);
    kind = bind();
  });
  afterEach(() => fixture.reset());
  after(() => fixture.close());

  const withTokens = (secret: AccountOf<'oauth-device'>['secret']) =>
    oauthAccount('qwen', { secret: { resourceUrl: 'portal.qwen.ai', ...secret } });
  /** A kind of its own, as another process has one. */
  const bind = (leased: Account = account): BoundKind => {
    const oauthKind = createOAuthDeviceKind({
      client: fixture.client,
      store,
      clock: fixture.clock,
      linked: createLinkedCredentials(fixture.clock),
      refreshBufferMs: () => bufferMs,
      endpointsOf: (resourceUrl) => ({ openai: resourceUrl ?? 'none' }),
    });
    return kindOf({ 'oauth-device': oauthKind } as never, leased);
  };
  const writeElsewhere = (secret: AccountOf<'oauth-device'>['secret'], changes: Partial<typeof account> = {}) =>
    secrets.entries.set('account:qwen', formatAccount({ ...withTokens(secret), ...changes }));
  const bearer = (token: string) => `Bearer ${token}`;
  const refreshes = () => fixture.simulator.oauth.refreshCount;
  const accepted = ({ authorization }: Credential) =>
    fixture.simulator.oauth.acceptsAccessToken(authorization.slice('Bearer '.length));
  const recover = async (used: Credential) => kind.recover(used, refusal, signal);
  const fresh = async (used: Credential): Promise<Credential> => {
    const result = await recover(used);
    assert.ok(!(result instanceof GatewayError), 'it was not recovered');
    return result;
  };
  const stored = () => {
    const found = store.get('qwen');
    assert.ok(found?.kind === 'oauth-device');
    return found;
  };
  /** The token has this much life left. */
  const leave = (lifeMs: number) => fixture.clock.set(account.secret.expiresAtMs - lifeMs);
  /** Holds each refresh until told; `reached` resolves when one is on its way. */
  const hold = () => {
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    fixture.intercept = async (_request, send) => {
      reached.resolve();
      await released.promise;
      return send();
    };
    return { reached: reached.promise, release: () => released.resolve() };
  };

  describe('before use', () => {
    it('uses a token that lives longer than the buffer as it is', async () => {
      leave(bufferMs + 1);
      const { authorization, endpoints } = await kind.credential(signal);
      assert.deepEqual(
        [authorization, endpoints.openai, refreshes()],
        [bearer(account.secret.accessToken), 'portal.qwen.ai', 0],
      );
    });

    it('refreshes one that does not, and keeps what came', async () => {
      leave(bufferMs);
      const credential = await kind.credential(signal);
      assert.deepEqual([accepted(credential), refreshes()], [true, 1]);
      const { secret } = stored();
      assert.equal(credential.authorization, bearer(secret.accessToken));
      assert.notEqual(secret.refreshToken, account.secret.refreshToken);
      assert.equal(secret.expiresAtMs, fixture.clock.now() + 21_600_000);
      assert.equal(secret.resourceUrl, `${fixture.simulator.origin}/portal`);
      assert.match(secrets.entries.get('account:qwen') ?? '', new RegExp(secret.accessToken));
    });

    it('keeps the old refresh token and address where none come', async () => {
      fixture.simulator.oauth.rotateRefreshToken = false;
      fixture.simulator.oauth.resourceUrl = undefined;
      leave(0);
      await kind.credential(signal);
      assert.deepEqual(
        [stored().secret.refreshToken, stored().secret.resourceUrl],
        [account.secret.refreshToken, 'portal.qwen.ai'],
      );
    });

    it('refreshes once for twenty requests of one moment', async () => {
      leave(0);
      const credentials = await Promise.all(Array.from({ length: 20 }, () => kind.credential(signal)));
      assert.equal(refreshes(), 1);
      assert.equal(new Set(credentials.map(({ authorization }) => authorization)).size, 1);
      assert.equal(accepted(credentials[0] ?? assert.fail()), true);
      await kind.credential(signal);
      assert.equal(refreshes(), 1);
    });

    it('uses what an older lease’s account has become meanwhile', async () => {
      leave(0);
      await bind().credential(signal);
      assert.equal(accepted(await bind(account).credential(signal)), true);
      assert.equal(refreshes(), 1);
    });

    it('adopts what another process has written, without a refresh', async () => {
      leave(0);
      const newer = fixture.simulator.oauth.issueTokens();
      writeElsewhere(newer);
      assert.equal((await kind.credential(signal)).authorization, bearer(newer.accessToken));
      assert.deepEqual([refreshes(), stored().secret.accessToken], [0, newer.accessToken]);
    });

    it('adopts what another process writes while its own refresh is refused', async () => {
      leave(0);
      fixture.simulator.oauth.refreshDead();
      const newer = fixture.simulator.oauth.issueTokens();
      fixture.intercept = async (_request, send) => {
        const answer = await send();
        writeElsewhere(newer);
        return answer;
      };
      assert.equal((await kind.credential(signal)).authorization, bearer(newer.accessToken));
      assert.equal(refreshes(), 1);
    });
  });

  describe('when the refresh fails', () => {
    it('is dead with a way out if the token is refused, even with life left', async () => {
      leave(10_000);
      fixture.simulator.oauth.refreshDead();
      await assert.rejects(kind.credential(signal), (error) => {
        assert.ok(error instanceof GatewayError && error.code === 'unauthorized');
        assert.match(error.fix ?? '', /Sign in again/);
        return true;
      });
      assert.equal(stored().secret.accessToken, account.secret.accessToken);
    });

    const troubles: Readonly<Record<string, () => void>> = {
      'the endpoint is down': () => {
        fixture.settings = { ...fixture.settings, tokenEndpoint: 'http://127.0.0.1:1/token' };
      },
      'a firewall answers': () => fixture.simulator.oauth.waf(9),
      'the server is overloaded': () => {
        fixture.intercept = async () => scriptedAnswer(503, { error: 'busy' });
      },
    };
    for (const [what, cause] of Object.entries(troubles)) {
      it(`lives on what is left of the token when ${what}`, async () => {
        cause();
        leave(1);
        assert.equal((await kind.credential(signal)).authorization, bearer(account.secret.accessToken));
        leave(0);
        await assert.rejects(kind.credential(signal), { scope: 'provider' });
        fixture.reset();
      });
    }

    it('does not go on with the token of an account that was removed', async () => {
      leave(10_000);
      secrets.entries.delete('account:qwen');
      await assert.rejects(kind.credential(signal), { code: 'no_account' });
      assert.equal(refreshes(), 0);
    });

    it('asks again for the next request, instead of remembering the failure', async () => {
      leave(0);
      fixture.simulator.oauth.waf();
      await assert.rejects(kind.credential(signal));
      assert.equal(accepted(await kind.credential(signal)), true);
    });
  });

  describe('after a 401', () => {
    it('refreshes once, whatever life the token had left', async () => {
      const used = await kind.credential(signal);
      fixture.simulator.oauth.revokeAccessTokens();
      const renewed = await fresh(used);
      assert.deepEqual([accepted(renewed), refreshes()], [true, 1]);
    });

    it('refreshes once for twenty requests that were refused together', async () => {
      const used = await kind.credential(signal);
      const renewed = await Promise.all(Array.from({ length: 20 }, () => fresh(used)));
      assert.deepEqual([refreshes(), new Set(renewed.map(({ authorization }) => authorization)).size], [1, 1]);
    });

    it('gives a latecomer the token that is there by now', async () => {
      const used = await kind.credential(signal);
      const first = await fresh(used);
      assert.deepEqual([await fresh(used), refreshes()], [first, 1]);
    });

    it('ends the matter when the renewed token is refused as well', async () => {
      fixture.simulator.oauth.serviceEnded = true;
      const used = await kind.credential(signal);
      const renewed = await fresh(used);
      for (let round = 0; round < 3; round++) {
        const result = await recover(renewed);
        assert.ok(result instanceof GatewayError && result.code === 'service_ended');
        assert.match(result.fix ?? '', /2026-04-15/);
      }
      assert.equal(refreshes(), 1);
    });

    it('does not call the service ended for a renewed token that died later', async () => {
      const renewed = await fresh(await kind.credential(signal));
      await fixture.clock.advance(3_600_000);
      fixture.simulator.oauth.revokeAccessTokens();
      assert.equal(accepted(await fresh(renewed)), true);
      assert.equal(refreshes(), 2);
    });

    it('refreshes a token that another process brought, before it gives up on it', async () => {
      const used = await kind.credential(signal);
      const newer = fixture.simulator.oauth.issueTokens();
      writeElsewhere(newer);
      const adopted = await fresh(used);
      assert.deepEqual([adopted.authorization, refreshes()], [bearer(newer.accessToken), 0]);
      fixture.simulator.oauth.revokeAccessTokens();
      assert.equal(accepted(await fresh(adopted)), true);
      assert.equal(refreshes(), 1);
    });

    it('adopts a newer token after a refused refresh', async () => {
      const used = await kind.credential(signal);
      const newer = fixture.simulator.oauth.issueTokens();
      fixture.simulator.oauth.refreshDead();
      fixture.intercept = async (_request, send) => {
        const answer = await send();
        writeElsewhere(newer);
        return answer;
      };
      assert.equal((await fresh(used)).authorization, bearer(newer.accessToken));
    });

    it('tells why it could not be renewed', async () => {
      const used = await kind.credential(signal);
      fixture.simulator.oauth.waf();
      const passing = await recover(used);
      assert.ok(passing instanceof GatewayError && passing.scope === 'provider');
      fixture.simulator.oauth.refreshDead();
      const final = await recover(used);
      assert.ok(final instanceof GatewayError && final.code === 'unauthorized');
    });
  });

  describe('while a refresh is under way', () => {
    it('a request that is given up leaves at once, and the others get the token', async () => {
      leave(0);
      const held = hold();
      const controller = new AbortController();
      const reason = new GatewayError('client_gone', 'gone');
      const [first, second] = [kind.credential(controller.signal), kind.credential(signal)];
      await held.reached;
      controller.abort(reason);
      await assert.rejects(first, (error) => error === reason);
      held.release();
      assert.equal(accepted(await second), true);
      assert.equal(refreshes(), 1);
    });

    it('the token is kept although every request was given up', async () => {
      const held = hold();
      const used = await kind.credential(signal);
      const controller = new AbortController();
      const waiting = kind.recover(used, refusal, controller.signal);
      await held.reached;
      controller.abort(new GatewayError('client_gone', 'gone'));
      await assert.rejects(waiting, { code: 'client_gone' });
      const kept = new Promise<void>((resolve) => store.onDidChange(resolve));
      held.release();
      await kept;
      assert.equal(fixture.simulator.oauth.acceptsAccessToken(stored().secret.accessToken), true);
    });

    it('a removed account stays removed', async () => {
      leave(0);
      const held = hold();
      const waiting = kind.credential(signal);
      await held.reached;
      await store.remove('qwen');
      held.release();
      await assert.rejects(waiting, { code: 'no_account' });
      assert.deepEqual([store.list(), secrets.entries.has('account:qwen')], [[], false]);
    });

    it('what the user changes meanwhile is not undone', async () => {
      leave(0);
      const held = hold();
      const waiting = kind.credential(signal);
      await held.reached;
      await store.update('qwen', (current) => ({ ...current, enabled: false, order: 4 }));
      held.release();
      await waiting;
      assert.deepEqual([stored().enabled, stored().order], [false, 4]);
      assert.notEqual(stored().secret.accessToken, account.secret.accessToken);
    });
  });
});
