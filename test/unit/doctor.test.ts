import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { candidatePlans, diagnose } from '../../src/accounts/doctor.ts';
import { type ErrorCode, errorScopes, GatewayError, type GatewayErrorOptions } from '../../src/core/errors.ts';
import type { PlanAnswer } from '../../src/core/plan-search.ts';

describe('plan doctor', () => {
  const planKeys = ['coding-intl', 'coding-cn', 'token-intl', 'token-cn'];
  const standardKeys = ['standard-intl', 'standard-cn', 'standard-us', 'standard-hk'];
  for (const [key, expected] of [
    ['sk-sp-abcdef', planKeys],
    ['sk-tok-abcdef', planKeys],
    ['sk-abcdef', standardKeys],
    ['sk-spabcdef', standardKeys],
    ['sk-', []],
    ['AKIAxyz', []],
    ['', []],
  ] as const) {
    it(`knows where a key like ${JSON.stringify(key)} may belong`, () =>
      assert.deepEqual(candidatePlans(key), expected));
  }

  const cases: readonly (readonly [ErrorCode, GatewayErrorOptions, PlanAnswer, RegExp, RegExp])[] = [
    ['client_rejected', {}, 'tools-only', /^The key is right\. Plan X answers accepted coding tools only/, /Add it/],
    ['billing', { fix: 'Pay.' }, 'known', /knows this key, but the plan is unpaid/, /^Pay\.$/],
    ['quota_exhausted', {}, 'known', /a limit is reached: words/, /^$/],
    ['rate_limited', {}, 'known', /a limit is reached/, /^$/],
    ['access_denied', { upstreamCode: 'App.AccessDenied', fix: 'F' }, 'known', /not of the default workspace/, /^F$/],
    ['access_denied', {}, 'known', /refuses the call: words/, /^$/],
    ['unauthorized', { upstreamStatus: 401 }, 'refused', /another region or plan, or was deleted/, /other regions/],
    ['token_expired', { upstreamStatus: 401 }, 'refused', /does not know this key/, /other regions/],
    ['unauthorized', { upstreamStatus: 403 }, 'refused', /key of a Coding Plan or Token Plan/, /own host/],
    ['upstream_unreachable', { fix: 'Check.' }, 'unreachable', /could not be asked: words/, /^Check\.$/],
    ['upstream_timeout', {}, 'unreachable', /could not be asked/, /^$/],
    ['wrong_path', {}, 'unclear', /no free call that could tell/, /^$/],
    ['invalid_request', {}, 'unclear', /gave no answer about the key/, /^$/],
  ];
  for (const [code, options, answer, message, fix] of cases) {
    it(`puts ${code} ${JSON.stringify(options)} into a sentence`, () => {
      const error = new GatewayError(code, 'words', options);
      const said = diagnose(error, { label: 'Plan X', key: 'sk-x', isBilled: false });
      assert.equal(said.answer, answer);
      assert.match(said.message, message);
      assert.match(said.fix ?? '', fix);
    });
  }
  it('does not call a plan key one of another plan family on a plan host', () => {
    const error = new GatewayError('unauthorized', 'words', { upstreamStatus: 403 });
    assert.match(diagnose(error, { label: 'X', key: 'sk-sp-a', isBilled: false }).message, /does not know this key/);
  });
  it('says no more of free calls once one was paid for', () => {
    const error = new GatewayError('wrong_path', 'words');
    assert.equal(diagnose(error, { label: 'X', key: 'k', isBilled: true }).answer, 'unreachable');
  });
  it('has a sentence for every failure there is', () => {
    for (const code of Object.keys(errorScopes) as ErrorCode[]) {
      const { message } = diagnose(new GatewayError(code, 'w'), { label: 'Plan X', key: 'sk-x', isBilled: false });
      assert.match(message, /Plan X/, code);
    }
  });
});
