import assert from 'node:assert/strict';
import { type ErrorCode, errorScopes, GatewayError, type GatewayErrorOptions } from '../../src/core/errors.ts';
import { judge, mostTelling, type Verdict } from '../../src/gateway/judge.ts';

const codes = Object.keys(errorScopes) as ErrorCode[];
const error = (code: ErrorCode, options: GatewayErrorOptions = {}) => new GatewayError(code, code, options);
const answer: Verdict = { action: 'answer' };
const rotate: Verdict = { action: 'rotate' };
const retry = (afterMs: number): Verdict => ({ action: 'retry', afterMs });

/** What is done after the first, second and third failure of one account, alone and with another account ready. */
function expected(code: ErrorCode): { alone: readonly Verdict[]; withOther: readonly Verdict[] } {
  const scope = errorScopes[code];
  if (scope === 'request' || scope === 'local')
    return { alone: [answer, answer, answer], withOther: [answer, answer, answer] };
  if (scope === 'provider')
    return {
      alone: [retry(500), answer, answer],
      withOther: code === 'upstream_unreachable' ? [rotate, rotate, rotate] : [retry(500), rotate, rotate],
    };
  const isMomentary = code === 'burst' || code === 'concurrency';
  return {
    alone: isMomentary ? [retry(1_500), retry(2_500), answer] : [answer, answer, answer],
    withOther: [rotate, rotate, rotate],
  };
}

describe('judge: scope × history', () => {
  for (const code of codes)
    it(`${code} (${errorScopes[code]})`, () => {
      const { alone, withOther } = expected(code);
      for (const [index, failuresOfAccount] of [1, 2, 3].entries()) {
        const history = { failuresOfAccount, random: 0.5 };
        assert.deepEqual(judge(error(code), { ...history, hasOther: false }), alone[index], `alone, ${index + 1}`);
        assert.deepEqual(
          judge(error(code), { ...history, hasOther: true }),
          withOther[index],
          `not alone, ${index + 1}`,
        );
      }
    });
  it('an upstream’s own wait is kept, up to five seconds', () => {
    const alone = { failuresOfAccount: 1, hasOther: false, random: 0.5 };
    for (const code of ['burst', 'concurrency', 'upstream_overloaded'] as const) {
      assert.deepEqual(judge(error(code, { retryAfterMs: 0 }), alone), retry(0));
      assert.deepEqual(judge(error(code, { retryAfterMs: 5_000 }), alone), retry(5_000));
      assert.deepEqual(judge(error(code, { retryAfterMs: 5_001 }), alone), answer);
    }
    const withOther = { ...alone, hasOther: true };
    assert.deepEqual(judge(error('upstream_overloaded', { retryAfterMs: 5_001 }), withOther), rotate);
  });
});

describe('judge: the most telling of several errors', () => {
  const table: readonly (readonly [string, readonly ErrorCode[], ErrorCode | undefined, ErrorCode])[] = [
    ['the only one', ['unauthorized'], undefined, 'unauthorized'],
    ['what can be waited out', ['unauthorized', 'rate_limited', 'billing'], undefined, 'rate_limited'],
    ['the server before the account', ['quota_exhausted', 'upstream_error'], undefined, 'upstream_error'],
    ['the first of equals', ['unauthorized', 'access_denied'], undefined, 'unauthorized'],
    ['an account that recovers before one that is refused', ['unauthorized'], 'accounts_cooling', 'accounts_cooling'],
    ['what was met before what is remembered', ['upstream_error'], 'accounts_cooling', 'upstream_error'],
    ['not the pool’s summary of the same thing', ['model_not_found'], 'quota_exhausted', 'model_not_found'],
    ['the pool’s word where nobody was asked', [], 'no_account', 'no_account'],
  ];
  for (const [name, met, refusal, best] of table)
    it(name, () =>
      assert.equal(
        mostTelling(
          met.map((code) => error(code)),
          refusal && error(refusal),
        ).code,
        best,
      ),
    );
  it('takes over the shortest wait, and keeps everything else', () => {
    const told = mostTelling(
      [
        error('upstream_error', { fix: 'f', param: 'p', upstreamStatus: 500, cause: 'c', window: 'day' }),
        error('quota_exhausted', { retryAfterMs: 9_000 }),
      ],
      error('accounts_cooling', { retryAfterMs: 4_000 }),
    );
    assert.deepEqual(
      [told.code, told.message, told.fix, told.param, told.upstreamStatus, told.cause, told.window, told.retryAfterMs],
      ['upstream_error', 'upstream_error', 'f', 'p', 500, 'c', 'day', 4_000],
    );
  });
  it('its own wait stands', () => {
    const own = error('rate_limited', { retryAfterMs: 60_000 });
    assert.equal(mostTelling([own], error('accounts_cooling', { retryAfterMs: 1_000 })), own);
  });
});
