import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createMemorySecrets,
  hurriedPauses,
  startProxy,
  type TestProxy,
  type TestProxyOptions,
  textOfEvents,
} from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

describe('server: rotation between accounts', () => {
  const simulator = useSimulator({ keys: ['sk-one', 'sk-two'] });
  let server: TestProxy;

  const start = async (options: TestProxyOptions = {}) => {
    server = await startProxy({
      accounts: { one: 'sk-one', two: 'sk-two' },
      baseUrl: simulator.baseUrl,
      random: () => 0,
      ...options,
    });
  };
  const fail = (key: string, id: number, times = 1) => simulator.fail({ key, fault: { kind: 'error', id }, times });
  const keys = () => simulator.chatRequests.map((request) => request.key);
  const account = async (id: string) =>
    (await server.proxy.snapshot()).accounts.find((candidate) => candidate.id === id) ?? assert.fail(`no ${id}`);

  afterEach(() => server.dispose());

  it('a used-up free quota: the client sees only the second account’s stream', async () => {
    await start();
    fail('sk-one', 31);
    simulator.script({ key: 'sk-two', answer: { text: 'from two' } });
    const answer = await server.chat({ stream: true });
    assert.equal(answer.status, 200);
    assert.equal(textOfEvents(answer), 'from two');
    assert.ok(!/quota|error/i.test(answer.text));
    const { state, untilMs, reason } = await account('one');
    assert.equal(state, 'exhausted');
    assert.match(reason ?? '', /Free allocated quota exceeded/);
    assert.ok((untilMs ?? 0) > Date.now());
    assert.deepEqual([(await account('one')).requestsToday, (await account('two')).requestsToday], [0, 1]);
  });

  it('a refused key stays refused until it is cleared', async () => {
    await start();
    simulator.removeKey('sk-one');
    assert.equal((await server.chat()).status, 200);
    assert.equal((await account('one')).state, 'unauthorized');
    await server.chat();
    assert.deepEqual(keys(), ['sk-one', 'sk-two', 'sk-two']);
    simulator.addKey('sk-one');
    await server.chat();
    assert.equal(keys().at(-1), 'sk-two', 'nobody told it that the key is good again');
    await server.proxy.clearAccount('one');
    assert.equal((await account('one')).state, 'ready');
    await server.chat();
    assert.equal(keys().at(-1), 'sk-two', 'a conversation stays where it moved');
    await server.chat({ messages: [{ role: 'user', content: 'another conversation' }] });
    assert.equal(keys().at(-1), 'sk-one');
  });

  it('the order of the user decides who serves, and who is switched off does not', async () => {
    await start();
    await server.proxy.moveAccount('two', 0);
    await server.chat();
    await server.proxy.setAccountEnabled('two', false);
    await server.chat();
    assert.deepEqual(keys(), ['sk-two', 'sk-one']);
    assert.equal((await account('two')).state, 'disabled');
    await server.proxy.setAccountEnabled('one', false);
    const none = await server.chat();
    assert.deepEqual([none.status, none.error.code], [503, 'no_account']);
    assert.match(String(none.error.message), /switched off/);
  });

  it('round-robin takes turns', async () => {
    await start({ settings: { ACCOUNT_STRATEGY: 'round-robin' } });
    for (let count = 0; count < 4; count++)
      await server.chat({ messages: [{ role: 'user', content: `conversation ${count}` }] });
    assert.deepEqual(keys().toSorted(), ['sk-one', 'sk-one', 'sk-two', 'sk-two']);
  });

  describe('when all fail', () => {
    it('quota used up everywhere: 429 with the upstream’s words and a true Retry-After', async () => {
      await start();
      fail('sk-one', 31);
      fail('sk-two', 31);
      const askedMs = Date.now();
      const answer = await server.chat({ stream: true });
      const answeredMs = Date.now();
      assert.equal(answer.status, 429);
      assert.equal(answer.error.type, 'insufficient_quota');
      assert.match(String(answer.error.message), /Free allocated quota exceeded/);
      const waitMs = Number(answer.headers['retry-after']) * 1000;
      const untilMs = Math.min((await account('one')).untilMs ?? 0, (await account('two')).untilMs ?? 0);
      // Rounded up to the second, counted from some moment between question and answer.
      assert.ok(untilMs > askedMs + waitMs - 1_000, `${waitMs} ms, until ${untilMs - askedMs} after the question`);
      assert.ok(untilMs <= answeredMs + waitMs, `${waitMs} ms, until ${untilMs - answeredMs} after the answer`);
      assert.deepEqual(keys(), ['sk-one', 'sk-two']);
      const next = await server.chat();
      assert.equal(next.status, 429);
      assert.ok(Number(next.headers['retry-after']) > 0);
      assert.equal(keys().length, 2, 'known to be useless: not asked again');
    });
    it('a rate limit tells more than a refused key, in either order', async () => {
      for (const order of [
        [3, 38],
        [38, 3],
      ] as const) {
        await start();
        fail('sk-one', order[0]);
        fail('sk-two', order[1]);
        const answer = await server.chat();
        assert.deepEqual([answer.status, answer.error.code], [429, 'rate_limit_exceeded']);
        assert.match(String(answer.error.message), /rate limit exceeded/i);
        assert.ok(Number(answer.headers['retry-after']) >= 1);
        await server.dispose();
      }
      await start();
    });
    it('an upstream’s own Retry-After is passed on', async () => {
      await start({ accounts: { one: 'sk-one' } });
      simulator.fail({ fault: { kind: 'retry-after', seconds: 17, id: 38 } });
      const answer = await server.chat();
      assert.deepEqual([answer.status, answer.headers['retry-after']], [429, '17']);
    });
    it('refused keys everywhere: 401, and no Retry-After', async () => {
      await start();
      fail('sk-one', 3);
      fail('sk-two', 3);
      const answer = await server.chat();
      assert.deepEqual([answer.status, answer.error.code], [401, 'account_unauthorized']);
      assert.equal(answer.headers['retry-after'], undefined);
      assert.equal((await server.chat()).status, 401, 'the same from memory');
      assert.equal(keys().length, 2);
    });
    it('a model that nobody serves: 404, not a quota', async () => {
      await start();
      const answer = await server.chat({ model: 'no-such-model' });
      assert.deepEqual([answer.status, answer.error.code], [404, 'model_not_found']);
    });
    it('a server that fails everywhere: its own words, not those of a cooldown', async () => {
      await start({ clock: hurriedPauses(30) });
      fail('sk-one', 65, 2);
      fail('sk-two', 65, 2);
      const answer = await server.chat();
      assert.equal(answer.status, 502);
      assert.match(String(answer.error.message), /internal error/i);
      assert.deepEqual(keys(), ['sk-one', 'sk-one', 'sk-two', 'sk-two']);
    });
    it('however many accounts there are, the attempts end', async () => {
      const accounts = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`a${index}`, `sk-${index}`]));
      for (const key of Object.values(accounts)) simulator.addKey(key);
      await start({ accounts });
      simulator.fail({ fault: { kind: 'error', id: 31 }, times: Number.POSITIVE_INFINITY });
      const answer = await server.chat();
      assert.equal(answer.status, 429);
      assert.equal(keys().length, 8);
    });
  });

  it('a lone account that met a passing fault is asked again by the next request', async () => {
    await start({ accounts: { one: 'sk-one' } });
    fail('sk-one', 38);
    assert.equal((await server.chat()).status, 429);
    assert.equal((await account('one')).state, 'ready', 'the limit is one model’s');
    assert.equal((await server.chat()).status, 200);
  });

  it('a burst limit of a lone account is waited out', async () => {
    await start({ accounts: { one: 'sk-one' }, clock: hurriedPauses(30) });
    fail('sk-one', 40, 2);
    assert.equal((await server.chat()).status, 200);
    assert.equal(keys().length, 3);
  });

  it('a model that one account does not serve is asked of the other', async () => {
    simulator.removeKey('sk-one');
    simulator.addKey('sk-one', { models: ['qwen-plus'] });
    await start();
    assert.equal((await server.chat({ model: 'qwen3-coder-plus' })).status, 200);
    assert.deepEqual(keys(), ['sk-one', 'sk-two']);
    assert.equal((await server.chat({ model: 'qwen-plus' })).status, 200);
    assert.equal(keys().at(-1), 'sk-one', 'the refusal was about one model');
  });

  it('health outlives a restart', async () => {
    const stateDirectory = await mkdtemp(join(tmpdir(), 'qwen-proxy-test-'));
    const secrets = createMemorySecrets();
    try {
      await start({ stateDirectory, secrets });
      fail('sk-one', 31);
      await server.chat();
      await server.dispose();
      const kept = await readFile(join(stateDirectory, 'health.json'), 'utf8');
      assert.match(kept, /quota_exhausted/);
      assert.ok(!kept.includes('sk-'));
      await start({ stateDirectory, secrets, accounts: {} });
      assert.equal((await account('one')).state, 'exhausted');
      assert.equal((await account('two')).requestsToday, 1, 'so do the counts');
      await server.chat();
      assert.deepEqual(keys(), ['sk-one', 'sk-two', 'sk-two']);
    } finally {
      await server.dispose();
      await rm(stateDirectory, { recursive: true, force: true });
    }
  });

  it('writes one line of facts per request, and no word of it', async () => {
    const stateDirectory = await mkdtemp(join(tmpdir(), 'qwen-proxy-test-'));
    try {
      await start({ stateDirectory });
      fail('sk-one', 31);
      await server.chat({ messages: [{ role: 'user', content: 'text-canary' }], stream: true });
      await server.chat({ messages: 'wrong' });
      const folder = join(stateDirectory, 'usage');
      // One file, or two if the UTC day ended meanwhile.
      const days = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
      const text = days.join('');
      const lines = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.equal(lines.length, 1);
      assert.deepEqual(lines[0].attempts, [
        { account: 'one', error: 'quota_exhausted' },
        { account: 'two', committed: true },
      ]);
      assert.deepEqual(
        [lines[0].outcome, lines[0].account, lines[0].status, lines[0].model],
        ['answered', 'two', 200, 'qwen3-coder-plus'],
      );
      assert.ok(!/canary|sk-/.test(text));
    } finally {
      await server.dispose();
      await rm(stateDirectory, { recursive: true, force: true });
    }
  });
});
