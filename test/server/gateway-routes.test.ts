import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RequestRecord } from '../../src/core/activity.ts';
import type { ClientKeyLimits, NamedClientKey } from '../../src/core/client-key.ts';
import type { Event } from '../../src/core/contracts.ts';
import { createEmitter } from '../../src/core/emitter.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { type GatewayEvent, type GatewayState, gatewayPaths } from '../../src/core/gateway-protocol.ts';
import { type GatewayNews, sendFeed } from '../../src/server/gateway-feed.ts';
import {
  type GatewaySurface,
  type RegisterGatewayRoute,
  registerGatewayRoutes,
} from '../../src/server/gateway-routes.ts';
import type { GuardPolicy } from '../../src/server/guard.ts';
import { openFeed } from '../support/gateway-feed.ts';
import { clientKey, startProxy, type TestProxy, type TestProxyOptions } from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

const state: GatewayState = {
  ...{ name: 'qwen-proxy', protocol: 1, version: '1.2.3', scope: 'admin', serves: true },
  ...{ readiness: { ready: 0, total: 0 }, accounts: [], requestsToday: 0 },
};

type Visit = Parameters<Parameters<RegisterGatewayRoute>[1]>[0];

const adminKey = 'qp-admin-canary';
const annasKey = 'qp-anna-canary';
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const hourly = `${gatewayPaths.usage}?bucket=hour&utc_offset=0&since=${Date.now() - 3_600_000}&until=${Date.now() + 3_600_000}`;

