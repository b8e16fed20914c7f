import assert from 'node:assert/strict';
import type { ProxySnapshot } from '../../src/core/control.ts';
import { gatewayProblems } from '../../src/core/followed-gateway.ts';
import { createHandedOverSecrets } from '../../src/gateway/handed-over-secrets.ts';
import { forgetGatewayKeys, headersOf, readGatewayKeys, storeGatewayKeys } from '../../src/vscode/gateway-keys.ts';
import { parseGatewayUrl } from '../../src/vscode/gateway-url.ts';
import { tooltipCommands, toStatusBarView } from '../../src/vscode/status-bar-view.ts';
import { createSecretStore } from '../../src/vscode/storage.ts';
import { toDashboardView } from '../../src/vscode/views/dashboard-view.ts';
import { createMemoryLogger } from '../support/accounts.ts';
import { createMemorySecrets } from '../support/server-proxy.ts';

const l10n = {
  t: (message: string, ...args: (string | number | boolean)[]) =>
    message.replace(/\{(\d)\}/g, (_, index) => String(args[Number(index)])),
};

describe('the address of a team gateway', () => {
  const origin = 'https://qwen.example.com';
  const accepted: readonly (readonly [string, string, string])[] = [
    [origin, origin, origin],
    [` ${origin}/ `, origin, origin],
    [`${origin}/v1`, origin, origin],
    [`${origin}/anthropic`, origin, origin],
    [`${origin}/anthropic/v1/`, origin, origin],
    [`${origin}:8443/team/v1`, `${origin}:8443/team`, `${origin}:8443`],
    ['HTTPS://Qwen.Example.Com', origin, origin],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['http://localhost:8080/v1', 'http://localhost:8080', 'http://localhost:8080'],
    ['http://[::1]:8080', 'http://[::1]:8080', 'http://[::1]:8080'],
  ];
  for (const [text, url, bound] of accepted)
    it(`${text} is ${url}`, () => assert.deepEqual(parseGatewayUrl(text), { url, origin: bound }));

  const refused: readonly (readonly [string, string])[] = [
    ['', 'no-url'],
    ['qwen.example.com', 'no-url'],
    ['ftp://qwen.example.com', 'no-url'],
    ['file:///etc/passwd', 'no-url'],
    ['http://qwen.example.com', 'not-secure'],
    ['http://192.168.0.2:8080', 'not-secure'],
    ['http://127.0.0.1.example.com', 'not-secure'],
    ['http://localhost.example.com', 'not-secure'],
    [`https://me:secret@qwen.example.com`, 'not-plain'],
    [`${origin}/?key=x`, 'not-plain'],
    [`${origin}/#x`, 'not-plain'],
  ];
  for (const [text, fault] of refused)
    it(`"${text}" is refused: ${fault}`, () => assert.equal(parseGatewayUrl(text), fault));
});

