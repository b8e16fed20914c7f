import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { formatAccount } from '../../src/accounts/account.ts';
import { type GatewayEvent, gatewayPaths } from '../../src/core/gateway-protocol.ts';
import { diagnosticsReport } from '../../src/vscode/views/diagnostics-report.ts';
import type { RecordedRequest } from '../simulator/contract.ts';
import { send } from '../simulator/raw-client.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { keyAccount, oauthAccount } from '../support/accounts.ts';
import { openFeed } from '../support/gateway-feed.ts';
import { launchCli } from '../support/launch-cli.ts';
import { type RouteRequest, routeRequests } from '../support/route-requests.ts';
import { buildBundles } from '../support/server-bundle.ts';
import { createMemorySecrets, hurriedPauses, startProxy, type TestProxy } from '../support/server-proxy.ts';

const canary = (name: string) => `sk-canary-${name}-${Math.random().toString(36).slice(2)}x9`;
/** One secret for every store there is, and for every place where a client can put one. */
const planted = {
  accountKey: canary('account'),
  otherKey: canary('other'),
  accessToken: canary('access'),
  refreshToken: canary('refresh'),
  clientKey: canary('client'),
  adminKey: canary('admin'),
  wrongKey: canary('wrong'),
  cookie: canary('cookie'),
  header: canary('header'),
};
/** What a user wrote is nobody's business either: it may come back in an answer, and nowhere else. */
const prompt = canary('prompt');

const assertHolds = (where: string, text: string, secrets: readonly string[]) => {
  for (const secret of secrets) assert.ok(!text.includes(secret), `${where} holds ${secret.slice(0, 20)}…`);
};
const keys = Object.values(planted);

/** Requests of which everything is proven to work on an endpoint of their own format. */
const plainMessage = { model: 'qwen3.7-plus', max_tokens: 100, messages: [{ role: 'user', content: 'hello' }] };
const plainRequests = [
  { method: 'POST', path: '/v1/messages', body: { ...plainMessage, stream: true } },
  { method: 'POST', path: '/v1/messages/count_tokens', body: plainMessage },
  {
    method: 'POST',
    path: '/v1/responses',
    body: { model: 'qwen3.7-plus', input: 'hello', store: false, stream: true },
  },
] as const;

/** Every file of a folder but the stores themselves. */
async function readFiles(directory: string, stores: readonly string[]): Promise<Map<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp') && !stores.includes(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(paths.map(async (path) => [path, await readFile(path, 'utf8')] as const)));
}

