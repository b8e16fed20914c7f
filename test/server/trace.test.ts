import assert from 'node:assert/strict';
import { startProxy, type TestProxy } from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = `00-${trace}-00f067aa0ba902b7-01`;

describe('server: the trace of a request', () => {
  const simulator = useSimulator({ keys: ['sk-one'] });
  let server: TestProxy;
  beforeEach(async () => {
    server = await startProxy({ accounts: { one: 'sk-one' }, baseUrl: simulator.baseUrl });
  });
  afterEach(() => server.dispose());

  const passedOn = async (headers: Readonly<Record<string, string>>) => {
    assert.equal((await server.chat({}, { headers })).status, 200);
    const { traceparent, tracestate } = simulator.chatRequests.at(-1)?.headers ?? {};
    return { traceparent, tracestate };
  };
  for (const [name, headers, expected] of [
    ['goes upstream', { traceparent: parent, tracestate: 'a=1' }, { traceparent: parent, tracestate: 'a=1' }],
    [
      'of a later version does too',
      { traceparent: parent.replace('00-', '01-') },
      { traceparent: `01${parent.slice(2)}` },
    ],
    ['is not made up', {}, {}],
    ['without a parent keeps its state', { tracestate: 'a=1' }, {}],
    ['that is none is dropped', { traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` }, {}],
    ['with more parts than its version has is dropped', { traceparent: `${parent}-more` }, {}],
  ] as const)
    it(name, async () => {
      const { traceparent, tracestate } = await passedOn(headers);
      assert.deepEqual({ traceparent, tracestate }, { traceparent: undefined, tracestate: undefined, ...expected });
    });
  it('goes with every format', async () => {
    const headers = { traceparent: parent };
    const texts = { model: 'text-embedding-v4', input: 'x' };
    await server.raw('/v1/embeddings', { headers, body: JSON.stringify(texts) });
    const messages = { model: 'qwen3-coder-plus', max_tokens: 9, messages: [{ role: 'user', content: 'hello' }] };
    await server.raw('/anthropic/v1/messages', { headers, body: JSON.stringify(messages) });
    const sent = simulator.requests.filter(({ method }) => method === 'POST');
    assert.ok(sent.length >= 2);
    for (const { headers: got, path } of sent) assert.equal(got.traceparent, parent, path);
  });
  it('is in the line that the log has of the request', async () => {
    await passedOn({ traceparent: parent });
    const line = server.logs.find(({ message }) => message === 'Request.');
    const { trace: id, account, outcome, status, attempts } = line?.fields ?? {};
    assert.deepEqual(
      { id, account, outcome, status, attempts },
      { id: trace, account: 'one', outcome: 'answered', status: 200, attempts: 1 },
    );
  });
});
