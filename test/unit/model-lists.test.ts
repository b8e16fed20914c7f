import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import type { Account } from '../../src/accounts/account.ts';
import type { AccountKinds } from '../../src/accounts/kinds/kind.ts';
import type { AccountState } from '../../src/core/control.ts';
import type { UpstreamResponse } from '../../src/core/upstream.ts';
import { createModelLists, type ModelLists } from '../../src/gateway/model-lists.ts';
import { createModelDirectory } from '../../src/gateway/models.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

const minute = 60_000;
const endpoints = { openai: 'https://u.example/v1' };
const kind = {
  name: 'api-key',
  credential: async () => ({ authorization: 'Bearer sk-x', endpoints }),
  recover: async (_account: unknown, _used: unknown, error: unknown) => error,
};
const account = (id: string, plan: string, fields: Partial<Account> = {}) =>
  ({
    version: 1,
    id,
    label: id,
    plan,
    enabled: true,
    order: 0,
    createdAtMs: 0,
    kind: 'api-key',
    secret: { key: 'sk-x' },
    ...fields,
  }) as Account;
const answer = (ids: readonly string[], status = 200): UpstreamResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: Readable.from([Buffer.from(JSON.stringify({ data: ids.map((id) => ({ id })) }))]),
});

describe('model lists', () => {
  let clock: FakeClock;
  let lists: ModelLists;
  let questions: { settle(response: UpstreamResponse): void; fail(): void }[];
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const standard = account('s', 'standard-intl');
  const asked = async (count: number) => {
    while (questions.length < count) await new Promise((resolve) => setImmediate(resolve));
  };

  beforeEach(() => {
    clock = createFakeClock();
    questions = [];
    lists = createModelLists({
      kinds: { 'api-key': kind } as unknown as AccountKinds,
      transport: {
        send: () =>
          new Promise((settle, reject) => questions.push({ settle, fail: () => reject(new Error('no network')) })),
        close: async () => {},
      },
      clock,
      logger: silent,
      userAgent: 'test',
    });
  });

  it('of the Coding Plan is its own, and nobody is asked', async () => {
    const { text, embeddings } = await lists.current(account('c', 'coding-intl'));
    assert.ok(text.includes('qwen3-coder-next'));
    assert.deepEqual(embeddings, []);
    assert.equal(questions.length, 0);
  });

  it('is asked for once, however many want it, and sorted by kind', async () => {
    const both = Promise.all([lists.current(standard), lists.current(standard)]);
    await asked(1);
    questions[0]?.settle(answer(['qwen9-max', 'qwen-image-2.0', 'text-embedding-v9', 'multimodal-embedding-v1']));
    const [first, second] = await both;
    assert.deepEqual(first, {
      text: ['qwen9-max'],
      embeddings: ['text-embedding-v4', 'text-embedding-v3', 'text-embedding-v9'],
    });
    assert.deepEqual(second, first);
    assert.equal(questions.length, 1);
  });

  it('is the plan’s where the upstream takes its time, and the upstream’s later', async () => {
    const slow = lists.current(standard);
    await asked(1);
    await clock.advance(3_000);
    assert.ok((await slow).text.includes('qwen3-coder-plus'));
    questions[0]?.settle(answer(['late-model']));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(lists.known(standard).text, ['late-model']);
  });

  it('is served old while it is renewed', async () => {
    const first = lists.current(standard);
    await asked(1);
    questions[0]?.settle(answer(['old-model']));
    await first;
    await clock.advance(11 * minute);
    assert.deepEqual((await lists.current(standard)).text, ['old-model']);
    await asked(2);
    assert.deepEqual((await lists.current(standard)).text, ['old-model']);
    questions[1]?.settle(answer(['new-model']));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual((await lists.current(standard)).text, ['new-model']);
    assert.equal(questions.length, 2);
  });

  for (const [name, break_] of [
    ['refused', (question: (typeof questions)[number]) => question.settle(answer([], 500))],
    ['cut off', (question: (typeof questions)[number]) => question.fail()],
  ] as const)
    it(`that is ${name} changes nothing, and is asked for again after a minute`, async () => {
      const first = lists.current(standard);
      await asked(1);
      const [question] = questions;
      assert.ok(question);
      break_(question);
      assert.ok((await first).text.includes('qwen3-coder-plus'));
      await lists.current(standard);
      assert.equal(questions.length, 1);
      await clock.advance(minute);
      await lists.current(standard);
      await asked(2);
    });

  it('of a removed account is not kept for the next one of its name', async () => {
    const first = lists.current(standard);
    await asked(1);
    lists.forget('s');
    questions[0]?.settle(answer(['of-the-old-one']));
    await first;
    assert.ok(!lists.known(standard).text.includes('of-the-old-one'));
  });

  describe('together', () => {
    const states = new Map<string, AccountState>();
    const coding = account('c', 'coding-intl');
    const demo = account('d', 'demo');
    const oauth = account('o', 'oauth');
    const directory = (accounts: readonly Account[], aliases: readonly { pattern: string; model: string }[] = []) =>
      createModelDirectory({
        lists,
        settings: () => ({ defaultModel: 'qwen3-coder-plus', modelAliases: aliases }),
        accounts: () => accounts,
        standing: ({ id }) => ({ state: states.get(id) ?? 'ready', transient: false }),
      });
    const ids = async (...given: Parameters<typeof directory>) =>
      (await directory(...given).list()).map(({ id }) => id);
    beforeEach(() => states.clear());

    it('are the union of who can serve, each once', async () => {
      const all = await ids([coding, demo, account('c2', 'coding-cn'), account('x', 'oauth', { enabled: false })]);
      assert.equal(new Set(all).size, all.length);
      assert.deepEqual([all.includes('demo'), all.includes('glm-5'), all.includes('coder-model')], [true, true, false]);
    });
    it('are without those of accounts that wait for a quota or the user, but not of those that rest', async () => {
      states.set('c', 'exhausted').set('o', 'unauthorized').set('d', 'cooling');
      assert.deepEqual(await ids([coding, oauth, demo]), ['demo']);
    });
    it('are those of all, where nobody can serve', async () => {
      states.set('d', 'exhausted').set('o', 'unauthorized');
      assert.deepEqual(await ids([oauth, demo]), ['coder-model', 'demo']);
    });
    it('hold the aliases that are one name, with the facts of their model', async () => {
      const aliases = [
        { pattern: 'fast', model: 'qwen3-coder-next' },
        { pattern: 'gone', model: 'nobody-has-it' },
        { pattern: 'gpt-*', model: 'glm-5' },
      ];
      const list = await directory([coding], aliases).list();
      const last = list.at(-1);
      assert.deepEqual([last?.id, last?.name, last?.context_window], ['fast', 'fast', 262_144]);
      assert.ok(!list.some(({ id }) => id === 'gone' || id === 'gpt-*'));
    });
    it('tell the facts in the names that clients look for', async () => {
      const list = await directory([coding]).list();
      const plus = list.find(({ id }) => id === 'qwen3.7-plus');
      assert.deepEqual(plus, {
        id: 'qwen3.7-plus',
        object: 'model',
        created: 0,
        owned_by: 'qwen',
        name: 'Qwen3.7 Plus',
        mode: 'chat',
        context_window: 1_000_000,
        context_length: 1_000_000,
        max_model_len: 1_000_000,
        max_input_tokens: 1_000_000,
        max_output_tokens: 65_536,
        max_completion_tokens: 65_536,
        input_modalities: ['text', 'image'],
        output_modalities: ['text'],
        architecture: {
          modality: 'text+image->text',
          input_modalities: ['text', 'image'],
          output_modalities: ['text'],
        },
        top_provider: { context_length: 1_000_000, max_completion_tokens: 65_536 },
        supported_parameters: [
          ...['max_tokens', 'temperature', 'top_p', 'stop', 'seed', 'presence_penalty', 'response_format'],
          ...['tools', 'tool_choice', 'parallel_tool_calls', 'reasoning', 'include_reasoning', 'reasoning_effort'],
        ],
        supports_function_calling: true,
        supports_vision: true,
        supports_reasoning: true,
        thinking: 'hybrid',
      });
      const coder = list.find(({ id }) => id === 'qwen3-coder-plus');
      assert.deepEqual(
        [coder?.supports_reasoning, coder?.supports_vision, coder?.input_modalities],
        [false, false, ['text']],
      );
    });

    describe('say what an account is asked for', () => {
      const embeddings = 'openai-embeddings';
      const rows: readonly (readonly [string, string | undefined, string | undefined])[] = [
        ['coding-intl', undefined, undefined],
        ['token-cn', 'text-embedding-v4', undefined],
        ['oauth', undefined, undefined],
        ['demo', undefined, undefined],
        ['standard-us', undefined, undefined],
        ['standard-intl', undefined, 'text-embedding-v4'],
        ['standard-cn', 'text-embedding-3-small', 'text-embedding-v4'],
        ['workspace', 'text-embedding-v3', 'text-embedding-v3'],
        ['custom', 'bge-m3', 'bge-m3'],
        ['a plan of a newer version', undefined, undefined],
      ];
      for (const [plan, model, expected] of rows)
        it(`${plan}, embeddings with ${model}: ${expected}`, () =>
          assert.equal(directory([]).modelFor(account('a', plan), model, embeddings), expected));
      it('Beijing fills in the middle, others chat', () => {
        const modelFor = (plan: string) => directory([]).modelFor(account('a', plan), undefined, 'openai-completions');
        assert.deepEqual([modelFor('standard-cn'), modelFor('coding-cn')], ['qwen-coder-turbo', 'qwen3-coder-plus']);
      });
      it('a chat with an embedding model is nobody’s', () =>
        assert.equal(
          directory([]).modelFor(account('a', 'standard-cn'), 'text-embedding-v4', 'openai-chat'),
          undefined,
        ));
    });
  });
});
