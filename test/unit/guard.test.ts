import assert from 'node:assert/strict';
import { GatewayError } from '../../src/core/errors.ts';
import { checkAdminKey, checkClientKey, checkOrigin, type GuardPolicy, hostName } from '../../src/server/guard.ts';

const policy: GuardPolicy = {
  allowedHosts: ['Proxy.Lan', '::2', '[::3]'],
  corsOrigins: ['https://app.example.com'],
  clientKeys: ['alpha'],
  adminKey: undefined,
  isLoopback: true,
};
const refuses = (work: () => void, code: string) =>
  assert.throws(work, (error) => error instanceof GatewayError && error.code === code);

describe('guard: hosts', () => {
  for (const host of [
    '127.0.0.1.evil.com',
    'localhost.evil.com',
    'evil.com',
    'evil.com:8080',
    '[::1].evil.com',
    '[::1]evil',
    '[::2',
    '::1',
    'user@localhost',
    'localhost@evil.com',
    'user:pass@127.0.0.1:80',
    '127.1',
    '127.0.0.2',
    '2130706433',
    '0x7f.1',
    '0.0.0.0',
    '[::]',
    '[::ffff:127.0.0.1]',
    'localhost.',
    'localhost:',
    'localhost:port',
    'localhost:123456',
    'localhost:80:80',
    'localhost/',
    'localhost#',
    'localhost?x',
    'localhost,evil.com',
    'localhost evil.com',
    ' localhost',
    'lоcalhost',
    'ⓛocalhost',
    '１２７.0.0.1',
    'proxy.lan.evil.com',
    'xproxy.lan',
    '',
    undefined,
  ])
    it(`${JSON.stringify(host)} is refused`, () => refuses(() => checkOrigin({ host }, policy), 'forbidden'));
  for (const host of [
    'localhost',
    'localhost:8080',
    'LocalHost',
    '127.0.0.1',
    '127.0.0.1:65535',
    '[::1]',
    '[::1]:1',
    'proxy.lan:9',
    'PROXY.LAN',
    '[::2]:80',
    '[::3]',
  ])
    it(`${host} passes`, () => checkOrigin({ host }, policy));
  it('a name is read without its port, in lower case', () => {
    assert.deepEqual(
      ['A.b:1', '[::1]:2', 'a_b', '-a', 'a-', 'a b'].map((header) => hostName(header)),
      ['a.b', '[::1]', 'a_b', undefined, undefined, undefined],
    );
  });
});

describe('guard: origins', () => {
  const host = '127.0.0.1:8080';
  for (const origin of [
    'https://localhost.evil.com',
    'null',
    'file://',
    'http://localhost:3000',
    'http://127.0.0.1',
    'http://127.0.0.1:8081',
    'https://127.0.0.1:8080',
    'https://app.example.com.evil.com',
    'http://app.example.com',
    'https://app.example.com:8443',
    'vscode-webview://abc',
    '',
  ])
    it(`${JSON.stringify(origin)} is refused`, () => refuses(() => checkOrigin({ host, origin }, policy), 'forbidden'));
  for (const origin of ['https://app.example.com', `http://${host}`])
    it(`${origin} passes`, () => checkOrigin({ host, origin }, policy));
  it('cross-site without an origin is refused, everything else a browser says is not', () => {
    refuses(() => checkOrigin({ host, 'sec-fetch-site': 'cross-site' }, policy), 'forbidden');
    for (const site of ['none', 'same-origin']) checkOrigin({ host, 'sec-fetch-site': site }, policy);
    checkOrigin({ host, origin: 'https://app.example.com', 'sec-fetch-site': 'cross-site' }, policy);
  });
});

describe('guard: keys', () => {
  const several: GuardPolicy = { ...policy, clientKeys: ['alpha', 'beta'] };
  const good: readonly (readonly [string, Record<string, string>, GuardPolicy])[] = [
    ['bearer', { authorization: 'Bearer alpha' }, policy],
    ['bearer in another case', { authorization: 'bearer  alpha ' }, policy],
    ['x-api-key', { 'x-api-key': 'alpha' }, policy],
    ['either of both', { authorization: 'Bearer foreign', 'x-api-key': 'beta' }, several],
    ['the second of several', { authorization: 'Bearer beta' }, several],
    ['none where keys are off', {}, { ...policy, clientKeys: 'off' }],
    ['any where keys are off', { authorization: 'Bearer x' }, { ...policy, clientKeys: 'off' }],
  ];
  for (const [name, headers, given] of good) it(`${name} passes`, () => checkClientKey(headers, given));
  const bad: readonly (readonly [string, Record<string, string>])[] = [
    ['none', {}],
    ['an empty one', { authorization: 'Bearer ', 'x-api-key': '' }],
    ['a longer one', { authorization: 'Bearer alphabet' }],
    ['a shorter one', { authorization: 'Bearer alph' }],
    ['another case', { authorization: 'Bearer ALPHA' }],
    ['another scheme', { authorization: 'Basic alpha' }],
    ['no scheme', { authorization: 'alpha' }],
  ];
  for (const [name, headers] of bad)
    it(`${name} is refused`, () => refuses(() => checkClientKey(headers, policy), 'client_unauthorized'));
  it('with no key accepted, none passes', () =>
    refuses(() => checkClientKey({ 'x-api-key': 'undefined' }, { ...policy, clientKeys: [] }), 'client_unauthorized'));
  it('does not quote the key that was sent', () =>
    assert.throws(
      () => checkClientKey({ 'x-api-key': 'canary' }, policy),
      (error) => error instanceof Error && !error.message.includes('canary'),
    ));
});

describe('guard: administration', () => {
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
  const table: readonly (readonly [
    string,
    Partial<GuardPolicy>,
    string,
    'ok' | 'client_unauthorized' | 'forbidden',
  ])[] = [
    ['one key on loopback', {}, 'alpha', 'ok'],
    ['a wrong key', {}, 'beta', 'client_unauthorized'],
    ['no keys on loopback', { clientKeys: 'off' }, '', 'ok'],
    ['several keys', { clientKeys: ['alpha', 'beta'] }, 'alpha', 'forbidden'],
    ['one key, reachable from elsewhere', { isLoopback: false }, 'alpha', 'forbidden'],
    ['the admin key', { adminKey: 'admin' }, 'admin', 'ok'],
    ['the client key where there is an admin key', { adminKey: 'admin' }, 'alpha', 'client_unauthorized'],
    ['the admin key from elsewhere', { adminKey: 'admin', isLoopback: false }, 'admin', 'ok'],
    ['keys off, an admin key set', { adminKey: 'admin', clientKeys: 'off' }, '', 'client_unauthorized'],
  ];
  for (const [name, changes, key, outcome] of table)
    it(`${name}: ${outcome}`, () => {
      const check = () => checkAdminKey(bearer(key), { ...policy, ...changes });
      if (outcome === 'ok') check();
      else refuses(check, outcome);
    });
});
