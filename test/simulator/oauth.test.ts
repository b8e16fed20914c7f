import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { oauthPaths } from './oauth.ts';
import { type RawAnswer, send } from './raw-client.ts';
import { type Simulator, startSimulator } from './simulator.ts';
import { chatAt, postForm } from './test-requests.ts';

const clientId = 'f0304373b74a44d2b584a3fb70ca9e56';
const verifier = randomBytes(32).toString('base64url');
const deviceFields = {
  client_id: clientId,
  scope: 'openid profile email model.completion',
  code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  code_challenge_method: 'S256',
};
const portalMessages = [
  { role: 'system', content: [{ type: 'text', text: 'You code.', cache_control: { type: 'ephemeral' } }] },
  { role: 'user', content: 'hello' },
];

describe('simulator: oauth', () => {
  let simulator: Simulator;
  let nowMs = Date.UTC(2026, 3, 1);

  before(async () => {
    simulator = await startSimulator({ now: () => nowMs });
  });
  beforeEach(() => simulator.reset());
  after(() => simulator.close());

  const startLogin = (fields: Record<string, string> = deviceFields) =>
    postForm(simulator.origin + oauthPaths.device, fields);
  const token = (fields: Record<string, string>) =>
    postForm(simulator.origin + oauthPaths.token, { client_id: clientId, ...fields });
  const poll = (deviceCode: string, codeVerifier = verifier) =>
    token({
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: deviceCode,
      code_verifier: codeVerifier,
    });
  const refresh = (refreshToken: string) => token({ grant_type: 'refresh_token', refresh_token: refreshToken });
  const deviceCode = async () => String((await startLogin()).json.device_code);
  const infer = (accessToken: string, messages: readonly object[] = portalMessages) =>
    chatAt(simulator.portalBaseUrl, accessToken, { model: 'coder-model', messages });

  it('logs in: device code, pending, approved, once', async () => {
    const { json, status } = await startLogin();
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(json), [
      'device_code',
      'user_code',
      'verification_uri',
      'verification_uri_complete',
      'expires_in',
    ]);
    const code = String(json.device_code);
    assert.deepEqual(outcome(await poll(code)), [400, 'authorization_pending']);
    simulator.oauth.approve(String(json.user_code));
    const granted = await poll(code);
    assert.equal(granted.json.resource_url, `${simulator.origin}/portal`);
    assert.equal((await infer(String(granted.json.access_token))).status, 200);
    assert.equal((await poll(code)).status, 401);
    assert.equal(simulator.oauth.devicePolls, 3);
  });

  it('says pending in three forms, and slow_down with two statuses', async () => {
    const code = await deviceCode();
    simulator.oauth.pendingForm = '200-status';
    assert.deepEqual((await poll(code)).json, { status: 'pending' });
    simulator.oauth.pendingForm = '200-null';
    assert.equal((await poll(code)).json.access_token, null);
    simulator.oauth.slowDownNext(1, 429);
    assert.deepEqual(outcome(await poll(code)), [429, 'slow_down']);
    simulator.oauth.slowDownNext();
    assert.deepEqual(outcome(await poll(code)), [400, 'slow_down']);
  });

  it('ends a login that was denied or expired', async () => {
    const denied = await deviceCode();
    simulator.oauth.deny();
    assert.deepEqual(outcome(await poll(denied)), [400, 'access_denied']);
    const expired = await deviceCode();
    simulator.oauth.expire();
    assert.deepEqual(outcome(await poll(expired)), [400, 'expired_token']);
    const old = await deviceCode();
    nowMs += 900_000;
    assert.deepEqual(outcome(await poll(old)), [400, 'expired_token']);
    assert.throws(() => simulator.oauth.approve(), /no device login is waiting/);
    assert.equal((await poll('unknown')).status, 401);
  });

  it('refuses the wrong verifier, client, challenge, scope, grant and body format', async () => {
    const code = await deviceCode();
    simulator.oauth.approve();
    assert.deepEqual(outcome(await poll(code, 'x'.repeat(43))), [400, 'invalid_grant']);
    assert.deepEqual(outcome(await startLogin({ ...deviceFields, client_id: 'x' })), [401, 'invalid_client']);
    assert.deepEqual(outcome(await startLogin({ ...deviceFields, code_challenge_method: 'plain' })), [
      400,
      'invalid_request',
    ]);
    assert.deepEqual(outcome(await startLogin({ ...deviceFields, scope: 'openid' })), [400, 'invalid_scope']);
    assert.deepEqual(outcome(await token({ grant_type: 'password' })), [400, 'unsupported_grant_type']);
    const headers = { 'content-type': 'application/json', 'user-agent': 'test/1.0' };
    const json = await send(simulator.origin + oauthPaths.device, { headers, body: JSON.stringify(deviceFields) });
    assert.deepEqual(outcome(json), [400, 'invalid_request']);
  });

  it('answers with the firewall page if told, and to requests without User-Agent', async () => {
    simulator.oauth.waf(1);
    const page = await startLogin();
    assert.deepEqual([page.status, page.headers['content-type']], [200, 'text/html; charset=utf-8']);
    assert.equal((await startLogin()).headers['content-type'], 'application/json');
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const nameless = await send(simulator.origin + oauthPaths.token, { headers, body: 'grant_type=refresh_token' });
    assert.equal(nameless.headers['content-type'], 'text/html; charset=utf-8');
    assert.equal(simulator.oauth.refreshCount, 0);
  });

  it('expires access tokens and rotates refresh tokens; reuse kills the chain', async () => {
    simulator.oauth.expiresInSeconds = 60;
    const first = simulator.oauth.issueTokens();
    assert.equal(first.expiresAtMs, nowMs + 60_000);
    nowMs += 60_000;
    assert.equal((await infer(first.accessToken)).status, 401);
    const second = await refresh(first.refreshToken);
    const accessToken = String(second.json.access_token);
    assert.equal((await infer(accessToken)).status, 200);
    assert.deepEqual(outcome(await refresh(first.refreshToken)), [400, 'invalid_request']);
    assert.equal((await infer(accessToken)).status, 401);
    assert.equal((await refresh(String(second.json.refresh_token))).status, 400);
    assert.equal(simulator.oauth.refreshCount, 3);
  });

  it('keeps the refresh token without rotation', async () => {
    simulator.oauth.rotateRefreshToken = false;
    const { refreshToken } = simulator.oauth.issueTokens();
    assert.ok(!('refresh_token' in (await refresh(refreshToken)).json));
    assert.equal((await refresh(refreshToken)).status, 200);
  });

  it('can revoke access tokens, refuse every refresh, and end the service', async () => {
    const tokens = simulator.oauth.issueTokens();
    simulator.oauth.revokeAccessTokens();
    assert.equal((await infer(tokens.accessToken)).status, 401);
    simulator.oauth.serviceEnded = true;
    const refreshed = await refresh(tokens.refreshToken);
    assert.equal(refreshed.status, 200);
    const ended = await infer(String(refreshed.json.access_token));
    assert.deepEqual([ended.status, ended.error.message], [401, 'invalid access token or token expired']);
    simulator.oauth.refreshDead();
    assert.equal(
      (await refresh(String(refreshed.json.refresh_token))).json.error_description,
      'Invalid refresh token or client_id',
    );
  });

  it('wants exactly one cache-marked system message on the portal, and its tokens nowhere else', async () => {
    const { accessToken } = simulator.oauth.issueTokens();
    const [system, user] = portalMessages;
    assert.ok(system && user);
    for (const messages of [
      [user],
      [{ role: 'system', content: 'plain' }, user],
      [system, system, user],
      [user, system, user],
    ]) {
      assert.equal((await infer(accessToken, messages)).status, 400);
    }
    assert.equal((await infer(accessToken)).status, 200);
    assert.equal((await chatAt(simulator.baseUrl, accessToken)).status, 401);
  });
});

function outcome({ status, json }: RawAnswer) {
  return [status, json.error];
}
