import assert from 'node:assert/strict';
import type { JsonObject } from '../simulator/json.ts';
import { type RouteRequest, routeRequests } from '../support/route-requests.ts';
import { startProxy, type TestProxy } from '../support/server-proxy.ts';
import { type RawUpstream, startUpstream } from '../support/server-upstream.ts';
import { useSimulator } from '../support/use-simulator.ts';

/** Headers in which other gateways and frameworks are told where to go. */
const headerNames = [
  ...['forwarded', 'x-forwarded-host', 'x-forwarded-server', 'x-forwarded-proto', 'x-original-url', 'x-rewrite-url'],
  ...['x-original-host', 'x-host', 'x-http-host-override', 'x-proxy-url', 'proxy', 'x-target-url', 'x-upstream-url'],
  ...[
    'x-base-url',
    'x-api-base',
    'openai-base-url',
    'anthropic-base-url',
    'x-portkey-custom-host',
    'helicone-target-url',
  ],
  ...[
    'referer',
    'x-callback-url',
    'x-webhook-url',
    'x-dashscope-datainspection-url',
    'x-dashscope-oss-resource-resolve',
  ],
];
/** Fields in which libraries are told the same, or what to fetch. */
const fieldNames = [
  ...[
    'base_url',
    'api_base',
    'baseUrl',
    'endpoint',
    'host',
    'url',
    'proxy',
    'upstream',
    'target',
    'custom_llm_provider',
  ],
  ...['callback_url', 'webhook', 'image_url', 'file_url', 'video', 'extra_body', 'extra_headers', 'server_url'],
];

describe('server: no word of a client makes it go anywhere', () => {
  const simulator = useSimulator({ keys: ['sk-one'] });
  let trap: RawUpstream;
  let server: TestProxy;
  let url: string;

  before(async () => {
    trap = await startUpstream((response) => response.end('{}'));
    url = `http://127.0.0.1:${trap.port}/trap`;
    server = await startProxy({
      accounts: { one: 'sk-one' },
      baseUrl: simulator.baseUrl,
      anthropicBaseUrl: simulator.anthropicBaseUrl,
    });
  });
  after(async () => {
    await server.dispose();
    await trap.close();
  });
  beforeEach(() => server.proxy.clearAccount('one'));

  const ask = async ({ method, path, body }: RouteRequest, headers: Readonly<Record<string, string>> = {}) => {
    const text = body === undefined ? '' : JSON.stringify(body);
    return (await server.raw(path, { method, body: text, headers })).status;
  };

  it('no header, on any route', async () => {
    const headers = Object.fromEntries(headerNames.map((name) => [name, url]));
    for (const request of routeRequests) await ask(request, headers);
    assert.equal(trap.connections, 0);
    assert.ok(simulator.requests.length > 5);
    assert.ok(simulator.requests.every((request) => !JSON.stringify(request.headers).includes(String(trap.port))));
  });
  it('no field beside those that are known, on any route', async () => {
    for (const { body, ...request } of routeRequests)
      if (body !== undefined) for (const name of fieldNames) await ask({ ...request, body: { ...body, [name]: url } });
    assert.equal(trap.connections, 0);
    assert.ok(simulator.requests.length > 5);
  });
  it('no text, wherever it stands, on any route', async () => {
    for (const request of routeRequests)
      if (request.body !== undefined) await ask({ ...request, body: everywhere(request.body, url) });
    assert.equal(trap.connections, 0);
  });
  it('no query and no path', async () => {
    for (const { path, ...request } of routeRequests)
      for (const written of [
        `${path}${path.includes('?') ? '&' : '?'}url=${encodeURIComponent(url)}&base_url=${url}`,
        `//127.0.0.1:${trap.port}${path}`,
        `${path}/${encodeURIComponent(url)}`,
      ])
        await ask({ ...request, path: written });
    assert.equal(trap.connections, 0);
  });
  it('no picture or file: its address goes upstream as it is', async () => {
    const model = 'qwen3-vl-plus';
    const pictures: readonly (readonly [string, JsonObject])[] = [
      ['/v1/chat/completions', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] }],
      [
        '/v1/messages',
        {
          max_tokens: 9,
          messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url } }] }],
        },
      ],
      [
        '/v1/responses',
        { store: false, input: [{ role: 'user', content: [{ type: 'input_image', image_url: url, detail: 'auto' }] }] },
      ],
      ['/v1/responses', { store: false, input: [{ role: 'user', content: [{ type: 'input_file', file_url: url }] }] }],
      [
        '/v1/messages/count_tokens',
        { messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url } }] }] },
      ],
    ];
    for (const [path, body] of pictures) await ask({ method: 'POST', path, body: { model, ...body } });
    assert.equal(trap.connections, 0);
    assert.ok(simulator.requests.some(({ rawBody }) => rawBody.includes(url)));
  });
  it('the trap is one', async () => {
    await fetch(url);
    assert.equal(trap.connections, 1);
  });
});

/** The same with the URL in place of every text that says something. */
function everywhere(body: JsonObject, url: string): JsonObject {
  const kept = new Set(['model', 'role', 'type', 'name']);
  const replaced: unknown = JSON.parse(
    JSON.stringify(body, (name, value: unknown) => (typeof value === 'string' && !kept.has(name) ? url : value)),
  );
  return Object(replaced);
}
