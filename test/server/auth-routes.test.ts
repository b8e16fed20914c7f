import assert from 'node:assert/strict';
import {
  clientKey,
  hurriedClock,
  startProxy,
  type TestProxy,
  type TestProxyOptions,
  textOfEvents,
} from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

describe('server: the device flow over HTTP', () => {
  const simulator = useSimulator();
  let server: TestProxy;

  const start = async ({ settings, ...options }: TestProxyOptions = {}) => {
    server = await startProxy({
      // The flow's seconds between polls pass in milliseconds; the quarter of an hour that a code lives stays long enough.
      clock: hurriedClock(50),
      settings: {
        QWEN_DEVICE_CODE_ENDPOINT: `${simulator.origin}/api/v1/oauth2/device/code`,
        QWEN_TOKEN_ENDPOINT: `${simulator.origin}/api/v1/oauth2/token`,
        ...settings,
      },
      ...options,
    });
  };
  const initiate = async (body: object = {}) => server.raw('/auth/initiate', { body: JSON.stringify(body) });
  const poll = (deviceCode: unknown) => server.raw('/auth/poll', { body: JSON.stringify({ device_code: deviceCode }) });
  /** Polls until the server has asked Qwen, and Qwen's word is another than this. */
  const pollWhile = async (deviceCode: unknown, error: string) => {
    let answer = await poll(deviceCode);
    while (answer.json.error === error) answer = await poll(deviceCode);
    return answer;
  };

  afterEach(() => server.dispose());

  it('goes the whole way: initiate, pending, approved, an account that serves', async () => {
    await start();
    const started = await initiate({ id: 'mine' });
    assert.equal(started.status, 200);
    assert.equal(started.headers['cache-control'], 'no-store');
    const { device_code: code, user_code: userCode, ...shown } = started.json;
    assert.deepEqual(Object.keys(shown), ['verification_uri', 'verification_uri_complete', 'expires_in', 'interval']);
    assert.ok(String(shown.verification_uri_complete).includes(String(userCode)));
    assert.ok(Number(shown.expires_in) > 0 && Number(shown.expires_in) <= 900);
    assert.equal(shown.interval, 2);

    const pending = await poll(code);
    assert.deepEqual([pending.status, pending.json], [400, { error: 'authorization_pending' }]);
    simulator.oauth.approve(String(userCode));
    const done = await pollWhile(code, 'authorization_pending');
    assert.equal(done.status, 200);
    assert.deepEqual([done.json.status, done.json.account], ['complete', { id: 'mine' }]);

    const [account] = (await server.proxy.snapshot()).accounts;
    assert.deepEqual([account?.id, account?.kind], ['mine', 'oauth-device']);
    const again = await poll(code);
    assert.deepEqual([again.status, again.json.error], [400, 'expired_token']);
  });

  it('never shows a token or Qwen’s own device code', async () => {
    await start();
    const started = await initiate();
    simulator.oauth.approve();
    const done = await pollWhile(started.json.device_code, 'authorization_pending');
    assert.equal(done.status, 200);
    const polled = simulator.requests.filter((request) => request.rawBody.includes('device_code='));
    const form = new URLSearchParams(polled[0]?.rawBody);
    const stored = [...server.secrets.entries.values()].join(' ');
    const secrets = [form.get('device_code'), form.get('code_verifier')];
    for (const [, token] of stored.matchAll(/"(?:accessToken|refreshToken)":"([^"]+)"/g)) secrets.push(token ?? null);
    assert.equal(secrets.length, 4);
    const seen = started.text + done.text + JSON.stringify([await server.proxy.snapshot(), server.logs]);
    for (const secret of secrets) assert.ok(secret !== null && secret.length > 20 && !seen.includes(secret));
  });

  it('passes slow_down on, then the sign-in', async () => {
    await start();
    const { device_code: code } = (await initiate()).json;
    simulator.oauth.slowDownNext(1, 429);
    const slow = await pollWhile(code, 'authorization_pending');
    assert.deepEqual([slow.status, slow.json], [400, { error: 'slow_down' }]);
    simulator.oauth.approve();
    let done = await poll(code);
    while (done.status === 400) done = await poll(code);
    assert.equal(done.json.status, 'complete');
  });
  it('denied', async () => {
    await start();
    const { device_code: code } = (await initiate()).json;
    simulator.oauth.deny();
    const answer = await pollWhile(code, 'authorization_pending');
    assert.deepEqual([answer.status, answer.json.error], [400, 'access_denied']);
  });
  it('expired', async () => {
    await start();
    const { device_code: code } = (await initiate()).json;
    simulator.oauth.expire();
    const answer = await pollWhile(code, 'authorization_pending');
    assert.deepEqual([answer.status, answer.json.error], [400, 'expired_token']);
  });
  it('an unknown handle is an expired one, a missing one a bad request', async () => {
    await start();
    assert.equal((await poll('never-issued')).json.error, 'expired_token');
    const missing = await poll(undefined);
    assert.deepEqual([missing.status, missing.error.param], [400, 'device_code']);
  });
  it('a body is optional for initiate, but has to be an object', async () => {
    await start();
    assert.equal((await server.raw('/auth/initiate')).status, 200);
    assert.equal((await server.raw('/auth/initiate', { body: '[]' })).status, 400);
  });
  it('an id that cannot be used is the client’s mistake', async () => {
    await start({ accounts: { taken: 'sk-x' }, baseUrl: simulator.baseUrl });
    for (const id of ['Not An Id', 'taken']) {
      const { status, error } = await initiate({ id });
      assert.deepEqual([status, error.type, error.param], [400, 'invalid_request_error', 'id'], id);
    }
  });
  it('a sign-in server that fails is told as what it is', async () => {
    await start();
    simulator.oauth.waf(1);
    const { status, error } = await initiate();
    assert.equal(status, 502);
    assert.match(String(error.message), /sign-in server answered 200 without JSON/);
  });

  describe('who may', () => {
    const routes = ['/auth/initiate', '/auth/poll'] as const;
    const statusWith = async (key: string) => {
      const statuses = [];
      for (const path of routes)
        statuses.push(
          (await server.raw(path, { body: '{"device_code":"x"}', headers: { authorization: `Bearer ${key}` } })).status,
        );
      return statuses;
    };
    it('on loopback with one client key that key', async () => {
      await start();
      assert.deepEqual(await statusWith(clientKey), [200, 400]);
      assert.deepEqual(await statusWith('other'), [401, 401]);
    });
    it('where ADMIN_KEY is set only that one', async () => {
      await start({ settings: { ADMIN_KEY: 'admin' } });
      assert.deepEqual(await statusWith(clientKey), [401, 401]);
      assert.deepEqual(await statusWith('admin'), [200, 400]);
      const chat = await server.raw('/v1/models', { method: 'GET', headers: { authorization: 'Bearer admin' } });
      assert.equal(chat.status, 401, 'it administers, it does not chat');
    });
    it('with several client keys nobody, until ADMIN_KEY is set', async () => {
      await start({ settings: { API_KEY: 'alpha,beta' } });
      assert.deepEqual(await statusWith('alpha'), [403, 403]);
    });
    it('without keys on loopback everybody', async () => {
      await start({ settings: { API_KEY: 'off' } });
      assert.deepEqual(await statusWith(''), [200, 400]);
    });
  });

  it('the signed-in account answers chat requests', async () => {
    await start();
    const { device_code: code } = (await initiate()).json;
    simulator.oauth.approve();
    await pollWhile(code, 'authorization_pending');
    const answer = await server.chat({
      stream: true,
      model: 'coder-model',
      messages: [
        { role: 'system', content: [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral' } }] },
        { role: 'user', content: 'hello' },
      ],
    });
    assert.equal(textOfEvents(answer), 'Echo: hello');
  });
});
