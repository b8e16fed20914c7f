import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import type { AddAccountInput, ProbeVerdict } from '../../src/core/control.ts';
import { type ControlFixture, controlKey as key, startControlFixture } from '../support/control-fixture.ts';

describe('probe', () => {
  let fixture: ControlFixture;
  before(async () => {
    fixture = await startControlFixture();
  });
  beforeEach(() => fixture.begin());
  afterEach(() => fixture.end());
  after(() => fixture.close());

  describe('verdict', () => {
    const verdictOf = async (changes: Partial<AddAccountInput> = {}): Promise<ProbeVerdict> =>
      (await fixture.add({ id: 'a', probe: true, ...changes })).verdict ?? assert.fail('no verdict');
    const paths = () => fixture.simulator.requests.map(({ method, path }) => `${method} ${path}`);
    const bothBases = () => ({
      baseUrl: fixture.simulator.baseUrl,
      anthropicBaseUrl: fixture.simulator.anthropicBaseUrl,
    });

    interface Case {
      readonly what: string;
      readonly input?: () => Partial<AddAccountInput>;
      readonly prepare?: () => void;
      readonly code: ProbeVerdict['code'];
      readonly message: RegExp;
      readonly fix: RegExp;
    }
    const failing = (id: number, route: 'models' | 'count-tokens') => () => {
      fixture.simulator.addKey(key);
      fixture.simulator.fail({ route, fault: { kind: 'error', id } });
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
        prepare: () => fixture.simulator.addKey(key, { plan: 'coding' }),
        code: 'unauthorized',
        message: /invalid api-key/,
        fix: /Coding Plan or Token Plan key works only on its own host/,
      },
      {
        what: 'the gate of the Coding Plan (405)',
        input: () => ({
          baseUrl: fixture.simulator.codingBaseUrl,
          anthropicBaseUrl: fixture.simulator.codingAnthropicBaseUrl,
        }),
        prepare: () => fixture.simulator.addKey(key, { plan: 'coding', acceptUserAgents: /^claude-cli/ }),
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
        input: () => ({ baseUrl: `${fixture.simulator.origin}/v2` }),
        code: 'wrong_path',
        message: /HTTP 404/,
        fix: /base URL/,
      },
      {
        what: 'a web page that answers 200',
        prepare() {
          fixture.simulator.addKey(key);
          fixture.simulator.fail({ route: 'models', fault: { kind: 'html' } });
        },
        code: 'upstream_protocol',
        message: /web page/,
        fix: /web page answered instead of the API/,
      },
      {
        what: 'JSON that is no list of models',
        prepare() {
          fixture.simulator.addKey(key);
          fixture.simulator.fail({ route: 'models', fault: { kind: 'http', status: 200, body: { hello: 'world' } } });
        },
        code: 'upstream_protocol',
        message: /HTTP 200/,
        fix: /^$/,
      },
      {
        what: 'a connection that is cut in the middle',
        prepare() {
          fixture.simulator.addKey(key);
          fixture.simulator.fail({ route: 'models', fault: { kind: 'cut', atByte: 20 } });
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
        const [account] = await fixture.accounts();
        assert.deepEqual([account?.state, account?.requestsToday], ['ready', 0]);
      });
    }

    it('says what a good key is connected to', async () => {
      fixture.simulator.addKey(key, { models: ['qwen3-coder-plus', 'qwen3-max'] });
      const verdict = await verdictOf();
      assert.equal(verdict.message, 'Connected to Custom endpoint: 2 models.');
      assert.deepEqual([verdict.ok, verdict.models], [true, ['qwen3-coder-plus', 'qwen3-max']]);
      assert.deepEqual(paths(), ['GET /compatible-mode/v1/models']);
      assert.equal(fixture.simulator.requests[0]?.headers['user-agent'], 'QwenProxy/1.2.3');
    });

    it('counts one model as one', async () => {
      fixture.simulator.addKey(key, { models: ['qwen3-max'] });
      assert.equal((await verdictOf()).message, 'Connected to Custom endpoint: 1 model.');
    });

    it('asks at no cost: tokens are counted, models listed, nothing generated', async () => {
      fixture.simulator.addKey(key);
      assert.equal((await verdictOf(bothBases())).ok, true);
      assert.deepEqual(paths(), ['POST /apps/anthropic/v1/messages/count_tokens', 'GET /compatible-mode/v1/models']);
    });

    it('is content with counted tokens where there is no list', async () => {
      fixture.simulator.addKey(key, { plan: 'coding' });
      const verdict = await verdictOf({
        baseUrl: fixture.simulator.codingBaseUrl,
        anthropicBaseUrl: fixture.simulator.codingAnthropicBaseUrl,
      });
      assert.deepEqual([verdict.ok, verdict.message], [true, 'Connected to Custom endpoint.']);
    });

    it('is content with a list where nothing counts tokens', async () => {
      fixture.simulator.addKey(key);
      assert.equal((await verdictOf({ anthropicBaseUrl: `${fixture.simulator.origin}/nowhere` })).ok, true);
    });

    for (const [what, fault] of [
      ['before the headers', { kind: 'slow-first-byte', delayMs: 60_000 }],
      ['after the headers', { kind: 'slow-first-byte', delayMs: 60_000, headersFirst: true }],
    ] as const) {
      it(`does not wait longer than six seconds for an answer that stalls ${what}`, async () => {
        fixture.simulator.addKey(key);
        fixture.simulator.fail({ route: 'models', fault });
        const testing = verdictOf();
        await fixture.simulator.until(() => fixture.simulator.requests.length === 1);
        await fixture.clock.advance(6_000);
        const verdict = await testing;
        assert.deepEqual(
          [verdict.code, verdict.message, verdict.durationMs],
          ['upstream_timeout', 'Qwen did not answer within 6 seconds.', 6_000],
        );
        await fixture.simulator.until(() => fixture.simulator.requests[0]?.answered === 'aborted');
      });
    }

    it('leaves no timer behind', async () => {
      fixture.simulator.addKey(key);
      await verdictOf();
      assert.equal(fixture.clock.sleepers, 0);
    });

    it('can be asked for again', async () => {
      assert.equal((await verdictOf()).ok, false);
      fixture.simulator.addKey(key);
      assert.equal((await fixture.proxy.testAccount('a')).ok, true);
    });
  });
});
