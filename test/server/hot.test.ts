import assert from 'node:assert/strict';
import { startProxy, type TestProxy, testSettings } from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

describe('changes while a stream runs', () => {
  const simulator = useSimulator({ keys: ['sk-one', 'sk-two', 'sk-late'] });
  let server: TestProxy;

  beforeEach(async () => {
    server = await startProxy({ accounts: { one: 'sk-one', two: 'sk-two' }, baseUrl: simulator.baseUrl });
  });
  afterEach(() => server.dispose());

  const words = Array.from({ length: 60 }, (_, number) => `word${number} `);
  const changes: readonly (readonly [string, (server: TestProxy) => Promise<unknown>])[] = [
    [
      'adding an account',
      ({ proxy }) =>
        proxy.addAccount({ id: 'late', plan: 'custom', baseUrl: simulator.baseUrl, key: 'sk-late', probe: false }),
    ],
    ['removing the account that serves', ({ proxy }) => proxy.removeAccount('one')],
    ['removing another one', ({ proxy }) => proxy.removeAccount('two')],
    ['reordering', ({ proxy }) => proxy.moveAccount('two', 0)],
    ['switching the account off that serves', ({ proxy }) => proxy.setAccountEnabled('one', false)],
    ['grouping', ({ proxy }) => proxy.setAccountGroup('one', 'main')],
    ['limiting', ({ proxy }) => proxy.setAccountLimit('one', { window: 'day', requests: 1 })],
    ['a billing day', ({ proxy }) => proxy.setAccountBillingDay('one', 15)],
    ['clearing', ({ proxy }) => proxy.clearAccount('one')],
    [
      'another strategy and default model',
      ({ proxy }) => proxy.updateSettings(testSettings({ ACCOUNT_STRATEGY: 'least-used', DEFAULT_MODEL: 'qwen3-max' })),
    ],
    ['another client key', ({ proxy }) => proxy.updateSettings(testSettings({ API_KEY: 'another-key' }))],
  ];
  for (const [name, change] of changes)
    it(`${name} does not drop it`, async () => {
      simulator.script({ key: 'sk-one', answer: { text: words, chunkDelayMs: 3 } });
      const stream = await server.client.chat.completions.create({
        model: 'qwen3-coder-plus',
        stream: true,
        messages: [{ role: 'user', content: 'a long story' }],
      });
      let text = '';
      let changed: Promise<unknown> | undefined;
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? '';
        changed ??= change(server);
      }
      assert.equal(text, words.join(''));
      assert.ok(changed !== undefined);
      await changed;
      assert.equal(simulator.answered('sk-one'), 1);
    });

  it('takes effect for the next request', async () => {
    await server.proxy.updateSettings(testSettings({ API_KEY: 'another-key' }));
    assert.equal((await server.chat()).status, 401);
    assert.equal((await server.chat({}, { headers: { authorization: 'Bearer another-key' } })).status, 200);
  });
});