describe('canaries: a unique secret in every store, looked for wherever something is written', () => {
  let simulator: Simulator;
  before(async () => {
    simulator = await startSimulator();
  });
  after(() => simulator.close());
  beforeEach(() => {
    simulator.reset();
    for (const key of [planted.accountKey, planted.otherKey]) simulator.addKey(key);
  });

  describe('in the server of an editor', () => {
    let server: TestProxy;
    const answers: { readonly what: string; readonly text: string }[] = [];
    let controlSecret: string;
    /** What went upstream. */
    let sent: readonly Pick<RecordedRequest, 'path' | 'headers'>[];

    before(async () => {
      for (const key of [planted.accountKey, planted.otherKey]) simulator.addKey(key);
      const secrets = createMemorySecrets();
      const at = {
        baseUrl: simulator.baseUrl,
        anthropicBaseUrl: simulator.anthropicBaseUrl,
        responsesBaseUrl: simulator.baseUrl,
        plan: 'custom',
      };
      const { accessToken, refreshToken } = planted;
      for (const account of [
        keyAccount('one', { ...at, secret: { key: planted.accountKey } }),
        keyAccount('two', { ...at, order: 1, secret: { key: planted.otherKey } }),
        oauthAccount('signed', {
          order: 2,
          secret: { accessToken, refreshToken, expiresAtMs: Date.now() + 1e9, resourceUrl: simulator.portalBaseUrl },
        }),
      ])
        secrets.entries.set(`account:${account.id}`, formatAccount(account));
      server = await startProxy({
        secrets,
        mode: 'editor',
        clock: hurriedPauses(1_000),
        settings: {
          API_KEY: planted.clientKey,
          ADMIN_KEY: planted.adminKey,
          DEBUG_LOG: 'true',
          LOG_FILE_LIMIT: 2_000,
          QWEN_BASE_URL: simulator.origin,
        },
      });
      await server.proxy.watchRequests(true);
      await server.proxy.setInspecting(true);
      controlSecret = (await readFile(join(server.stateDirectory, 'control-secret'), 'utf8')).trim();

      const call = async (what: string, request: RouteRequest, authorization: string) => {
        const body = JSON.stringify(request.body ?? '').replaceAll('hello', prompt);
        const { text, headers } = await server.raw(request.path, {
          method: request.method,
          ...(request.method === 'POST' && { body }),
          headers: {
            authorization,
            cookie: `session=${planted.cookie}`,
            'x-codex-turn-metadata': `{"workspace":"/home/me/${planted.header}"}`,
            'x-forwarded-for': planted.header,
            'x-portkey-custom-host': `http://127.0.0.1:1/${planted.header}`,
            'anthropic-beta': 'context-1m-2025-08-07',
          },
        });
        answers.push({ what: `${what} ${request.method} ${request.path}`, text: text + JSON.stringify(headers) });
      };
      // Everything as it should be, with each kind of key, and everything that an upstream can refuse.
      for (const request of [...routeRequests, ...plainRequests])
        for (const [what, key] of Object.entries({
          good: planted.clientKey,
          admin: planted.adminKey,
          wrong: planted.wrongKey,
        }))
          await call(what, request, `Bearer ${key}`);
      const generating = routeRequests.filter(({ body }) => body !== undefined && 'stream' in body);
      for (const id of [3, 4, 31, 44, 50, 65, 70])
        for (const [route, request] of generating.flatMap(
          (request) =>
            [
              ['chat', request],
              ['messages', request],
            ] as const,
        )) {
          simulator.fail({ route, fault: { kind: 'error', id } });
          await call(`error ${id}`, request, `Bearer ${planted.clientKey}`);
          for (const account of ['one', 'two']) await server.proxy.clearAccount(account);
        }
      // An upstream that says back what it was given, in a body, in a stream and in a header.
      const echo = `Incorrect API key: ${planted.accountKey}, Bearer ${planted.otherKey}`;
      for (const status of [400, 401, 429, 500])
        for (const request of generating) {
          simulator.fail({
            times: 3,
            fault: {
              kind: 'http',
              status,
              body: { error: { message: echo } },
              headers: { 'x-echo': planted.accountKey },
            },
          });
          await call(`echo ${status}`, request, `Bearer ${planted.clientKey}`);
          for (const account of ['one', 'two']) await server.proxy.clearAccount(account);
        }
      sent = simulator.requests.map(({ path, headers }) => ({ path, headers }));
    });
    after(() => server.dispose());

    it('no HTTP answer of any route holds one', () => {
      assert.ok(answers.length > 100);
      for (const { what, text } of answers) assertHolds(what, text, [...keys, controlSecret]);
    });
    it('log lines hold none, and no prompt', () => {
      assertHolds('the log', JSON.stringify(server.logs), [...keys, controlSecret, prompt]);
    });
    it('ledger, request log and every other file hold none, and no prompt', async () => {
      const files = await readFiles(server.stateDirectory, ['control-secret']);
      assert.ok(
        [...files.keys()].some((path) => path.endsWith('.jsonl')),
        'the ledger was written',
      );
      assert.ok([...files.keys()].filter((path) => path.includes('log')).length > 1, 'the request log was written');
      for (const [path, text] of files) assertHolds(basename(path), text, [...keys, controlSecret, prompt]);
    });
    it('snapshots, the live list, the inspector and the CSV, which the webviews show, hold none, and no prompt', async () => {
      const records = await server.proxy.watchRequests(true);
      const inspected = await Promise.all(records.map(({ id }) => server.proxy.inspectRequest(id)));
      assert.ok(inspected.filter((each) => each !== null).length > 5);
      const shown = { snapshots: server.snapshots, records, inspected, csv: await server.proxy.exportUsage() };
      for (const [where, value] of Object.entries(shown))
        assertHolds(where, JSON.stringify(value), [...keys, controlSecret, prompt]);
    });
    it('the diagnostics report holds none', async () => {
      const report = diagnosticsReport({
        snapshot: await server.proxy.snapshot(),
        requests: await server.proxy.watchRequests(true),
        editor: { name: 'VS Code', version: '1', remote: 'local', language: 'en' },
        runtime: { node: '24', platform: 'linux', arch: 'x64' },
        network: {
          proxy: `http://${planted.header}@proxy`,
          noProxy: [],
          proxySupport: 'on',
          strictSsl: true,
          systemCertificates: true,
        },
        proxyVariables: ['HTTPS_PROXY'],
        changedSettings: { allowedHosts: [planted.header], port: 1 },
        atMs: 0,
      });
      assertHolds('the report', report, [...keys, controlSecret, prompt]);
    });
    it('errors that hosts are told hold none', async () => {
      simulator.fail({
        route: 'models',
        times: 5,
        fault: { kind: 'http', status: 401, body: { error: { message: `no: ${planted.accountKey}` } } },
      });
      const told: unknown[] = [await server.proxy.testAccount('one')];
      for (const attempt of [
        () => server.proxy.addAccount({ id: 'bad id', plan: 'custom', key: planted.otherKey, probe: false }),
        () => server.proxy.addAccount({ id: 'x', plan: 'nonsense', key: planted.otherKey, probe: false }),
        () =>
          server.proxy.addAccount({
            id: 'x',
            plan: 'custom',
            key: planted.otherKey,
            baseUrl: 'nonsense',
            probe: false,
          }),
      ])
        await assert.rejects(attempt, (error) => {
          told.push(String(error));
          return true;
        });
      assertHolds('an error', JSON.stringify(told), keys);
    });
    it('of the client’s keys, cookies and headers nothing went upstream, on any dialect and lane', () => {
      const paths = new Set(sent.map(({ path }) => path.replace(/^.*\/v1/, '')));
      assert.deepEqual(
        ['/chat/completions', '/embeddings', '/messages', '/messages/count_tokens', '/responses'].filter(
          (path) => !paths.has(path),
        ),
        [],
        'every lane was gone',
      );
      assertHolds('an upstream request', JSON.stringify(sent), [
        planted.clientKey,
        planted.adminKey,
        planted.wrongKey,
        planted.cookie,
        planted.header,
        controlSecret,
      ]);
    });
    it('upstream requests have no header that is not on the list', () => {
      const inference = sent.filter(({ path }) => !path.includes('/oauth2/'));
      const names = new Set(inference.flatMap(({ headers }) => Object.keys(headers)));
      assert.deepEqual([...names].sort(), [
        'accept',
        'accept-encoding',
        'anthropic-beta',
        'anthropic-version',
        'authorization',
        'connection',
        'content-length',
        'content-type',
        'host',
        'user-agent',
        'x-dashscope-cachecontrol',
      ]);
    });
  });

  it('what a team gateway tells the editors that follow it holds none, and no prompt', async () => {
    const server = await startProxy({
      accounts: { one: planted.accountKey, two: planted.otherKey },
      baseUrl: simulator.baseUrl,
      clock: hurriedPauses(1_000),
      settings: { API_KEY: planted.clientKey, ADMIN_KEY: planted.adminKey },
    });
    try {
      const [range, keys] = [`since=${Date.now()}&until=${Date.now() + 1e9}`, Object.values(planted)];
      const viewers = [planted.clientKey, planted.adminKey].map((key) => ({ authorization: `Bearer ${key}` }));
      const feeds = await Promise.all(viewers.map((headers) => openFeed(server.url + gatewayPaths.events, headers)));
      for (const status of [undefined, 401, 500]) {
        const body = { error: { message: `no: ${planted.accountKey} ${prompt}` } };
        if (status !== undefined) simulator.fail({ times: 3, fault: { kind: 'http', status, body } });
        const headers = { authorization: `Bearer ${planted.clientKey}` };
        await server.chat({ messages: [{ role: 'user', content: prompt }] }, { headers });
      }
      const seen = (event: GatewayEvent) =>
        event.type === 'requests' && event.records.some(({ state }) => state === 'failed');
      await Promise.all(feeds.map((feed) => feed.until(seen)));
      const told = feeds.map(({ events }) => JSON.stringify(events));
      for (const headers of viewers)
        for (const path of [
          gatewayPaths.state,
          `${gatewayPaths.usage}?bucket=day&utc_offset=0&${range}`,
          `${gatewayPaths.accountModels}?account=one`,
        ])
          told.push((await server.raw(path, { method: 'GET', headers })).text);
      for (const text of told) assertHolds('what was told', text, [...keys, prompt]);
      for (const feed of feeds) feed.close();
    } finally {
      await server.dispose();
    }
  });

  it('process listing, output and files of the headless server hold none', async () => {
    const bundles = await buildBundles();
    const home = await mkdtemp(join(tmpdir(), 'qwen-proxy-canary-'));
    try {
      const add = ['accounts', 'add', '--id', 'one', '--plan', 'custom', '--base-url', simulator.baseUrl, '--no-probe'];
      const added = await launchCli(bundles.cli, add, { home, input: `${planted.accountKey}\n` }).ended;
      assert.equal(added.code, 0, added.err);
      const env = { PORT: '0', API_KEY: planted.clientKey, ADMIN_KEY: planted.adminKey, DEBUG_LOG: 'true' };
      const { child, output, ended } = launchCli(bundles.cli, ['serve'], { home, env });
      while (!output.out.includes('\n')) await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
      const port = /:(\d+)$/m.exec(output.out.split('\n')[0] ?? '')?.[1];
      const headers = { authorization: `Bearer ${planted.clientKey}` };
      const messages = [{ role: 'user', content: prompt }];
      for (const id of [undefined, 3, 51]) {
        if (id !== undefined) simulator.fail({ fault: { kind: 'error', id } });
        const body = JSON.stringify({ model: 'qwen3-coder-plus', messages });
        await send(`http://127.0.0.1:${port}/v1/chat/completions`, { headers, body });
      }
      const listing = execFileSync('ps', ['-o', 'args=', '-p', String(child.pid)], { encoding: 'utf8' });
      assert.match(listing, /serve/);
      assertHolds('the process listing', listing, keys);
      child.kill('SIGTERM');
      await ended;
      const said = output.out + output.err + added.out + added.err;
      assertHolds('the output', said, [...keys, prompt]);
      for (const [path, text] of await readFiles(join(home, 'state'), ['accounts.json', 'control-secret']))
        assertHolds(basename(path), text, [...keys, prompt]);
    } finally {
      await bundles.remove();
      await rm(home, { recursive: true, force: true });
    }
  });
});
