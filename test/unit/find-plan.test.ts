import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import type { FindPlanInput } from '../../src/core/plan-search.ts';
import type { Endpoints } from '../../src/core/upstream.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { type ControlFixture, startControlFixture } from '../support/control-fixture.ts';

const key = 'sk-sp-secret-canary';
const planKeys = ['coding-intl', 'coding-cn', 'token-intl', 'token-cn'];

describe('account control', () => {
  let fixture: ControlFixture;
  /** The other region. */
  let china: Simulator;
  before(async () => {
    fixture = await startControlFixture();
    china = await startSimulator({ now: () => fixture.clock.now() });
  });
  beforeEach(async () => {
    await fixture.begin();
    fixture.planEndpoints = endpointsOf;
  });
  afterEach(async () => {
    await fixture.end();
    china.reset();
  });
  after(async () => {
    await fixture.close();
    await china.close();
  });

  const endpointsOf = (plan: string): Endpoints => {
    const region = plan.endsWith('-cn') ? china : fixture.simulator;
    if (plan.startsWith('coding')) return { openai: region.codingBaseUrl, anthropic: region.codingAnthropicBaseUrl };
    if (plan.startsWith('token'))
      return { openai: region.tokenPlanBaseUrl, anthropic: region.tokenPlanAnthropicBaseUrl };
    return { openai: region.baseUrl, anthropic: region.anthropicBaseUrl };
  };
  const sent = () => [...fixture.simulator.requests, ...china.requests];
  const paths = (simulator: Simulator) => simulator.requests.map(({ path }) => path);
  const diagnose = async (given: string, baseUrl?: string) =>
    (await fixture.proxy.diagnoseKey({ key: given, ...(baseUrl !== undefined && { baseUrl }) })).candidates;
  const find = async (changes: Partial<FindPlanInput> = {}) => {
    const search = await fixture.proxy.findPlan({ key, plans: planKeys, ...changes });
    assert.equal(JSON.stringify(search).includes(key), false, 'the key is in no answer');
    return search;
  };

  describe('diagnose', () => {
    it('names plans and hosts in order, and sends nothing', async () => {
      const host = new URL(fixture.simulator.origin).host;
      const other = new URL(china.origin).host;
      assert.deepEqual(
        (await diagnose(` ${key}\n`)).map((candidate) => [candidate.plan, candidate.host]),
        [
          ['coding-intl', host],
          ['coding-cn', other],
          ['token-intl', host],
          ['token-cn', other],
        ],
      );
      assert.deepEqual(
        (await diagnose('sk-abcdef')).map(({ plan }) => plan),
        ['standard-intl', 'standard-cn', 'standard-us', 'standard-hk'],
      );
      assert.equal(sent().length, 0);
    });
    it('takes a base URL for the plan it names', async () => {
      const plansOf = async (url: string) => (await diagnose('sk-abcdef', url)).map(({ plan }) => plan);
      assert.deepEqual(await plansOf('https://qwen.example/v1'), ['custom']);
      assert.deepEqual(await plansOf('https://ws-1.eu-central-1.maas.aliyuncs.com'), ['workspace']);
      assert.deepEqual(await plansOf('https://coding.dashscope.aliyuncs.com/v1/chat/completions'), ['coding-cn']);
      await assert.rejects(plansOf('http://qwen.example/v1'), /clear text/);
    });
    for (const [given, message] of [
      ['sk-ant-api03-x', /a key of Anthropic, not of Qwen\. It was not sent anywhere/],
      ['sk-proj-x', /a key of OpenAI/],
      ['sk-or-v1-x', /a key of OpenRouter/],
      ['ghp_x', /a key of GitHub/],
      ['AKIA0000', /does not look like a key of Qwen/],
      [' ', /is empty/],
    ] as const) {
      it(`refuses ${JSON.stringify(given)} unsent`, async () => {
        await assert.rejects(diagnose(given), { name: 'InputError', message });
        await assert.rejects(find({ key: given }), { name: 'InputError', message });
        assert.equal(sent().length, 0);
      });
    }
  });

  describe('find', () => {
    it('asks one plan after the other by free calls, up to the one that takes the key', async () => {
      china.addKey(key, { plan: 'token', models: ['qwen3.7-plus'] });
      const { findings, found } = await find();
      assert.deepEqual(
        findings.map(({ plan, answer }) => [plan, answer]),
        [
          ['coding-intl', 'refused'],
          ['coding-cn', 'refused'],
          ['token-intl', 'refused'],
          ['token-cn', 'works'],
        ],
      );
      assert.deepEqual([found?.plan, found?.models], ['token-cn', ['qwen3.7-plus']]);
      assert.equal(found?.message, 'Token Plan (China) takes this key.');
      assert.ok(sent().every(({ path }) => /\/(?:count_tokens|models)$/.test(path)));
    });
    it('stops at the first success', async () => {
      fixture.simulator.addKey(key, { plan: 'coding' });
      const { findings, found } = await find();
      assert.deepEqual([findings.length, found?.plan, china.requests.length], [1, 'coding-intl', 0]);
    });
    it('sends the key to no host that was not agreed to', async () => {
      fixture.simulator.addKey(key, { plan: 'coding' });
      const { findings, found } = await find({ plans: ['coding-cn'] });
      assert.deepEqual([fixture.simulator.requests.length, findings.length, found], [0, 1, undefined]);
      for (const plans of [['standard-cn'], ['coding-cn', 'custom'], ['nope']])
        await assert.rejects(find({ plans }), { name: 'InputError', message: /no plan that this key can belong to/ });
      assert.deepEqual((await find({ plans: [] })).findings, []);
      assert.equal(paths(china).length, 1);
    });
    it('takes the gate of the Coding Plan for what it is', async () => {
      china.addKey(key, { plan: 'coding', acceptUserAgents: /^claude-cli/ });
      const { found, findings } = await find();
      assert.deepEqual([findings.length, found?.plan, found?.answer], [2, 'coding-cn', 'tools-only']);
      const { account, verdict } = await fixture.proxy.addAccount({ plan: 'coding-cn', key, probe: true });
      assert.deepEqual([verdict?.ok, verdict?.code, account.state], [false, 'client_rejected', 'ready']);
      assert.match(verdict?.message ?? '', /^The key is right and stays ready\..*accepted coding tools only.*405/);
      const tested = await fixture.proxy.testAccount(account.id);
      assert.match(tested.message, /^The key is right/);
      assert.equal((await fixture.accounts())[0]?.state, 'ready');
    });
    it('goes on past a plan that knows the key but is unpaid, and falls back to it', async () => {
      fixture.simulator.addKey(key, { plan: 'coding' });
      fixture.simulator.fail({ route: 'count-tokens', fault: { kind: 'error', id: 16 }, times: 2 });
      const { found, findings } = await find();
      assert.deepEqual([findings.length, found?.plan, found?.answer], [4, 'coding-intl', 'known']);
      assert.match(found?.fix ?? '', /plan is paid/);
      china.addKey(key, { plan: 'token' });
      assert.equal((await find()).found?.plan, 'token-cn');
    });
    it('knows a key of another workspace than the default one', async () => {
      fixture.simulator.addKey('sk-other', { plan: 'standard' });
      fixture.simulator.fail({ route: 'count-tokens', fault: { kind: 'error', id: 19 } });
      const { found } = await find({ key: 'sk-other', plans: ['standard-intl'] });
      assert.equal(found?.answer, 'known');
      assert.match(found.message, /not of the default workspace/);
      assert.match(found.fix ?? '', /default workspace/);
    });
    it('tells a plan key on the general host', async () => {
      fixture.simulator.addKey('sk-odd', { plan: 'coding' });
      const { findings } = await find({ key: 'sk-odd', plans: ['standard-intl'] });
      assert.match(findings[0]?.message ?? '', /the key of a Coding Plan or Token Plan/);
    });
    it('goes on past a host that cannot be reached', async () => {
      fixture.planEndpoints = (plan) =>
        plan === 'coding-intl' ? { openai: 'http://127.0.0.1:1/v1' } : endpointsOf(plan);
      china.addKey(key, { plan: 'coding' });
      const { findings, found } = await find();
      assert.deepEqual([findings[0]?.answer, found?.plan], ['unreachable', 'coding-cn']);
      assert.match(findings[0]?.message ?? '', /could not be asked/);
    });
    it('stores nothing', async () => {
      fixture.simulator.addKey(key, { plan: 'coding' });
      await find();
      assert.deepEqual([await fixture.ids(), fixture.secrets.entries.size], [[], 0]);
    });
  });

  describe('a custom endpoint without a free route', () => {
    const custom = () => ({ key, plans: ['custom'], baseUrl: fixture.simulator.codingBaseUrl });
    beforeEach(() => fixture.simulator.addKey(key, { plan: 'coding' }));

    it('is unclear until a billed request was agreed to', async () => {
      const { findings, found } = await find(custom());
      assert.deepEqual([findings[0]?.answer, found], ['unclear', undefined]);
      assert.equal(fixture.simulator.chatRequests.length, 0);
      assert.equal((await find({ ...custom(), billed: true })).found?.answer, 'works');
      assert.equal(fixture.simulator.chatRequests.length, 1);
    });
    it('is tested by one token after an own yes', async () => {
      const { verdict } = await fixture.add({ id: 'a', key, baseUrl: fixture.simulator.codingBaseUrl, probe: true });
      assert.deepEqual([verdict?.ok, verdict?.needsBilledTest], [false, true]);
      assert.match(verdict?.fix ?? '', /one token of an answer, which may be billed/);
      assert.equal((await fixture.proxy.testAccount('a', {})).ok, false);
      assert.equal(fixture.simulator.chatRequests.length, 0);
      assert.equal((await fixture.proxy.testAccount('a', { billed: true })).ok, true);
      const body = fixture.simulator.chatRequests[0]?.body;
      assert.equal(typeof body === 'object' && body !== null && 'max_tokens' in body && body.max_tokens, 1);
    });
  });
});
