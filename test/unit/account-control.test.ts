import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import { formatAccount, parseAccount } from '../../src/accounts/account.ts';
import type { AccountSummary, AddAccountInput, ProbeVerdict } from '../../src/core/control.ts';
import type { HostedProxy } from '../../src/core/worker-protocol.ts';
import { createHostedProxy } from '../../src/gateway/proxy.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { createMemoryLogger, keyAccount } from '../support/accounts.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createMemorySecrets, type MemorySecrets, testSettings } from '../support/server-proxy.ts';

const key = 'sk-secret-canary';

describe('account control', () => {
  let simulator: Simulator;
  let clock: FakeClock;
  let secrets: MemorySecrets;
  let stateDirectory: string;
  let proxy: HostedProxy;

  before(async () => {
    clock = createFakeClock();
    simulator = await startSimulator({ now: () => clock.now() });
  });
  beforeEach(async () => {
    stateDirectory = await mkdtemp(join(tmpdir(), 'qwen-control-'));
    secrets = createMemorySecrets();
    proxy = open();
  });
  afterEach(async () => {
    await proxy.dispose();
    simulator.reset();
    await rm(stateDirectory, { recursive: true, force: true });
  });
  after(() => simulator.close());

  const open = () =>
    createHostedProxy({
      settings: testSettings({ QWEN_BASE_URL: simulator.origin }),
      stateDirectory,
      version: '1.2.3',
      mode: 'editor',
      secrets,
      logger: createMemoryLogger(),
      clock,
    });
  const custom = (changes: Partial<AddAccountInput> = {}): AddAccountInput => ({
    plan: 'custom',
    key,
    baseUrl: simulator.baseUrl,
    probe: false,
    ...changes,
  });
  const add = (changes?: Partial<AddAccountInput>) => proxy.addAccount(custom(changes));
  const accounts = async () => (await proxy.snapshot()).accounts;
  const ids = async () => (await accounts()).map(({ id }) => id);
  const stored = (id: string) => parseAccount(secrets.entries.get(`account:${id}`) ?? '');
  const refused = (message: RegExp | string) => ({ name: 'InputError', message });

  describe('add', () => {
    it('takes the id and label that were asked for', async () => {
      const { account, verdict } = await add({ id: 'my-key.2_x', label: '  Work  ' });
      assert.deepEqual(
        [account.id, account.label, account.kind, account.plan, account.enabled, account.state, account.createdAtMs],
        ['my-key.2_x', 'Work', 'api-key', 'custom', true, 'ready', clock.now()],
      );
      assert.equal(verdict, undefined);
      assert.equal(simulator.requests.length, 0);
    });

    it('makes both up from the plan', async () => {
      const added = [await add(), await add(), await add({ label: ' ' })];
      assert.deepEqual(
        added.map(({ account }) => [account.id, account.label]),
        [
          ['custom', 'Custom endpoint'],
          ['custom-2', 'Custom endpoint'],
          ['custom-3', 'custom-3'],
        ],
      );
      assert.equal((await add({ id: 'named' })).account.label, 'named');
    });

    it('puts the new one last', async () => {
      for (const id of ['b', 'a', 'c']) await add({ id });
      assert.deepEqual(await ids(), ['b', 'a', 'c']);
    });

    for (const id of ['', 'A', 'ü', '-a', '.a', 'a b', 'a/b', '../a', 'a'.repeat(65), '__proto__']) {
      it(`refuses the id ${JSON.stringify(id)}`, async () => {
        await assert.rejects(add({ id }), refused(/cannot be an account id: use lower-case letters/));
        assert.deepEqual(await ids(), []);
      });
    }

    it('refuses an id that is taken, also by two at once and by what cannot be read', async () => {
      const results = await Promise.allSettled([add({ id: 'a', label: 'one' }), add({ id: 'a', label: 'two' })]);
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected'],
      );
      await assert.rejects(add({ id: 'a' }), refused(/There is already an account "a"\. Remove it first/));
      assert.equal(stored('a')?.label, 'one');
      secrets.entries.set('account:newer', '{"version":9}');
      await proxy.secretsChanged();
      await assert.rejects(add({ id: 'newer' }), refused(/already/));
      assert.equal(secrets.entries.get('account:newer'), '{"version":9}');
      secrets.entries.set('account:custom', '{"version":9}');
      await proxy.secretsChanged();
      assert.equal((await add()).account.id, 'custom-2');
    });

    it('refuses a plan that is none', async () => {
      for (const plan of ['oauth', 'nope', '']) {
        await assert.rejects(
          add({ plan }),
          refused(/^There is no plan "\w*"\. Plans: .*\bstandard-cn, .*custom, demo\.$/),
        );
      }
    });

    const keys: readonly (readonly [what: string, value: string | undefined, message: RegExp])[] = [
      ['none', undefined, /is empty/],
      ['blank', ' \n', /is empty/],
      ['with a blank in it', 'Bearer sk-1', /characters that no key has/],
      ['with a zero-width blank', 'sk-1\u200b', /characters that no key has/],
      ['masked', 'sk-••••', /characters that no key has/],
      ['of Anthropic', 'sk-ant-api03-x', /This is a key of Anthropic, not of Qwen\. It was not sent anywhere\./],
      ['of OpenAI', ' sk-proj-x ', /a key of OpenAI/],
      ['of OpenRouter', 'sk-or-v1-x', /a key of OpenRouter/],
      ['of GitHub', 'ghp_x', /a key of GitHub/],
    ];
    for (const [what, value, message] of keys) {
      it(`refuses a key that is ${what}, unsent`, async () => {
        const { key: _key, ...rest } = custom({ probe: true });
        await assert.rejects(proxy.addAccount({ ...rest, ...(value !== undefined && { key: value }) }), (error) => {
          assert.ok(error instanceof Error);
          assert.match(error.message, message);
          assert.equal(value !== undefined && value.trim() !== '' && error.message.includes(value.trim()), false);
          return true;
        });
        assert.deepEqual([simulator.requests.length, await ids()], [0, []]);
      });
    }

    it('trims a key as people paste it', async () => {
      await add({ id: 'a', key: `  ${key}\n` });
      const account = stored('a');
      assert.equal(account?.kind === 'api-key' && account.secret.key, key);
    });

    it('normalises the base URLs', async () => {
      await add({
        id: 'a',
        baseUrl: ' https://qwen.example/v1/chat/completions ',
        anthropicBaseUrl: 'https://qwen.example/anthropic/',
        responsesBaseUrl: '',
      });
      const account = stored('a');
      assert.deepEqual(
        [account?.baseUrl, account?.anthropicBaseUrl, account?.responsesBaseUrl],
        ['https://qwen.example/v1', 'https://qwen.example/anthropic', undefined],
      );
    });

    const urls: readonly (readonly [Partial<AddAccountInput>, RegExp])[] = [
      [{ baseUrl: '' }, /needs a base URL/],
      [{ baseUrl: 'qwen.example/v1' }, /begin with https/],
      [{ baseUrl: 'http://qwen.example/v1' }, /clear text/],
      [{ baseUrl: 'https://user:pass@qwen.example/v1' }, /user or password/],
      [{ baseUrl: 'https://qwen.example/v1?key=1' }, /query/],
      [{ anthropicBaseUrl: 'http://qwen.example' }, /clear text/],
      [{ responsesBaseUrl: 'ftp://qwen.example' }, /begin with https/],
      [{ plan: 'coding-cn' }, /has a fixed address/],
      [{ plan: 'workspace', baseUrl: 'https://qwen.example/v1' }, /workspace address looks like/],
    ];
    for (const [changes, message] of urls) {
      it(`refuses ${JSON.stringify(changes)}`, async () => {
        await assert.rejects(add(changes), refused(message));
        assert.deepEqual(await ids(), []);
      });
    }
    it('refuses any address for a plan that has its own', async () => {
      for (const field of ['baseUrl', 'anthropicBaseUrl', 'responsesBaseUrl'])
        await assert.rejects(
          proxy.addAccount({ plan: 'coding-cn', key, probe: false, [field]: 'https://qwen.example/v1' }),
          refused(/has a fixed address/),
        );
    });

    it('adds the demo without a key', async () => {
      const { account, verdict } = await proxy.addAccount({ plan: 'demo', probe: true });
      assert.deepEqual([account.kind, verdict?.ok], ['demo', true]);
    });
  });

  describe('change', () => {
    beforeEach(async () => {
      for (const id of ['a', 'b', 'c', 'd']) await add({ id });
    });

    for (const [id, index, expected] of [
      ['c', 0, 'cabd'],
      ['a', 3, 'bcda'],
      ['a', 99, 'bcda'],
      ['d', -5, 'dabc'],
      ['b', 1, 'abcd'],
      ['a', 2, 'bcad'],
    ] as const) {
      it(`moves ${id} to ${index}`, async () => {
        await proxy.moveAccount(id, index);
        assert.equal((await ids()).join(''), expected);
        await proxy.dispose();
        proxy = open();
        assert.equal((await ids()).join(''), expected);
      });
    }

    it('switches off and on', async () => {
      await proxy.setAccountEnabled('b', false);
      const states = async () => (await accounts()).map(({ state }) => state);
      assert.deepEqual(await states(), ['ready', 'disabled', 'ready', 'ready']);
      await proxy.setAccountEnabled('b', true);
      assert.deepEqual(await states(), ['ready', 'ready', 'ready', 'ready']);
    });

    it('does not write an old credential back', async () => {
      const newer = keyAccount('b', { plan: 'custom', order: 1, secret: { key: 'sk-newer' } });
      secrets.entries.set('account:b', formatAccount(newer));
      await proxy.setAccountEnabled('b', false);
      await proxy.moveAccount('d', 0);
      const account = stored('b');
      assert.deepEqual([account?.enabled, account?.kind === 'api-key' && account.secret.key], [false, 'sk-newer']);
    });

    it('removes, and forgets all about it', async () => {
      await proxy.removeAccount('b');
      assert.deepEqual([await ids(), secrets.entries.has('account:b')], [['a', 'c', 'd'], false]);
      await add({ id: 'b' });
      assert.deepEqual(await ids(), ['a', 'c', 'd', 'b']);
    });

    it('clears, for other processes as well', async () => {
      await clock.advance(5);
      await proxy.clearAccount('b');
      assert.equal(stored('b')?.clearedAtMs, clock.now());
      assert.deepEqual(await ids(), ['a', 'b', 'c', 'd']);
    });

    it('knows what it does not have', async () => {
      for (const work of [
        () => proxy.removeAccount('nobody'),
        () => proxy.setAccountEnabled('nobody', true),
        () => proxy.moveAccount('nobody', 0),
        () => proxy.clearAccount('nobody'),
        () => proxy.testAccount('nobody'),
      ])
        await assert.rejects(work, refused('There is no account "nobody".'));
    });

    it('notices that another process removed the account', async () => {
      secrets.entries.delete('account:b');
      await assert.rejects(proxy.setAccountEnabled('b', false), refused(/There is no account/));
      assert.deepEqual(await ids(), ['a', 'c', 'd']);
    });
  });

  describe('verdict', () => {
    const verdictOf = async (changes: Partial<AddAccountInput> = {}): Promise<ProbeVerdict> =>
      (await add({ id: 'a', probe: true, ...changes })).verdict ?? assert.fail('no verdict');
    const paths = () => simulator.requests.map(({ method, path }) => `${method} ${path}`);
    const bothBases = () => ({ baseUrl: simulator.baseUrl, anthropicBaseUrl: simulator.anthropicBaseUrl });

    interface Case {
      readonly what: string;
      readonly input?: () => Partial<AddAccountInput>;
      readonly prepare?: () => void;
      readonly code: ProbeVerdict['code'];
      readonly message: RegExp;
      readonly fix: RegExp;
    }
    const failing = (id: number, route: 'models' | 'count-tokens') => () => {
      simulator.addKey(key);
      simulator.fail({ route, fault: { kind: 'error', id } });
    };
    const cases: readonly Case[] = [
      {
        what: 'a bad key',
        code: 'unauthorized',
        message: /Incorrect API key provided/,
        fix: /works only in the region/,
      },
      {
        what: 'a bad key where tokens are counted',
        input: bothBases,
        code: 'unauthorized',
        message: /Incorrect API key provided/,
        fix: /works only in the region/,
      },
      {
        what: 'the key of another plan or region',
        prepare: () => simulator.addKey(key, { plan: 'coding' }),
        code: 'unauthorized',
        message: /invalid api-key/,
        fix: /Coding Plan or Token Plan key works only on its own host/,
      },
      {
        what: 'the gate of the Coding Plan (405)',
        input: () => ({ baseUrl: simulator.codingBaseUrl, anthropicBaseUrl: simulator.codingAnthropicBaseUrl }),
        prepare: () => simulator.addKey(key, { plan: 'coding', acceptUserAgents: /^claude-cli/ }),
        code: 'client_rejected',
        message: /only available for Coding Agents/,
        fix: /known coding tools only/,
      },
      {
        what: 'an unpaid bill',
        prepare: failing(27, 'models'),
        code: 'billing',
        message: /account is in good standing/,
        fix: /Pay the open bill/,
      },
      {
        what: 'a plan that has lapsed',
        input: bothBases,
        prepare: failing(16, 'count-tokens'),
        code: 'billing',
        message: /Access to model denied/,
        fix: /plan is paid/,
      },
      {
        what: 'an endpoint that is down',
        input: () => ({ baseUrl: 'http://127.0.0.1:1/v1' }),
        code: 'upstream_unreachable',
        message: /Nothing accepts connections there/,
        fix: /base URL/,
      },
      {
        what: 'a wrong path',
        input: () => ({ baseUrl: `${simulator.origin}/v2` }),
        code: 'wrong_path',
        message: /HTTP 404/,
        fix: /base URL/,
      },
      {
        what: 'a web page that answers 200',
        prepare() {
          simulator.addKey(key);
          simulator.fail({ route: 'models', fault: { kind: 'html' } });
        },
        code: 'upstream_protocol',
        message: /web page/,
        fix: /web page answered instead of the API/,
      },
      {
        what: 'JSON that is no list of models',
        prepare() {
          simulator.addKey(key);
          simulator.fail({ route: 'models', fault: { kind: 'http', status: 200, body: { hello: 'world' } } });
        },
        code: 'upstream_protocol',
        message: /HTTP 200/,
        fix: /^$/,
      },
      {
        what: 'a connection that is cut in the middle',
        prepare() {
          simulator.addKey(key);
          simulator.fail({ route: 'models', fault: { kind: 'cut', atByte: 20 } });
        },
        code: 'upstream_unreachable',
        message: /was cut/,
        fix: /Try again/,
      },
    ];
    for (const { what, input, prepare, code, message, fix } of cases) {
      it(`tells ${what}, and holds nothing against the account`, async () => {
        prepare?.();
        const verdict = await verdictOf(input?.());
        assert.deepEqual([verdict.ok, verdict.code], [false, code], verdict.message);
        assert.match(verdict.message, message);
        assert.match(verdict.fix ?? '', fix);
        assert.equal(JSON.stringify(verdict).includes(key), false);
        const [account] = await accounts();
        assert.deepEqual([account?.state, account?.requestsToday], ['ready', 0]);
      });
    }

    it('says what a good key is connected to', async () => {
      simulator.addKey(key, { models: ['qwen3-coder-plus', 'qwen3-max'] });
      const verdict = await verdictOf();
      assert.equal(verdict.message, 'Connected to Custom endpoint: 2 models.');
      assert.deepEqual([verdict.ok, verdict.models], [true, ['qwen3-coder-plus', 'qwen3-max']]);
      assert.deepEqual(paths(), ['GET /compatible-mode/v1/models']);
      assert.equal(simulator.requests[0]?.headers['user-agent'], 'QwenProxy/1.2.3');
    });

    it('counts one model as one', async () => {
      simulator.addKey(key, { models: ['qwen3-max'] });
      assert.equal((await verdictOf()).message, 'Connected to Custom endpoint: 1 model.');
    });

    it('asks at no cost: tokens are counted, models listed, nothing generated', async () => {
      simulator.addKey(key);
      assert.equal((await verdictOf(bothBases())).ok, true);
      assert.deepEqual(paths(), ['POST /apps/anthropic/v1/messages/count_tokens', 'GET /compatible-mode/v1/models']);
    });

    it('is content with counted tokens where there is no list', async () => {
      simulator.addKey(key, { plan: 'coding' });
      const verdict = await verdictOf({
        baseUrl: simulator.codingBaseUrl,
        anthropicBaseUrl: simulator.codingAnthropicBaseUrl,
      });
      assert.deepEqual([verdict.ok, verdict.message], [true, 'Connected to Custom endpoint.']);
    });

    it('is content with a list where nothing counts tokens', async () => {
      simulator.addKey(key);
      assert.equal((await verdictOf({ anthropicBaseUrl: `${simulator.origin}/nowhere` })).ok, true);
    });

    for (const [what, fault] of [
      ['before the headers', { kind: 'slow-first-byte', delayMs: 60_000 }],
      ['after the headers', { kind: 'slow-first-byte', delayMs: 60_000, headersFirst: true }],
    ] as const) {
      it(`does not wait longer than six seconds for an answer that stalls ${what}`, async () => {
        simulator.addKey(key);
        simulator.fail({ route: 'models', fault });
        const testing = verdictOf();
        await simulator.until(() => simulator.requests.length === 1);
        await clock.advance(6_000);
        const verdict = await testing;
        assert.deepEqual(
          [verdict.code, verdict.message, verdict.durationMs],
          ['upstream_timeout', 'Qwen did not answer within 6 seconds.', 6_000],
        );
        await simulator.until(() => simulator.requests[0]?.answered === 'aborted');
      });
    }

    it('leaves no timer behind', async () => {
      simulator.addKey(key);
      await verdictOf();
      assert.equal(clock.sleepers, 0);
    });

    it('can be asked for again', async () => {
      assert.equal((await verdictOf()).ok, false);
      simulator.addKey(key);
      assert.equal((await proxy.testAccount('a')).ok, true);
    });
  });

  describe('sign-in', () => {
    const start = (id?: string) => proxy.startSignIn(id === undefined ? {} : { id });
    const complete = async (handle: string): Promise<AccountSummary> => {
      await clock.advance(2_000);
      const poll = await proxy.pollSignIn(handle);
      assert.ok(poll.status === 'complete', JSON.stringify(poll));
      return poll.account;
    };

    it('adds an account whose token works, and tests it with a token of an answer', async () => {
      const { handle, userCode, intervalMs } = await start('mine');
      assert.equal(intervalMs, 2_000);
      simulator.oauth.approve(userCode);
      await clock.advance(2_000);
      const poll = await proxy.pollSignIn(handle);
      assert.ok(poll.status === 'complete');
      assert.deepEqual([poll.account.id, poll.account.kind, poll.account.plan], ['mine', 'oauth-device', 'oauth']);
      assert.match(poll.verdict.message, /^Connected to .*: 1 model\.$/);
      assert.equal(simulator.chatRequests.length, 1);
      assert.equal(JSON.stringify(await proxy.snapshot()).includes(simulator.chatRequests[0]?.key ?? ''), false);
    });

    it('tells an account whose service has ended by its first answer', async () => {
      simulator.oauth.serviceEnded = true;
      const { handle } = await start();
      simulator.oauth.approve();
      await clock.advance(2_000);
      const poll = await proxy.pollSignIn(handle);
      assert.ok(poll.status === 'complete');
      assert.deepEqual([poll.verdict.ok, poll.verdict.code], [false, 'service_ended']);
      assert.equal(simulator.oauth.refreshCount, 1);
      assert.equal(simulator.chatRequests.length, 2);
    });

    it('adds the account once for two lookers, who are told the same', async () => {
      const { handle } = await start();
      simulator.oauth.approve();
      await clock.advance(2_000);
      const [one, two] = await Promise.all([proxy.pollSignIn(handle), proxy.pollSignIn(handle)]);
      assert.ok(one.status === 'complete');
      assert.deepEqual(one, two);
      assert.deepEqual([await ids(), simulator.oauth.devicePolls, simulator.chatRequests.length], [['qwen'], 1, 1]);
      assert.deepEqual(await proxy.pollSignIn(handle), { status: 'expired' });
    });

    it('gives every sign-in an id of its own', async () => {
      const flows = [await start(), await start()];
      simulator.oauth.approve(flows[0]?.userCode);
      simulator.oauth.approve(flows[1]?.userCode);
      for (const { handle } of flows) await complete(handle);
      assert.deepEqual(await ids(), ['qwen', 'qwen-2']);
    });

    it('overwrites nobody who took the id while the user was signing in', async () => {
      const { handle } = await start('mine');
      await add({ id: 'mine', label: 'the other' });
      simulator.oauth.approve();
      assert.equal((await complete(handle)).id, 'mine-2');
      assert.equal(stored('mine')?.label, 'the other');
    });

    it('refuses an id that is taken, before anybody signs in', async () => {
      await add({ id: 'mine' });
      await assert.rejects(start('mine'), refused(/already/));
      await assert.rejects(start('NO'), refused(/cannot be an account id/));
      assert.equal(simulator.requests.length, 0);
    });

    it('adds nothing after a cancel', async () => {
      const { handle } = await start();
      simulator.oauth.approve();
      await proxy.cancelSignIn(handle);
      await clock.advance(2_000);
      assert.deepEqual(await proxy.pollSignIn(handle), { status: 'expired' });
      assert.deepEqual(await ids(), []);
    });

    it('says in words what went wrong', async () => {
      simulator.oauth.waf();
      await assert.rejects(start(), /The sign-in server answered 200 without JSON/);
      const { handle } = await start();
      simulator.oauth.waf(99);
      for (let index = 0; index < 4; index++) {
        await clock.advance(10_000);
        assert.equal((await proxy.pollSignIn(handle)).status, 'pending');
      }
      await clock.advance(10_000);
      const poll = await proxy.pollSignIn(handle);
      assert.ok(poll.status === 'failed');
      assert.match(poll.message, /without JSON/);
    });
  });

  it('lists the plans a user can choose', async () => {
    const names = (await proxy.plans()).map(({ name }) => name);
    assert.deepEqual([names.includes('custom'), names.includes('oauth')], [true, false]);
  });
});
