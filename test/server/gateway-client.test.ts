import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RequestRecord } from '../../src/core/activity.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { ProxySnapshot } from '../../src/core/control.ts';
import { createHostedProxy } from '../../src/gateway/main.ts';
import { type GatewayKeys, storeGatewayKeys } from '../../src/vscode/gateway-keys.ts';
import { connectInProcess } from '../../src/vscode/server-connection.ts';
import { createServerHost, type ServerHost } from '../../src/vscode/server-host.ts';
import { createGatewayProxy } from '../../src/vscode/team-gateway/gateway-proxy.ts';
import { createMemoryHub } from '../support/memory-team.ts';
import { startFront } from '../support/round-robin-front.ts';
import {
  clientKey,
  createMemorySecrets,
  type MemorySecrets,
  startProxy,
  type TestProxy,
  testSettings,
} from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

const adminKey = 'qp-admin-canary';
const refusal = 'The gateway is administered elsewhere.';

describe('an editor that follows a team gateway', () => {
  const simulator = useSimulator({ keys: ['sk-one', 'sk-two'] });
  let gateway: TestProxy | undefined;
  let stranger: Server | TlsServer | undefined;
  let host: ServerHost;
  let secrets: MemorySecrets;
  /** The setting. */
  let url: string | undefined;
  let localServers: number;
  let folder: string;
  const lines: string[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qwen-proxy-gateway-client-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));
  beforeEach(() => {
    secrets = createMemorySecrets();
    localServers = 0;
    lines.length = 0;
  });
  afterEach(async () => {
    await host.dispose();
    await gateway?.dispose();
    gateway = undefined;
    stranger?.closeAllConnections();
    stranger?.close();
    stranger = undefined;
  });

  const startGateway = async (settings: Readonly<Record<string, unknown>> = { ADMIN_KEY: adminKey }) => {
    gateway = await startProxy({ accounts: { one: 'sk-one', two: 'sk-two' }, baseUrl: simulator.baseUrl, settings });
    url = gateway.url;
    return gateway;
  };
  const keep = (keys: GatewayKeys, of = url ?? '') => storeGatewayKeys(secrets, new URL(of).origin, keys);
  const create = () => {
    const log = (message: string) => void lines.push(message);
    host = createServerHost({
      settings: testSettings(),
      secrets,
      logger: { debug: log, info: log, warn: log, error: log },
      clock: systemClock,
      version: '0.0.0-test',
      stateDirectory: folder,
      serverPath: '',
      environment: () => ({}),
      gateway: () => url,
      async connectGateway(setting, options) {
        // Pauses are cut short, nothing else is.
        const clock = {
          ...systemClock,
          sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 50, signal),
        };
        return connectInProcess(
          createGatewayProxy({ ...options, gateway: setting, clock, random: () => 1, refusal }),
          'gateway',
        );
      },
      async connectThread(options) {
        localServers++;
        return connectInProcess(createHostedProxy({ ...options, mode: 'headless' }));
      },
      createInProcess: () => assert.fail('no thread was asked for'),
    });
    return host;
  };
  const until = (isWanted: (snapshot: ProxySnapshot) => boolean) =>
    new Promise<ProxySnapshot>((resolve) => {
      if (isWanted(host.lastSnapshot)) return resolve(host.lastSnapshot);
      const subscription = host.onDidChangeSnapshot((snapshot) => {
        if (!isWanted(snapshot)) return;
        subscription.dispose();
        resolve(snapshot);
      });
    });
  const follows = () => until(({ state }) => state === 'following');
  const hasProblem = (code: string) => until(({ problem }) => problem?.code === code);
  /** Something else than a gateway. */
  const listen = async (listener: RequestListener) => {
    const seen: IncomingHttpHeaders[] = [];
    stranger = createServer((request, response) => {
      seen.push(request.headers);
      listener(request, response);
    }).listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
    return seen;
  };

  const feedOf =
    (state: object): RequestListener =>
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${JSON.stringify({ type: 'state', state })}\n\n`);
    };
  const state = {
    ...{ name: 'qwen-proxy', protocol: 1, version: '9.9.9', scope: 'client', serves: true, accounts: [] },
    ...{ readiness: { ready: 1, total: 1 }, requestsToday: 0 },
  };

  it('starts no server, and shows the gateway’s accounts to an administrator', async () => {
    await startGateway();
    await keep({ clientKey, adminKey });
    const snapshot = await create().start();
    assert.equal(snapshot.state, 'following');
    assert.equal(snapshot.url, gateway?.url);
    assert.deepEqual(
      snapshot.accounts.map(({ id }) => id),
      ['one', 'two'],
    );
    assert.deepEqual(snapshot.gateway, {
      ...{ url: gateway?.url, version: '1.2.3', scope: 'admin' },
      readiness: { ready: 2, total: 2 },
    });
    assert.equal(await host.localKey(), clientKey);
    assert.equal(localServers, 0);
    await gateway?.proxy.setAccountEnabled('one', false);
    await until(({ gateway: followed }) => followed?.readiness?.ready === 1);
    assert.ok((await host.accountModels('two')).includes('qwen3-coder-plus'));
  });

  it('shows a client the readiness and its own requests and usage', async () => {
    const { chat } = await startGateway();
    await keep({ clientKey });
    const { accounts, gateway: followed } = await create().start();
    assert.deepEqual([accounts, followed?.scope, followed?.readiness?.total], [[], 'client', 2]);
    const told: RequestRecord[] = [];
    const answered = Promise.withResolvers<void>();
    host.onDidChangeRequests((records) => {
      told.push(...records);
      if (records.some(({ state }) => state === 'answered')) answered.resolve();
    });
    assert.deepEqual(await host.watchRequests(true), []);
    await chat();
    await answered.promise;
    assert.deepEqual(
      (await host.watchRequests()).map(({ state, account }) => [state, account]),
      [['answered', 'gateway']],
    );
    const buckets = await host.usageSummary({
      ...{ sinceMs: Date.now() - 3_600_000, untilMs: Date.now() + 3_600_000, bucket: 'hour', utcOffsetMinutes: 0 },
    });
    assert.deepEqual(
      buckets.map(({ requests, model }) => [requests, model]),
      [[1, 'qwen3-coder-plus']],
    );
    await until(({ requestsToday }) => requestsToday === 1);
  });

  it('says that a key is wanting, and follows as soon as there is one', async () => {
    await startGateway();
    const { state, problem } = await create().start();
    assert.deepEqual([state, problem?.code], ['error', 'gateway_key_missing']);
    await assert.rejects(host.localKey(), /No key/);
    await keep({ clientKey });
    await host.secretsChanged();
    await follows();
  });

  for (const [what, keys] of [
    ['a key that is not known there', { clientKey: 'qp-nonsense' }],
    ['an admin key in the place of a client key', { clientKey: adminKey }],
  ] as const)
    it(`says that ${what} is refused, and recovers with the right one`, async () => {
      await startGateway();
      await keep(keys);
      assert.equal((await create().start()).problem?.code, 'gateway_key_refused');
      await keep({ clientKey });
      await follows();
      assert.ok(!lines.join('\n').includes(keys.clientKey));
    });

  it('says that its key was revoked while it followed', async () => {
    await startGateway();
    await keep({ clientKey });
    await create().start();
    await gateway?.proxy.updateSettings(testSettings({ ADMIN_KEY: adminKey, API_KEY: 'another-key' }));
    await gateway?.proxy.setAccountEnabled('one', false);
    const { url: shown } = await hasProblem('gateway_key_refused');
    assert.equal(shown, undefined);
  });

  it('says that the gateway cannot be reached, and follows when it is back, with what it has then', async () => {
    const { port } = await startGateway();
    await keep({ clientKey, adminKey });
    await create().start();
    await gateway?.dispose();
    const { problem, accounts } = await hasProblem('gateway_unreachable');
    assert.match(problem?.message ?? '', /ECONNREFUSED/);
    assert.equal(accounts.length, 2, 'what was known stays to be seen');
    gateway = await startProxy({
      accounts: { one: 'sk-one' },
      baseUrl: simulator.baseUrl,
      settings: { ADMIN_KEY: adminKey, PORT: port },
    });
    await until(({ state, accounts: now }) => state === 'following' && now.length === 1);
  });

  it('passes over a connection that ends, as when one of several servers goes', async () => {
    let connections = 0;
    await listen((_request, response) => {
      connections++;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const event = { type: 'state', state: { ...state, version: `9.9.${connections}` } };
      response.write(`data: ${JSON.stringify(event)}\n\n`);
      if (connections === 1) response.end();
    });
    await keep({ clientKey });
    const states: string[] = [];
    create().onDidChangeSnapshot(({ state: now }) => states.push(now));
    await host.start();
    await until(({ gateway: followed }) => followed?.version === '9.9.2');
    assert.ok(!states.includes('error'), states.join(' '));
  });

  it('follows replicas behind a load balancer: one team, and no word of trouble when the one it is on goes', async () => {
    const hub = createMemoryHub();
    const open = (replica: string) => {
      const team = hub.join(replica);
      return startProxy({ settings: { ADMIN_KEY: adminKey }, team, secrets: team.secrets });
    };
    const replicas = [await open('a'), await open('b')];
    let ports = replicas.map(({ port }) => port);
    const front = await startFront(() => ports);
    try {
      const { proxy } = replicas[0] ?? assert.fail();
      await proxy.addAccount({ id: 'one', plan: 'custom', key: 'sk-one', baseUrl: simulator.baseUrl, probe: false });
      url = `http://127.0.0.1:${front.port}`;
      await keep({ clientKey, adminKey });
      const states: string[] = [];
      create().onDidChangeSnapshot(({ state: now }) => states.push(now));
      await host.start();
      const first = await until(({ accounts }) => accounts.length === 1);
      const name = first.gateway?.replica;
      const [gone, left] = name === 'a' ? replicas : replicas.toReversed();
      await gone?.chat();
      const day = { sinceMs: Date.now() - 3_600_000, untilMs: Date.now() + 3_600_000, utcOffsetMinutes: 0 };
      for (let time = 0; time < 4; time++) {
        const counted = await host.usageSummary({ ...day, bucket: 'day' });
        assert.deepEqual(
          counted.map(({ requests }) => requests),
          [1],
          'whichever server the balancer asked first',
        );
      }
      await left?.proxy.setAccountEnabled('one', false);
      await until(({ gateway: followed }) => followed?.readiness?.ready === 0);
      ports = ports.filter((port) => port !== gone?.port);
      await gone?.proxy.stop();
      await until(({ gateway: followed }) => followed?.replica !== name);
      await left?.proxy.setAccountEnabled('one', true);
      await until(({ gateway: followed }) => followed?.readiness?.ready === 1);
      assert.ok(!states.includes('error'), states.join(' '));
    } finally {
      await host.dispose();
      front.close();
      for (const replica of replicas) await replica.dispose();
    }
  });

  it('tries again at once when it is told to', async () => {
    await startGateway();
    await keep({ clientKey });
    const right = url;
    url = 'http://127.0.0.1:1';
    await keep({ clientKey });
    assert.equal((await create().start()).problem?.code, 'gateway_unreachable');
    assert.equal((await host.start()).problem?.code, 'gateway_unreachable');
    url = right;
    assert.equal((await host.restart()).state, 'following');
  });

  it('sends nothing in clear to another machine', async () => {
    url = 'http://qwen.example.com';
    await keep({ clientKey });
    const { problem, state } = await create().start();
    assert.deepEqual([state, problem?.code], ['error', 'gateway_url']);
    await assert.rejects(host.localKey());
  });

  it('sends the key of one gateway to no other', async () => {
    await startGateway();
    await keep({ clientKey, adminKey });
    await create().start();
    const seen = await listen((_request, response) => response.writeHead(404).end());
    assert.equal((await host.restart()).problem?.code, 'gateway_key_missing');
    await assert.rejects(host.localKey(), /No key/);
    await assert.rejects(host.usageSummary({ sinceMs: 0, untilMs: 1, bucket: 'day', utcOffsetMinutes: 0 }));
    assert.deepEqual(seen, []);
  });

  it('follows no redirection', async () => {
    const { url: elsewhere } = await startGateway();
    const seen = await listen((request, response) =>
      response.writeHead(302, { location: `${elsewhere}${request.url}` }).end(),
    );
    await keep({ clientKey });
    assert.equal((await create().start()).problem?.code, 'gateway_unreachable');
    assert.ok(seen.length > 0);
  });

  for (const [what, listener, code, words] of [
    ['a newer protocol', feedOf({ ...state, protocol: 2 }), 'gateway_version', /9\.9\.9 .* too new/],
    [
      'a server without these routes',
      (request, response) =>
        request.url === '/health'
          ? response.end(JSON.stringify({ name: 'qwen-proxy', version: '0.0.1', mode: 'headless' }))
          : response.writeHead(404).end('{}'),
      'gateway_version',
      /0\.0\.1 .* too old/,
    ],
    [
      'the server of an editor',
      (request, response) =>
        request.url === '/health'
          ? response.end(JSON.stringify({ name: 'qwen-proxy', version: '1.2.3', mode: 'editor' }))
          : response.writeHead(404).end('{}'),
      'gateway_version',
      /server of an editor/,
    ],
    ['another program', (_request, response) => response.end('hello'), 'gateway_unreachable', /no Qwen Proxy/],
    [
      'a 404 of another program',
      (_request, response) => response.writeHead(404).end(),
      'gateway_unreachable',
      /no Qwen/,
    ],
    [
      'a Host that is not served there',
      (_request, response) => response.writeHead(403).end('{"error":{"message":"The Host is not served here."}}'),
      'gateway_forbidden',
      /Host is not served/,
    ],
    ['a fault', (_request, response) => response.writeHead(502).end('bad gateway'), 'gateway_unreachable', /502/],
  ] as readonly (readonly [string, RequestListener, string, RegExp])[])
    it(`says what is wrong with ${what}`, async () => {
      await listen(listener);
      await keep({ clientKey });
      const { problem } = await create().start();
      assert.equal(problem?.code, code);
      assert.match(problem?.message ?? '', words);
    });

  it('trusts no certificate that nobody vouches for', async () => {
    const files = join(import.meta.dirname, '..', 'fixtures', 'tls');
    const [cert, key] = await Promise.all(
      ['cert', 'key'].map((name) => readFile(join(files, `upstream.test.${name}.pem`))),
    );
    const seen: unknown[] = [];
    const secure = createTlsServer({ cert, key }, (request) => seen.push(request.headers)).listen(0, '127.0.0.1');
    stranger = secure;
    await once(secure, 'listening');
    url = `https://127.0.0.1:${(secure.address() as AddressInfo).port}`;
    await keep({ clientKey });
    const { problem } = await create().start();
    assert.equal(problem?.code, 'gateway_unreachable');
    assert.match(problem?.message ?? '', /SELF_SIGNED_CERT/);
    assert.deepEqual(seen, []);
  });

  it('leaves administration to the gateway', async () => {
    await startGateway();
    await keep({ clientKey, adminKey });
    await create().start();
    for (const call of [
      () => host.addAccount({ plan: 'demo', probe: false }),
      () => host.removeAccount('one'),
      () => host.setAccountEnabled('one', false),
      () => host.moveAccount('one', 1),
      () => host.rotateKey(),
      () => host.startSignIn({}),
      () => host.exportAccounts({ passphrase: 'x'.repeat(20) }),
      () => host.setInspecting(true),
    ])
      await assert.rejects(call, { message: refusal });
    assert.equal(await host.inspectRequest('req_x'), null);
    assert.equal((await gateway?.proxy.snapshot())?.accounts.length, 2);
  });

  it('serves by itself when the setting goes, and follows again when it comes back', async () => {
    await startGateway();
    await keep({ clientKey, adminKey });
    await create().start();
    const setting = url;
    url = undefined;
    const own = await host.restart();
    const ids = own.accounts.map(({ id }) => id);
    assert.deepEqual([own.state, own.gateway, ids, localServers], ['serving', undefined, ['demo'], 1]);
    const { port } = own;
    url = setting;
    const followed = await host.restart();
    assert.deepEqual([followed.state, followed.accounts.length, localServers], ['following', 2, 1]);
    await assert.rejects(fetch(`http://127.0.0.1:${port}/health`), 'the local server is gone');
    url = undefined;
    const idle = await host.restart({ isServing: false });
    assert.deepEqual([idle.state, idle.gateway], ['stopped', undefined]);
  });
});
