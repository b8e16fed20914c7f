import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'mocha';
import type { DeviceAuthorization } from '../../src/accounts/oauth-client.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { isJsonObject } from '../../src/core/json.ts';
import { oauthPaths } from '../simulator/oauth.ts';
import { type OAuthFixture, scriptedAnswer, startOAuthFixture, tokenRequests } from '../support/oauth-fixture.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('oauth client', () => {
  let fixture: OAuthFixture;
  const signal = new AbortController().signal;
  before(async () => {
    fixture = await startOAuthFixture();
  });
  afterEach(() => fixture.reset());
  after(() => fixture.close());

  const authorize = () => fixture.client.authorizeDevice(signal);
  const poll = (device: DeviceAuthorization) =>
    fixture.client.pollDevice(device.deviceCode, device.codeVerifier, signal);
  const refresh = (token: string) => fixture.client.refresh(token, signal);
  const answerWith = (...answer: Parameters<typeof scriptedAnswer>) => {
    fixture.intercept = async () => scriptedAnswer(...answer);
  };
  const failure = async (work: Promise<unknown>): Promise<GatewayError> => {
    const error = await work.then(
      () => assert.fail('it succeeded'),
      (thrown) => thrown,
    );
    assert.ok(error instanceof GatewayError, String(error));
    return error;
  };
  const fieldsOf = (index: number) => {
    const { body } = fixture.simulator.requests[index] ?? assert.fail('no such request');
    assert.ok(isJsonObject(body));
    return body;
  };

  describe('device authorization', () => {
    it('sends exactly the fields and headers that Qwen reads', async () => {
      const device = await authorize();
      const [request] = fixture.simulator.requests;
      assert.deepEqual([request?.method, request?.path, request?.status], ['POST', oauthPaths.device, 200]);
      assert.deepEqual(fieldsOf(0), {
        client_id: 'f0304373b74a44d2b584a3fb70ca9e56',
        scope: 'openid profile email model.completion',
        code_challenge: createHash('sha256').update(device.codeVerifier).digest('base64url'),
        code_challenge_method: 'S256',
      });
      assert.match(device.codeVerifier, /^[\w-]{43}$/);
      const { headers = {} } = request ?? {};
      assert.match(headers['content-type'] ?? '', /^application\/x-www-form-urlencoded/);
      assert.equal(headers.accept, 'application/json');
      assert.equal(headers['user-agent'], 'QwenProxy/test');
      assert.match(headers['x-request-id'] ?? '', uuid);
      assert.equal(headers.authorization, undefined);
    });

    it('reads the reply; Qwen names no interval', async () => {
      const device = await authorize();
      assert.deepEqual([device.expiresInMs, device.intervalMs], [900_000, 2_000]);
      assert.equal(device.verificationUri, `${fixture.simulator.origin}/authorize`);
      assert.match(device.verificationUriComplete, new RegExp(`user_code=${device.userCode}&`));
      fixture.simulator.oauth.intervalSeconds = 7;
      assert.equal((await authorize()).intervalMs, 7_000);
    });

    it('makes a verifier of its own for every flow', async () => {
      const [one, two] = await Promise.all([authorize(), authorize()]);
      assert.notEqual(one.codeVerifier, two.codeVerifier);
    });

    it('sends a client secret where one is configured', async () => {
      fixture.settings = { ...fixture.settings, clientSecret: 'secret & more' };
      await authorize();
      assert.equal(fieldsOf(0).client_secret, 'secret & more');
    });

    it('does without verification_uri_complete', async () => {
      answerWith(200, { device_code: 'd', user_code: 'u', verification_uri: 'https://chat.qwen.ai/a', expires_in: 9 });
      assert.equal((await authorize()).verificationUriComplete, 'https://chat.qwen.ai/a');
    });

    it('says why it could not be started', async () => {
      fixture.settings = { ...fixture.settings, clientId: 'unknown' };
      const error = await failure(authorize());
      assert.deepEqual([error.code, error.upstreamStatus], ['upstream_error', 401]);
      assert.equal(error.message, 'The sign-in could not be started: client_id is unknown.');
    });
  });

  describe('poll', () => {
    it('brings the tokens once the user has agreed, with the verifier as proof', async () => {
      const device = await authorize();
      fixture.simulator.oauth.approve();
      const step = await poll(device);
      assert.ok(step.status === 'issued');
      assert.deepEqual(
        [step.tokens.expiresAtMs, step.tokens.resourceUrl],
        [fixture.clock.now() + 21_600_000, `${fixture.simulator.origin}/portal`],
      );
      assert.equal(fixture.simulator.oauth.acceptsAccessToken(step.tokens.accessToken), true);
      assert.ok((await refresh(step.tokens.refreshToken ?? '')).accessToken);
      assert.deepEqual(fieldsOf(1), {
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        client_id: 'f0304373b74a44d2b584a3fb70ca9e56',
        device_code: device.deviceCode,
        code_verifier: device.codeVerifier,
      });
    });

    for (const form of ['400', '200-status', '200-null'] as const) {
      it(`understands pending as ${form}`, async () => {
        const device = await authorize();
        fixture.simulator.oauth.pendingForm = form;
        assert.deepEqual(await poll(device), { status: 'pending' });
      });
    }

    for (const status of [400, 429] as const) {
      it(`understands slow_down with ${status}`, async () => {
        const device = await authorize();
        fixture.simulator.oauth.slowDownNext(1, status);
        assert.deepEqual(await poll(device), { status: 'slow_down' });
        assert.deepEqual(await poll(device), { status: 'pending' });
      });
    }

    it('ends when the user refused, when the code expired, and when it is unknown (401)', async () => {
      const denied = await authorize();
      fixture.simulator.oauth.deny();
      assert.deepEqual(await poll(denied), { status: 'denied' });
      const expired = await authorize();
      fixture.simulator.oauth.expire();
      assert.deepEqual(await poll(expired), { status: 'expired' });
      assert.deepEqual(await poll({ ...expired, deviceCode: 'never-issued' }), { status: 'expired' });
      const last = tokenRequests(fixture.simulator).at(-1);
      assert.equal(last?.status, 401);
    });

    it('takes a 401 in Qwen’s own envelope for an unknown code, too', async () => {
      answerWith(401, { code: 'Unauthorized', message: 'no' });
      assert.deepEqual(await poll(await device()), { status: 'expired' });
    });

    it('does not call a wrong client id an expired code', async () => {
      const started = await authorize();
      fixture.settings = { ...fixture.settings, clientId: 'unknown' };
      assert.match((await failure(poll(started))).message, /client_id is unknown/);
    });

    it('reads tokens without an end, a resource or a refresh token', async () => {
      answerWith(200, {
        access_token: 'a',
        token_type: 'Bearer',
        refresh_token: '',
        resource_url: null,
        id_token: 'x.y',
      });
      const step = await poll(await device());
      assert.deepEqual(step, {
        status: 'issued',
        tokens: { accessToken: 'a', expiresAtMs: fixture.clock.now() + 3 * 3_600_000 },
      });
    });

    it('reads the old name of the resource', async () => {
      answerWith(200, { access_token: 'a', token_type: 'bearer', expires_in: '60', endpoint: 'portal.qwen.ai' });
      const step = await poll(await device());
      assert.ok(step.status === 'issued');
      assert.deepEqual(
        [step.tokens.resourceUrl, step.tokens.expiresAtMs],
        ['portal.qwen.ai', fixture.clock.now() + 60_000],
      );
    });

    /** A device without asking the scripted server for one. */
    async function device(): Promise<DeviceAuthorization> {
      return {
        deviceCode: 'd',
        codeVerifier: 'v',
        userCode: 'u',
        verificationUri: 'https://chat.qwen.ai/a',
        verificationUriComplete: 'https://chat.qwen.ai/a',
        expiresInMs: 1,
        intervalMs: 1,
      };
    }
  });

  describe('refresh', () => {
    it('rotates the refresh token', async () => {
      const issued = fixture.simulator.oauth.issueTokens();
      const renewed = await refresh(issued.refreshToken);
      assert.ok(renewed.refreshToken);
      assert.notEqual(renewed.refreshToken, issued.refreshToken);
      assert.notEqual(renewed.accessToken, issued.accessToken);
      assert.deepEqual(fieldsOf(0), {
        grant_type: 'refresh_token',
        refresh_token: issued.refreshToken,
        client_id: 'f0304373b74a44d2b584a3fb70ca9e56',
      });
      assert.equal(fixture.simulator.requests[0]?.headers['user-agent'], 'QwenProxy/test');
    });

    it('brings no refresh token where the server keeps the old one', async () => {
      fixture.simulator.oauth.rotateRefreshToken = false;
      const renewed = await refresh(fixture.simulator.oauth.issueTokens().refreshToken);
      assert.equal('refreshToken' in renewed, false);
    });

    it('says what to do when the token is dead', async () => {
      fixture.simulator.oauth.refreshDead();
      const error = await failure(refresh('any'));
      assert.deepEqual([error.code, error.scope, error.upstreamStatus], ['unauthorized', 'account', 400]);
      assert.match(error.fix ?? '', /Sign in again/);
    });

    const answers: readonly (readonly [what: string, code: string, ...Parameters<typeof scriptedAnswer>])[] = [
      ['400 invalid_grant', 'unauthorized', 400, { error: 'invalid_grant' }],
      ['401', 'unauthorized', 401, { error: 'invalid_token' }],
      ['400 in Qwen’s envelope', 'unauthorized', 400, { error: { code: 'invalid', message: 'no' } }],
      ['200 with an error', 'unauthorized', 200, { error: 'invalid_grant' }],
      ['the firewall’s page with 200', 'upstream_protocol', 200, '<!DOCTYPE html><html></html>'],
      ['the firewall’s page with 405', 'upstream_protocol', 405, '<!DOCTYPE html><html></html>'],
      ['the firewall’s page with 400', 'upstream_protocol', 400, '<!DOCTYPE html><html></html>'],
      ['an empty answer', 'upstream_protocol', 200, ''],
      ['429 slow_down', 'upstream_error', 429, { error: 'slow_down' }],
      ['429 rate_limit', 'upstream_error', 429, { error: 'rate_limit' }],
      ['400 temporarily_unavailable', 'upstream_error', 400, { error: 'temporarily_unavailable' }],
      ['a null token', 'upstream_error', 200, { access_token: null }],
      ['500 with JSON', 'upstream_error', 500, { error: 'invalid_grant' }],
      ['502 without JSON', 'upstream_protocol', 502, 'Bad Gateway'],
      ['200 without a token', 'upstream_protocol', 200, { token_type: 'Bearer' }],
    ];
    for (const [what, code, ...answer] of answers) {
      it(`${what} is ${code === 'unauthorized' ? 'a dead token' : 'no word about the token'}`, async () => {
        answerWith(...answer);
        const error = await failure(refresh('any'));
        assert.deepEqual([error.code, error.scope], [code, code === 'unauthorized' ? 'account' : 'provider']);
      });
    }

    it('meets the firewall of the simulator without losing the token', async () => {
      const { refreshToken } = fixture.simulator.oauth.issueTokens();
      fixture.simulator.oauth.waf();
      assert.equal((await failure(refresh(refreshToken))).scope, 'provider');
      assert.ok((await refresh(refreshToken)).accessToken);
    });

    it('an endpoint that is down is the network’s fault', async () => {
      fixture.settings = { ...fixture.settings, tokenEndpoint: 'http://127.0.0.1:1/token' };
      assert.deepEqual((await failure(refresh('any'))).code, 'upstream_unreachable');
    });

    it('a timeout is one, not an answer that was not understood', async () => {
      const controller = new AbortController();
      fixture.intercept = () => {
        controller.abort(new DOMException('The time is up.', 'TimeoutError'));
        return Promise.reject(controller.signal.reason);
      };
      const error = await failure(fixture.client.refresh('any', controller.signal));
      assert.deepEqual([error.code, error.scope], ['upstream_timeout', 'provider']);
    });

    it('an abort rejects with the caller’s own reason', async () => {
      const controller = new AbortController();
      const reason = new GatewayError('client_gone', 'gone');
      fixture.intercept = (_request, send) => {
        controller.abort(reason);
        return send();
      };
      await assert.rejects(fixture.client.refresh('any', controller.signal), (error) => error === reason);
    });
  });

  it('tells no token in any of its messages', async () => {
    answerWith(400, { error: 'invalid_grant', error_description: 'nothing' });
    const error = await failure(refresh('refresh-token-canary'));
    assert.equal(
      JSON.stringify({ ...error, message: error.message, cause: String(error.cause) }).includes('canary'),
      false,
    );
  });
});
