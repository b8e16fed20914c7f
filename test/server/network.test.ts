import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { NetworkSettings } from '../../src/core/network.ts';
import { readText } from '../../src/core/upstream.ts';
import { type ConfigurableTransport, createTransport } from '../../src/upstream/transport.ts';

const settings: NetworkSettings = {
  proxy: '',
  noProxy: [],
  proxySupport: 'override',
  strictSsl: true,
  systemCertificates: true,
};
const fixture = (name: string) => readFileSync(join(import.meta.dirname, '..', 'fixtures', 'tls', name));
const portOf = (server: Server | TlsServer) => {
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
};

describe('the way to an upstream behind the editor’s network settings', () => {
  let upstream: TlsServer;
  let proxy: Server;
  let transport: ConfigurableTransport;
  /** What the proxy was asked for: the target and the authorization. */
  let asked: (readonly [string | undefined, string | undefined])[];
  /** Lets the upstream end its answer. */
  let finish: () => void;

  before(async () => {
    upstream = createTlsServer({ cert: fixture('upstream.test.cert.pem'), key: fixture('upstream.test.key.pem') });
    upstream.on('request', (request, response) => {
      response.write('hello ');
      finish = () => response.end('you');
      if (request.url === '/at-once') finish();
    });
    // It knows the one way to an address at which nobody listens.
    proxy = createServer();
    proxy.on('connect', (request, socket) => {
      asked.push([request.url, request.headers['proxy-authorization']]);
      const through = connect(portOf(upstream), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(through).pipe(socket);
      });
      through.on('error', () => socket.destroy());
      socket.on('error', () => through.destroy());
    });
    await Promise.all([upstream, proxy].map((server) => once(server.listen(0, '127.0.0.1'), 'listening')));
  });
  beforeEach(() => {
    asked = [];
    transport = createTransport({ environment: {}, network: { ...settings, proxy: proxyUrl() } });
  });
  afterEach(() => transport.close());
  after(() => {
    upstream.close();
    proxy.close();
  });

  const target = () => `127.0.0.2:${portOf(upstream)}`;
  const proxyUrl = () => `http://127.0.0.1:${portOf(proxy)}`;
  const send = (path = '/at-once') =>
    transport.send({ method: 'GET', url: `https://${target()}${path}`, headers: {} }, AbortSignal.timeout(5_000));
  const text = async (path?: string) => readText((await send(path)).body, 1_000);

  it('refuses a certificate that nobody vouches for, through the proxy', async () => {
    await assert.rejects(send(), { name: 'GatewayError', scope: 'provider' });
    assert.deepEqual(asked[0], [target(), undefined]);
  });

  it('takes it where the editor does, and says to the proxy what it asks for', async () => {
    transport.configure({ ...settings, proxy: proxyUrl(), strictSsl: false, proxyAuthorization: 'Basic bWU6eW91' });
    assert.equal(await text(), 'hello you');
    assert.deepEqual(asked, [[target(), 'Basic bWU6eW91']]);
  });

  it('goes by new settings at once, and lets what is under way go on', async () => {
    transport.configure({ ...settings, proxy: proxyUrl(), strictSsl: false });
    const open = await send('/later');
    transport.configure({ ...settings, proxySupport: 'off' });
    await assert.rejects(send(), { code: 'upstream_unreachable' });
    finish();
    assert.equal(await readText(open.body, 1_000), 'hello you');
    transport.configure({ ...settings, proxy: proxyUrl(), strictSsl: false });
    assert.equal(await text(), 'hello you');
  });

  it('goes around the proxy where it is told to', async () => {
    transport.configure({ ...settings, proxy: proxyUrl(), noProxy: ['127.0.0.2'] });
    await assert.rejects(send(), { code: 'upstream_unreachable' });
    assert.deepEqual(asked, []);
  });
});
