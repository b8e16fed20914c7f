import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { type Bundles, buildBundles } from '../support/server-bundle.ts';

/** What a process holds, to be compared with what it held before. */
const looks = `
const globals = () => Reflect.ownKeys(globalThis).map(String);
const listeners = () => process.eventNames().map((name) => [String(name), process.listenerCount(name)]).sort();
// Node's own fetch classes install a dispatcher when they are first used; it has to stay the one that it is.
new Response();
`;

/** Loads the extension where the editor's API is nothing but names, and tells what that left behind in the process. */
const loadScript = `
${looks}
const Module = require('node:module');
const load = Module._load;
Module._load = (name, ...rest) => (name === 'vscode' ? {} : load(name, ...rest));
const before = { globals: globals(), listeners: listeners() };
const { activate } = require(process.argv[1]);
console.log(JSON.stringify({ kind: typeof activate, before, after: { globals: globals(), listeners: listeners() } }));
`;

/** Loads the bundle, serves one request with it, and tells what that left behind in the process. */
const script = `
${looks}
const { mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const dispatcher = (number) => globalThis[Symbol.for('undici.globalDispatcher.' + number)];
const dispatchers = ['1', '2'].map(dispatcher);
const web = [Request, Response, Headers, fetch, AbortSignal, ReadableStream];
const before = { globals: globals(), listeners: listeners() };
const { createHostedProxy, parseSettings } = require(process.argv[1]);
const silent = () => {};
const entries = new Map();
(async () => {
  const proxy = createHostedProxy({
    settings: parseSettings({ PORT: 0, API_KEY: 'off' }, { port: 0 }).settings,
    stateDirectory: mkdtempSync(join(tmpdir(), 'qwen-proxy-test-')),
    version: '0.0.0',
    mode: 'headless',
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    secrets: {
      keys: async () => [...entries.keys()],
      get: async (key) => entries.get(key),
      set: async (key, value) => void entries.set(key, value),
      delete: async (key) => void entries.delete(key),
      onDidChange: () => ({ dispose: silent }),
    },
  });
  const { url, state } = await proxy.start();
  // A refused upstream: the transport is really used.
  await proxy.addAccount({ id: 'a', plan: 'custom', key: 'sk-x', baseUrl: 'http://127.0.0.1:9/v1', probe: true });
  const { request } = require('node:http');
  const status = await new Promise((resolve) => {
    const asked = request(url + '/nowhere', { agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    });
    asked.end();
  });
  const during = { globals: globals(), listeners: listeners() };
  await proxy.dispose();
  console.log(JSON.stringify({ state, status, before, during,
    isWebUntouched: [Request, Response, Headers, fetch, AbortSignal, ReadableStream].every((each, index) => each === web[index]),
    isSame: ['1', '2'].every((number, index) => dispatcher(number) === dispatchers[index]) }));
})();
`;

/** Asks an upstream that only a proxy reaches. */
const proxyScript = `
const { mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { createHostedProxy, parseSettings } = require(process.argv[1]);
const silent = () => {};
const proxy = createHostedProxy({
  settings: parseSettings({ PORT: 0 }, { port: 0 }).settings,
  stateDirectory: mkdtempSync(join(tmpdir(), 'qwen-proxy-test-')),
  version: '0.0.0',
  mode: 'headless',
  environment: process.env,
  logger: { debug: silent, info: silent, warn: silent, error: silent },
  secrets: { keys: async () => [], get: async () => {}, set: silent, delete: silent, onDidChange: () => ({ dispose: silent }) },
});
(async () => {
  await proxy.start();
  await proxy.addAccount({ id: 'a', plan: 'custom', key: 'sk-x', baseUrl: 'https://127.0.0.2:9/v1', probe: true });
  await proxy.dispose();
  console.log('{}');
})();
`;

describe('bundles in somebody else’s process', () => {
  let bundles: Bundles;
  before(async () => {
    bundles = await buildBundles();
  });
  after(() => bundles.remove());
  const tell = async (text: string, bundle: string, more: Readonly<Record<string, string>> = {}) => {
    const env = { PATH: process.env.PATH, ...more };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['-e', text, bundle], { env });
    assert.equal(stderr, '');
    return JSON.parse(stdout);
  };

  it('dist/extension.js, when loaded, leaves the globals and the listeners of the process alone', async () => {
    const { kind, before, after } = await tell(loadScript, bundles.extension);
    assert.equal(kind, 'function');
    assert.deepEqual(after, before);
  });
  it('dist/server.js has all of undici that a way through a proxy needs', async () => {
    const asked: (string | undefined)[] = [];
    const proxy = createServer().on('connect', ({ url }, socket) => {
      asked.push(url);
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const address = proxy.address();
    assert.ok(typeof address === 'object' && address !== null);
    await tell(proxyScript, bundles.server, { HTTPS_PROXY: `http://127.0.0.1:${address.port}` });
    proxy.close();
    assert.equal(asked[0], '127.0.0.2:9');
  });
  it('dist/server.js holds no code that installs a dispatcher on globalThis', async () => {
    const code = await readFile(bundles.server, 'utf8');
    assert.ok(code.includes('EnvHttpProxyAgent'), 'undici is in it, without that part');
    assert.ok(!code.includes('undici.globalDispatcher'));
  });
  it('dist/server.js sets no global dispatcher, adds no listeners to the process, replaces no global', async () => {
    const { state, status, before, during, isSame, isWebUntouched } = await tell(script, bundles.server);
    assert.deepEqual([state, status], ['serving', 404]);
    assert.deepEqual([isSame, isWebUntouched], [true, true]);
    assert.deepEqual(during.listeners, before.listeners);
    assert.deepEqual(
      during.globals.filter((name: string) => !before.globals.includes(name)),
      // Where srvx, under h3, remembers the platform's own classes.
      ['Symbol(srvx.nativeRequest)', 'Symbol(srvx.nativeResponse)'],
    );
  });
});