describe('server: what an editor that follows it may see', () => {
  const simulator = useSimulator({ keys: ['sk-one', 'sk-two'] });
  let server: TestProxy;
  let keys: NamedClientKey[];
  const start = async (options: TestProxyOptions = {}, limits: ClientKeyLimits = {}) => {
    keys = [{ name: 'anna', digest: createHash('sha256').update(annasKey).digest('hex'), createdAtMs: 0, limits }];
    server = await startProxy({
      accounts: { one: 'sk-one', two: 'sk-two' },
      baseUrl: simulator.baseUrl,
      settings: { ADMIN_KEY: adminKey },
      namedKeys: () => keys,
      ...options,
    });
  };
  afterEach(() => server.dispose());
  const get = (path: string, headers: Readonly<Record<string, string>>) => server.raw(path, { method: 'GET', headers });
  const ask = (key: string) => server.chat({}, { headers: bearer(key) });
  const requestsOf = (events: readonly GatewayEvent[]) =>
    events.flatMap((event) => (event.type === 'requests' ? event.records : []));

  it('the admin key sees the accounts, and that it is no key for clients', async () => {
    await start();
    const { status, json } = await get(gatewayPaths.state, bearer(adminKey));
    assert.equal(status, 200);
    const { name, protocol, version, scope, serves, readiness, accounts } = json;
    assert.deepEqual(
      { name, protocol, version, scope, serves, readiness },
      {
        name: 'qwen-proxy',
        protocol: 1,
        version: '1.2.3',
        scope: 'admin',
        serves: false,
        readiness: { ready: 2, total: 2 },
      },
    );
    assert.deepEqual(Array.isArray(accounts) && accounts.map(({ id, state }) => [id, state]), [
      ['one', 'ready'],
      ['two', 'ready'],
    ]);
    const both = await get(gatewayPaths.state, { ...bearer(clientKey), 'x-api-key': adminKey });
    assert.deepEqual([both.json.scope, both.json.serves], ['admin', true]);
  });
  it('a client key sees how many accounts are ready, and what is left of its own limit', async () => {
    await start({}, { tokensPerDay: 1_000_000 });
    await ask(annasKey);
    await ask(clientKey);
    const { json } = await get(gatewayPaths.state, bearer(annasKey));
    const readiness = json.readiness as { readonly left: number };
    assert.ok(readiness.left < 1 && readiness.left > 0.9);
    assert.deepEqual(
      { ...json, readiness: { ...readiness, left: 0 } },
      {
        name: 'qwen-proxy',
        protocol: 1,
        version: '1.2.3',
        scope: 'client',
        serves: true,
        readiness: { ready: 2, total: 2, left: 0 },
        accounts: [],
        requestsToday: 1,
        key: { name: 'anna', limits: { tokensPerDay: 1_000_000 } },
      },
    );
    const models = await get(`${gatewayPaths.accountModels}?account=one`, bearer(annasKey));
    assert.equal(models.status, 403);
  });
  it('the one key of a loopback server administers there too', async () => {
    await start({ settings: {} });
    const { json } = await get(gatewayPaths.state, bearer(clientKey));
    assert.deepEqual([json.scope, json.serves], ['admin', true]);
    const models = await get(`${gatewayPaths.accountModels}?account=one`, bearer(clientKey));
    assert.ok(Array.isArray(models.json.models) && models.json.models.includes('qwen3-coder-plus'));
  });
  it('usage is everybody’s for an administrator, and one’s own for a client', async () => {
    await start();
    await ask(annasKey);
    await ask(annasKey);
    await ask(clientKey);
    const counted = async (key: string) => {
      const { json } = await get(hourly, bearer(key));
      assert.ok(Array.isArray(json.buckets));
      return json.buckets.map(({ account, model, requests }) => [account, model, requests]);
    };
    assert.deepEqual(await counted(adminKey), [['one', 'qwen3-coder-plus', 3]]);
    assert.deepEqual(await counted(annasKey), [['anna', 'qwen3-coder-plus', 2]]);
    assert.deepEqual(await counted(clientKey), [['gateway', 'qwen3-coder-plus', 1]]);
  });
  it('usage of another server is asked for in vain, at once', async () => {
    await start();
    assert.equal((await get(`${hourly}&replica=b`, bearer(adminKey))).status, 421);
  });
  for (const [what, query] of [
    ['no bucket', 'since=1'],
    ['a year', `bucket=day&utc_offset=0&since=${Date.now() - 366 * 86_400_000}&until=1`],
    ['no number', `bucket=day&utc_offset=0&since=x&until=1`],
    ['an offset that no place has', `bucket=day&utc_offset=9999&since=${Date.now()}&until=1`],
  ] as const)
    it(`usage over ${what} is a bad request`, async () => {
      await start();
      assert.equal((await get(`${gatewayPaths.usage}?${query}`, bearer(adminKey))).status, 400);
    });

  for (const path of Object.values(gatewayPaths)) {
    it(`${path} asks for a key, and for a Host and an Origin that are served`, async () => {
      await start();
      assert.equal((await get(path, bearer('nonsense'))).status, 401);
      assert.equal((await get(path, { authorization: '' })).status, 401);
      assert.equal((await get(path, { ...bearer(adminKey), host: 'evil.example' })).status, 403);
      assert.equal((await get(path, { ...bearer(adminKey), origin: 'https://evil.example' })).status, 403);
      assert.equal((await server.raw(path, { method: 'POST', headers: bearer(adminKey) })).status, 405);
    });
    it(`${path} is not there in an editor, whose windows have a sealed way of their own`, async () => {
      await start({ mode: 'editor' });
      assert.equal((await get(path, bearer(adminKey))).status, 404);
    });
  }

  describe('the feed', () => {
    const follow = (key: string) => openFeed(server.url + gatewayPaths.events, bearer(key));
    const firstState = (event: GatewayEvent) => event.type === 'state';
    const isOver = (event: GatewayEvent) =>
      event.type === 'requests' && event.records.some(({ state }) => state === 'answered');

    it('tells several editors the state and each request as far as their keys may see it', async () => {
      await start();
      const [admin, anna, other] = await Promise.all([follow(adminKey), follow(annasKey), follow(clientKey)]);
      await Promise.all([admin, anna, other].map((feed) => feed.until(firstState)));
      await ask(annasKey);
      await Promise.all([admin.until(isOver), anna.until(isOver)]);
      const [seen] = requestsOf(admin.events).filter(({ state }) => state === 'answered');
      assert.deepEqual([seen?.key, seen?.account, seen?.attempts.length], ['anna', 'one', 1]);
      const [own] = requestsOf(anna.events).filter(({ state }) => state === 'answered');
      assert.deepEqual([own?.key, own?.account, own?.attempts], ['anna', 'anna', []]);
      await admin.until((event) => event.type === 'state' && event.state.requestsToday === 1);
      await ask(clientKey);
      await other.until(isOver);
      assert.deepEqual(
        requestsOf(other.events).map(({ key }) => key),
        requestsOf(other.events).map(() => undefined),
      );
      assert.ok(requestsOf(anna.events).every(({ key }) => key === 'anna'));
      for (const feed of [admin, anna, other]) feed.close();
    });
    it('begins with what was before, and tells a change of an account', async () => {
      await start();
      await ask(clientKey);
      const feed = await follow(adminKey);
      assert.equal(requestsOf([await feed.until(isOver)]).length, 1);
      await server.proxy.setAccountEnabled('two', false);
      const changed = await feed.until((event) => event.type === 'state' && event.state.readiness.ready === 1);
      assert.equal(changed.type === 'state' && changed.state.accounts[1]?.state, 'disabled');
      feed.close();
    });
    it('ends when its key is revoked', async () => {
      await start();
      const feed = await follow(annasKey);
      await feed.until(firstState);
      keys = [];
      await ask(clientKey);
      await feed.ended;
      assert.equal((await follow(annasKey)).status, 401);
    });
    it('is not there for a HEAD, which would wait for its end', async () => {
      await start();
      for (const path of [gatewayPaths.events, `/${gatewayPaths.events}/?since=now`]) {
        const { status, headers } = await server.raw(path, { method: 'HEAD', headers: bearer(adminKey) });
        assert.deepEqual([status, headers.allow], [405, 'GET'], path);
      }
    });
    it('is for so many editors and no more', async () => {
      const feed = createEmitter<never>();
      const news: GatewaySurface = {
        ...{ onDidChange: feed.event, onDidChangeRequests: feed.event, requests: () => [], visible: () => [] },
        state: () => state,
        usage: async () => [],
        replica: () => undefined,
        accountModels: async () => [],
      };
      let open: ((visit: Visit) => Promise<void>) | undefined;
      const policy: GuardPolicy = {
        ...{ allowedHosts: [], corsOrigins: [], clientKeys: 'off', adminKey: undefined, isLoopback: true },
      };
      registerGatewayRoutes(
        (path, handle) => {
          if (path === gatewayPaths.events) open = handle;
        },
        news,
        { policy: () => policy, now: Date.now, feedLimit: 2 },
      );
      const listening = createServer((request, response) => {
        open?.({ request, response, requestId: 'req_x' }).catch((error) => {
          response.statusCode = error instanceof GatewayError && error.code === 'too_many_requests' ? 429 : 500;
          response.end();
        });
      }).listen(0, '127.0.0.1');
      await once(listening, 'listening');
      const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}/`;
      const [first, second] = await Promise.all([openFeed(url, {}), openFeed(url, {})]);
      assert.deepEqual([first.status, second.status], [200, 200]);
      assert.equal((await openFeed(url, {})).status, 429);
      first.close();
      second.close();
      listening.close();
    });
    it('ends with the server, and does not keep it from stopping', async () => {
      await start();
      const feed = await follow(adminKey);
      await feed.until(firstState);
      await server.proxy.stop();
      await feed.ended;
    });
  });

  describe('the feed of a reader that', () => {
    const changed = createEmitter<void>();
    const requests = createEmitter<readonly RequestRecord[]>();
    let subscriptions = 0;
    const counted =
      <T>(event: Event<T>): Event<T> =>
      (listener) => {
        subscriptions++;
        const subscription = event(listener);
        return {
          dispose() {
            subscriptions--;
            subscription.dispose();
          },
        };
      };
    let stateNumber = 0;
    const news: GatewayNews = {
      // Larger than what a kernel buffers for a socket.
      state: () => ({ ...state, version: 'x'.repeat(1_000_000), requestsToday: stateNumber }),
      visible: (_viewer, records) => records,
      requests: () => [],
      onDidChange: counted(changed.event),
      onDidChangeRequests: counted(requests.event),
    };
    /** A server with that feed, and the response of its one reader. */
    const serve = async (stallMs: number, aliveMs = 20) => {
      const opened = Promise.withResolvers<ServerResponse>();
      const listening = createServer((_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        void sendFeed(response, { news, viewer: () => ({ scope: 'admin', serves: true }), aliveMs, stallMs });
        opened.resolve(response);
      }).listen(0, '127.0.0.1');
      await once(listening, 'listening');
      const { port } = listening.address() as AddressInfo;
      const reading = request({ port, host: '127.0.0.1', agent: false }).end();
      reading.on('error', () => {});
      const [answer] = await once(reading, 'response');
      return { response: await opened.promise, answer, reading, listening };
    };

    it('hangs costs no more memory, however much changes, and is given up', async () => {
      const { response, answer, listening } = await serve(400);
      answer.pause();
      const closed = once(response, 'close');
      const news = setInterval(() => {
        stateNumber++;
        changed.fire();
        requests.fire([
          { id: `req_${stateNumber}`, startedMs: 0, state: 'open', dialect: 'x', stream: true, attempts: [] },
        ]);
      }, 1);
      let longest = 0;
      const watching = setInterval(() => {
        longest = Math.max(longest, response.writableLength);
      }, 5);
      await closed;
      clearInterval(news);
      clearInterval(watching);
      assert.ok(longest > 0 && longest < 3_500_000, `${longest} bytes waited`);
      assert.equal(subscriptions, 0);
      listening.close();
    });
    it('goes leaves nothing behind', async () => {
      const { response, reading, listening } = await serve(60_000);
      assert.equal(subscriptions, 2);
      reading.destroy();
      await once(response, 'close');
      assert.equal(subscriptions, 0);
      listening.close();
    });
    it('is well hears signs of life when nothing changes', async () => {
      const { answer, reading, listening } = await serve(60_000);
      let text = '';
      for await (const read of answer) {
        text += String(read);
        if (text.split('"alive"').length > 3) break;
      }
      assert.equal(text.split('"type":"state"').length, 2, 'the state that did not change was told once');
      reading.destroy();
      listening.close();
    });
  });
});