describe('the keys of a team gateway', () => {
  it('are found for their own origin alone, and forgotten', async () => {
    const secrets = createMemorySecrets();
    const keys = { clientKey: 'qp-a', adminKey: 'qp-b' };
    await storeGatewayKeys(secrets, 'https://one.example', keys);
    assert.deepEqual(await readGatewayKeys(secrets, 'https://one.example'), keys);
    for (const other of ['https://two.example', 'https://one.example:8443', 'http://one.example', ''])
      assert.equal(await readGatewayKeys(secrets, other), undefined, other);
    await forgetGatewayKeys(secrets, 'https://one.example');
    assert.equal(await readGatewayKeys(secrets, 'https://one.example'), undefined);
  });
  it('are no keys when the entry is torn', async () => {
    const secrets = createMemorySecrets();
    for (const entry of ['', 'x', '[]', '{}', '{"clientKey":1}']) {
      secrets.entries.set('gateway:https://one.example', entry);
      assert.equal(await readGatewayKeys(secrets, 'https://one.example'), undefined, entry);
    }
  });
  it('are hidden from the server, which hands its entries to other windows', async () => {
    const entries = new Map([
      ['gateway:https://one.example', '{}'],
      ['account:a', '{}'],
    ]);
    const store = createSecretStore({
      keys: async () => [...entries.keys()],
      get: async (key) => entries.get(key),
      store: async (key, value) => void entries.set(key, value),
      delete: async (key) => void entries.delete(key),
      onDidChange: () => ({ dispose() {} }),
    });
    assert.deepEqual(await store.keys(), ['account:a']);
    const handed = createHandedOverSecrets({ base: store, logger: createMemoryLogger() });
    assert.deepEqual(await handed.entries(), { 'account:a': '{}' });
    await handed.adopt({ 'account:b': '{}' });
    assert.deepEqual([...entries.keys()].sort(), ['account:b', 'gateway:https://one.example'], 'nor taken away');
  });
  it('are sent each in its own header', () => {
    assert.deepEqual(headersOf({ clientKey: 'a' }), { authorization: 'Bearer a' });
    assert.deepEqual(headersOf({ clientKey: 'a', adminKey: 'b' }), { authorization: 'Bearer a', 'x-api-key': 'b' });
  });
});

describe('what a client of a team gateway sees', () => {
  const url = 'https://qwen.example.com';
  const followed = (over: Partial<ProxySnapshot> = {}): ProxySnapshot => ({
    ...{
      state: 'following',
      version: '1.0.0',
      host: 'qwen.example.com',
      port: 443,
      url,
      accounts: [],
      requestsToday: 3,
    },
    gateway: { url, version: '2.0.0', scope: 'client', readiness: { ready: 2, total: 3, left: 0.625 } },
    ...over,
  });
  const bar = (snapshot: ProxySnapshot) => toStatusBarView(snapshot, l10n, 'en');

  it('is how many accounts are ready and what is left of its own limit', () => {
    const { text, label, command, tooltip } = bar(followed());
    assert.deepEqual(
      [text, label, command],
      ['$(cloud) Qwen 2/3 · 62 % left', 'Qwen Proxy: 2 of 3 accounts ready, 62 % left', 'qwenProxy.showDashboard'],
    );
    assert.match(tooltip, /client of the team gateway \(version 2\.0\.0\)/);
    assert.doesNotMatch(tooltip, /qwenProxy\.(stop|login|start)/);
  });
  it('is a warning, and no invitation to log in, where the gateway has nobody ready', () => {
    const view = bar(followed({ gateway: { url, scope: 'client', readiness: { ready: 0, total: 0 } } }));
    assert.deepEqual([view.background, view.command], ['warning', 'qwenProxy.showDashboard']);
  });
  for (const code of gatewayProblems)
    it(`is what to do next about ${code}`, () => {
      const { url: _, ...rest } = followed();
      const snapshot = { ...rest, state: 'error', problem: { code, message: 'Because.' } } as const;
      const { text, label, command, tooltip } = bar(snapshot);
      assert.match(text, /^\$\((key|error)\) Qwen: (Enter Key|Gateway)$/);
      assert.match(label, /team gateway.*Press to/);
      assert.equal(command, /key|url/.test(code) ? 'qwenProxy.connectGateway' : 'qwenProxy.start');
      assert.match(tooltip, /Because/);
      for (const [, id] of tooltip.matchAll(/command:([\w.]+)/g))
        assert.ok(
          tooltipCommands.some((each) => each === id),
          id,
        );
    });
  it('is a dashboard without administration and bodies', () => {
    const view = toDashboardView(followed(), 0, { l10n, locale: 'en' });
    assert.deepEqual(
      view.actions.map(({ action }) => action),
      ['copy-endpoint', 'copy-key', 'disconnect', 'show-log'],
    );
    assert.equal(view.canInspect, false);
    assert.match(view.texts.noAccount, /^2 of 3 accounts of the gateway are ready/);
    assert.match(view.service, /client of the team gateway .* · https:\/\/qwen\.example\.com\/v1/);
  });
});
