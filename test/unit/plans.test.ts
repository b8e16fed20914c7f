import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { GatewayError } from '../../src/core/errors.ts';
import {
  foreignKeyOwner,
  type Plan,
  type PlanName,
  plan,
  planEndpoints,
  planFormats,
  planSummary,
  plans,
  resourceUrlToBaseUrl,
  validateBaseUrl,
} from '../../src/upstream/plans.ts';

function named(name: PlanName): Plan {
  return plan(name) ?? assert.fail(`no plan ${name}`);
}

describe('plans', () => {
  it('lists every plan once', () => {
    const names = plans.map(({ name }) => name).sort();
    assert.deepEqual(names, [
      'coding-cn',
      'coding-intl',
      'custom',
      'demo',
      'oauth',
      'standard-cn',
      'standard-hk',
      'standard-intl',
      'standard-us',
      'token-cn',
      'token-intl',
      'workspace',
    ]);
    assert.equal(plan('gone'), undefined);
  });

  describe('endpoints', () => {
    const hosts: Readonly<Partial<Record<PlanName, readonly [string, string, string | undefined]>>> = {
      'standard-cn': ['dashscope.aliyuncs.com', '/compatible-mode/v1', '/compatible-mode/v1'],
      'standard-intl': ['dashscope-intl.aliyuncs.com', '/compatible-mode/v1', '/compatible-mode/v1'],
      'standard-us': ['dashscope-us.aliyuncs.com', '/compatible-mode/v1', '/compatible-mode/v1'],
      'standard-hk': ['cn-hongkong.dashscope.aliyuncs.com', '/compatible-mode/v1', '/compatible-mode/v1'],
      'coding-cn': ['coding.dashscope.aliyuncs.com', '/v1', undefined],
      'coding-intl': ['coding-intl.dashscope.aliyuncs.com', '/v1', undefined],
      'token-cn': ['token-plan.cn-beijing.maas.aliyuncs.com', '/compatible-mode/v1', '/compatible-mode/v1'],
      'token-intl': ['token-plan.ap-southeast-1.maas.aliyuncs.com', '/compatible-mode/v1', '/compatible-mode/v1'],
    };
    for (const item of plans.filter(({ endpoints }) => endpoints)) {
      it(`of ${item.name} are fixed, whatever the account says`, () => {
        const [host, openaiPath, responsesPath] = hosts[item.name] ?? assert.fail('not expected');
        assert.deepEqual(planEndpoints(item, { baseUrl: 'https://elsewhere.example/v1' }), {
          openai: `https://${host}${openaiPath}`,
          anthropic: `https://${host}/apps/anthropic`,
          ...(responsesPath === undefined ? {} : { responses: `https://${host}${responsesPath}` }),
        });
      });
    }

    for (const path of ['', '/', '/compatible-mode/v1', '/apps/anthropic/v1/']) {
      it(`of a workspace follow from its host, given with "${path}"`, () => {
        const host = 'https://ws-1.eu-central-1.maas.aliyuncs.com';
        assert.deepEqual(planEndpoints(named('workspace'), { baseUrl: host + path }), {
          openai: `${host}/compatible-mode/v1`,
          anthropic: `${host}/apps/anthropic`,
          responses: `${host}/compatible-mode/v1`,
        });
      });
    }

    it('of a custom account are those it was given', () => {
      const account = {
        baseUrl: 'http://127.0.0.1:9/v1/',
        anthropicBaseUrl: 'http://127.0.0.1:9/anthropic/v1',
        responsesBaseUrl: 'http://127.0.0.1:9/v2',
      };
      assert.deepEqual(planEndpoints(named('custom'), account), {
        openai: 'http://127.0.0.1:9/v1',
        anthropic: 'http://127.0.0.1:9/anthropic',
        responses: 'http://127.0.0.1:9/v2',
      });
      assert.deepEqual(planEndpoints(named('custom'), { baseUrl: 'https://h.example/api/v1' }), {
        openai: 'https://h.example/api/v1',
      });
    });

    for (const baseUrl of [undefined, '', 'no url']) {
      it(`refuses a custom account with the base URL ${JSON.stringify(baseUrl)}`, () => {
        assert.throws(
          () => planEndpoints(named('custom'), { baseUrl }),
          (error) => error instanceof GatewayError && error.code === 'wrong_path',
        );
      });
    }

    it('decide which formats are spoken', () => {
      assert.deepEqual(planFormats(named('custom'), { openai: 'https://h.example/v1' }), [
        'openai-completions',
        'openai-embeddings',
        'openai-chat',
      ]);
      const coding = named('coding-cn');
      assert.deepEqual(planFormats(coding, planEndpoints(coding, {})), ['openai-chat', 'anthropic-messages']);
    });
  });

  describe('keys', () => {
    const cases: readonly (readonly [string, readonly PlanName[]])[] = [
      ['sk-0123456789abcdef', ['standard-cn', 'standard-intl', 'standard-us', 'standard-hk', 'workspace']],
      ['sk-sp-0123456789abcdef', ['coding-cn', 'coding-intl', 'token-cn', 'token-intl']],
      ['sk-tok-0123456789abcdef', ['token-cn', 'token-intl']],
      ['sk-', []],
      ['sk-0123 456789', []],
    ];
    for (const [key, owners] of cases) {
      it(`${key} may belong to ${owners.join(', ') || 'no plan'}`, () => {
        const fitting = plans.filter(({ keyPattern }) => keyPattern?.test(key)).map(({ name }) => name);
        assert.deepEqual(fitting.sort(), [...owners].sort());
      });
    }

    const foreign: readonly (readonly [string, string | undefined])[] = [
      ['sk-ant-api03-x', 'Anthropic'],
      ['sk-proj-x', 'OpenAI'],
      [' sk-or-v1-x', 'OpenRouter'],
      ['ghp_x', 'GitHub'],
      ['github_pat_x', 'GitHub'],
      ['sk-0123456789abcdef', undefined],
      ['sk-sp-0123456789abcdef', undefined],
      ['organic-key', undefined],
    ];
    for (const [key, owner] of foreign) {
      it(`${key} belongs to ${owner}`, () => assert.equal(foreignKeyOwner(key), owner));
    }
  });

  describe('base URLs', () => {
    const accepted: readonly (readonly [PlanName, string, string])[] = [
      ['custom', ' https://Host.example/api/v1/ ', 'https://host.example/api/v1'],
      ['custom', 'https://host.example/v1/chat/completions', 'https://host.example/v1'],
      ['custom', 'http://127.0.0.1:8000/v1', 'http://127.0.0.1:8000/v1'],
      ['custom', 'http://localhost:1/v1', 'http://localhost:1/v1'],
      ['custom', 'http://[::1]:1/v1', 'http://[::1]:1/v1'],
      ['oauth', 'https://portal.qwen.ai/v1', 'https://portal.qwen.ai/v1'],
      [
        'workspace',
        'https://WS-1.cn-beijing.maas.aliyuncs.com/compatible-mode/v1',
        'https://ws-1.cn-beijing.maas.aliyuncs.com',
      ],
      ['workspace', 'https://trial.ap-southeast-1.maas.aliyuncs.com', 'https://trial.ap-southeast-1.maas.aliyuncs.com'],
    ];
    for (const [name, url, expected] of accepted) {
      it(`takes ${url} for ${name}`, () => assert.deepEqual(validateBaseUrl(name, url), { ok: true, url: expected }));
    }

    const refused: readonly (readonly [PlanName, string, RegExp])[] = [
      ['custom', '', /begin with https/],
      ['custom', 'host.example/v1', /begin with https/],
      ['custom', 'ftp://host.example/v1', /begin with https/],
      ['custom', 'https:///v1', /begin with https/],
      ['custom', 'https://user@host.example/v1', /user or password/],
      ['custom', 'https://:word@host.example/v1', /user or password/],
      ['custom', 'https://host.example/v1?key=1', /query/],
      ['custom', 'https://host.example/v1?', /query/],
      ['custom', 'https://host.example/v1#x', /fragment/],
      ['custom', 'http://192.168.0.2/v1', /clear text/],
      ['custom', 'http://127.0.0.1.example/v1', /clear text/],
      ['custom', 'http://localhost.example/v1', /clear text/],
      ['workspace', 'http://ws-1.cn-beijing.maas.aliyuncs.com', /clear text/],
      ['workspace', 'http://127.0.0.1:8000/v1', /clear text/],
      ['workspace', 'https://ws-1.cn-beijing.maas.aliyuncs.com.evil.example', /workspace address looks like/],
      ['workspace', 'https://ws-1.cn-beijing.maas.aliyuncs.com:8443', /workspace address looks like/],
      ['workspace', 'https://cn-beijing.maas.aliyuncs.com', /workspace address looks like/],
      ['workspace', 'https://a.ws-1.cn-beijing.maas.aliyuncs.com', /workspace address looks like/],
      ['workspace', 'https://token-plan.cn-beijing.maas.aliyuncs.com', /Token Plan/],
      ['workspace', 'https://ws-1.mars-north-1.maas.aliyuncs.com', /"mars-north-1" is no region/],
      ['coding-cn', 'https://host.example/v1', /own address/],
      ['demo', 'https://host.example/v1', /own address/],
    ];
    for (const [name, url, reason] of refused) {
      it(`refuses ${JSON.stringify(url)} for ${name}`, () => {
        const verdict = validateBaseUrl(name, url);
        assert.match(verdict.ok ? 'accepted' : verdict.message, reason);
      });
    }
  });

  describe('resource_url of a token', () => {
    const configured = ['127.0.0.1:4010', 'qwen.internal.example'];
    const accepted: readonly (readonly [string | undefined, string])[] = [
      [undefined, 'https://dashscope.aliyuncs.com/compatible-mode/v1'],
      ['  ', 'https://dashscope.aliyuncs.com/compatible-mode/v1'],
      ['portal.qwen.ai', 'https://portal.qwen.ai/v1'],
      ['https://portal.qwen.ai/v1/', 'https://portal.qwen.ai/v1'],
      ['https://portal.qwen.ai', 'https://portal.qwen.ai/v1'],
      ['api.chat.qwen.ai', 'https://api.chat.qwen.ai/v1'],
      ['dashscope-intl.aliyuncs.com/compatible-mode', 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1'],
      ['http://127.0.0.1:4010', 'http://127.0.0.1:4010/v1'],
      ['https://qwen.internal.example/x', 'https://qwen.internal.example/x/v1'],
    ];
    for (const [value, expected] of accepted) {
      it(`leads from ${value} to ${expected}`, () => assert.equal(resourceUrlToBaseUrl(value, configured), expected));
    }

    const refused = [
      'http://portal.qwen.ai',
      'http://qwen.internal.example',
      'https://evil.example',
      'evil.example/portal.qwen.ai',
      'https://portal.qwen.ai@evil.example',
      'https://user:word@portal.qwen.ai',
      'portal.qwen.ai.evil.example',
      'evilqwen.ai',
      'https://evilaliyuncs.com',
      'https://portal.qwen.ai:8443',
      'https://portal.qwen.ai/?x=1',
      'http://127.0.0.1:4011',
      '127.0.0.1',
      'ftp://portal.qwen.ai',
      'https://',
    ];
    for (const value of refused) {
      it(`refuses ${value}`, () => {
        assert.throws(
          () => resourceUrlToBaseUrl(value, configured),
          (error) => error instanceof GatewayError && error.code === 'access_denied' && !error.message.includes('word'),
        );
      });
    }
  });

  describe('facts', () => {
    it('gives the Coding Plan its windows, its static list and its terms', () => {
      const { quotaWindows, listsModels, models, terms } = named('coding-intl');
      assert.deepEqual(
        quotaWindows.map(({ name, limitRequests, slidingMs }) => [name, limitRequests, slidingMs]),
        [
          ['hour', 6000, 18_000_000],
          ['week', 45_000, undefined],
          ['month', 90_000, undefined],
        ],
      );
      assert.equal(listsModels, false);
      assert.equal(models[0], 'qwen3-coder-plus');
      assert.match(terms ?? '', /interactive coding tools only/);
    });

    it("passes the client's own name on wherever a request leaves this computer", () => {
      const silent = plans.filter(({ passesClientUserAgent }) => !passesClientUserAgent).map(({ name }) => name);
      assert.deepEqual(silent, ['demo']);
    });

    it('has fill-in-the-middle in Beijing only, and no embeddings on plan hosts', () => {
      const speaking = (format: string) =>
        plans.filter(({ formats }) => formats.some((each) => each === format)).map(({ name }) => name);
      assert.deepEqual(speaking('openai-completions'), ['standard-cn', 'custom']);
      assert.deepEqual(speaking('openai-embeddings'), ['standard-intl', 'standard-cn', 'workspace', 'custom']);
      assert.equal(speaking('openai-chat').length, plans.length);
    });

    it('asks for a base URL exactly where the address is not known', () => {
      const asking = plans.filter(({ needsBaseUrl }) => needsBaseUrl).map(({ name }) => name);
      assert.deepEqual(asking, ['workspace', 'custom']);
    });

    it('sums up for user interfaces as plain data', () => {
      for (const item of plans) {
        const summary = planSummary(item);
        assert.deepEqual(structuredClone(summary), summary);
        assert.equal('terms' in summary, item.terms !== undefined);
      }
      assert.deepEqual(planSummary(named('custom')), {
        name: 'custom',
        label: 'Custom endpoint',
        detail: 'Any OpenAI-compatible base URL that serves Qwen models',
        keyHint: 'any key',
        needsBaseUrl: true,
      });
    });
  });
});
