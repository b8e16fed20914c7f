import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import { createSignIns, requireRefreshToken, type SignIns } from '../../src/accounts/sign-in.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { type OAuthFixture, scriptedAnswer, startOAuthFixture, tokenRequests } from '../support/oauth-fixture.ts';

describe('sign-in', () => {
  let fixture: OAuthFixture;
  let signIns: SignIns;
  const signal = new AbortController().signal;
  before(async () => {
    fixture = await startOAuthFixture();
  });
  beforeEach(() => {
    signIns = createSignIns(fixture.client, fixture.clock);
  });
  afterEach(() => fixture.reset());
  after(() => fixture.close());

  const start = (id?: string) => signIns.start(id, signal);
  const poll = (handle: string) => signIns.poll(handle, signal);
  const polls = () => fixture.simulator.oauth.devicePolls;
  /** Waits as long as a client was told, then polls. */
  const pollWhenDue = async (handle: string, afterMs = 2_000) => {
    await fixture.clock.advance(afterMs);
    return poll(handle);
  };

  it('shows what a person needs and keeps the rest', async () => {
    const started = await start('mine');
    assert.deepEqual(Object.keys(started.device).toSorted(), [
      'userCode',
      'verificationUri',
      'verificationUriComplete',
    ]);
    assert.match(started.handle, /^[\w-]{32}$/);
    assert.deepEqual(
      [started.expiresAtMs, started.intervalMs, started.accountId],
      [fixture.clock.now() + 900_000, 2_000, 'mine'],
    );
  });

  it('asks the server no sooner than it allows', async () => {
    const { handle } = await start();
    assert.deepEqual(await poll(handle), { status: 'pending', intervalMs: 2_000, slowDown: false });
    await pollWhenDue(handle, 1_999);
    assert.equal(polls(), 0);
    await pollWhenDue(handle, 1);
    assert.equal(polls(), 1);
    for (let index = 0; index < 10; index++) assert.equal((await pollWhenDue(handle, 199)).status, 'pending');
    assert.equal(polls(), 1);
    await pollWhenDue(handle, 10);
    assert.equal(polls(), 2);
  });

  it('ends with the tokens and the wanted id, once', async () => {
    const { handle } = await start('mine');
    fixture.simulator.oauth.approve();
    const step = await pollWhenDue(handle);
    assert.ok(step.status === 'issued');
    assert.equal(step.accountId, 'mine');
    assert.equal(fixture.simulator.oauth.acceptsAccessToken(step.tokens.accessToken), true);
    assert.deepEqual(await pollWhenDue(handle), { status: 'expired' });
    assert.equal(polls(), 1);
  });

  for (const [told, end] of [
    ['deny', 'denied'],
    ['expire', 'expired'],
  ] as const) {
    it(`ends when the server says ${end}, and asks no more`, async () => {
      const { handle } = await start();
      fixture.simulator.oauth[told]();
      assert.deepEqual(await pollWhenDue(handle), { status: end });
      assert.deepEqual(await pollWhenDue(handle), { status: 'expired' });
      assert.equal(polls(), 1);
    });
  }

  it('expires by itself, without asking', async () => {
    const { handle, expiresAtMs } = await start();
    await fixture.clock.advance(expiresAtMs - fixture.clock.now());
    assert.deepEqual(await poll(handle), { status: 'expired' });
    assert.equal(polls(), 0);
  });

  it('knows no handle that it did not give', async () => {
    assert.deepEqual(await poll('made-up'), { status: 'expired' });
  });

  describe('slow down', () => {
    for (const status of [400, 429] as const) {
      it(`lengthens the interval when told with ${status}, up to ten seconds`, async () => {
        const { handle } = await start();
        fixture.simulator.oauth.slowDownNext(6, status);
        const intervals: number[] = [];
        for (let waitMs = 2_000, index = 0; index < 6; index++) {
          const step = await pollWhenDue(handle, waitMs);
          assert.ok(step.status === 'pending' && step.slowDown);
          waitMs = step.intervalMs;
          intervals.push(waitMs);
        }
        assert.deepEqual(intervals, [3_000, 4_500, 6_750, 10_000, 10_000, 10_000]);
        assert.equal(polls(), 6);
        const step = await pollWhenDue(handle, 9_999);
        assert.deepEqual([step, polls()], [{ status: 'pending', intervalMs: 10_000, slowDown: false }, 6]);
      });
    }

    it('never shortens an interval that the server began with', async () => {
      fixture.simulator.oauth.intervalSeconds = 15;
      const { handle } = await start();
      fixture.simulator.oauth.slowDownNext();
      const step = await pollWhenDue(handle, 15_000);
      assert.ok(step.status === 'pending');
      assert.equal(step.intervalMs, 22_500);
    });
  });

  describe('cancel', () => {
    it('ends the flow', async () => {
      const { handle } = await start();
      fixture.simulator.oauth.approve();
      signIns.cancel(handle);
      signIns.cancel(handle);
      assert.deepEqual(await pollWhenDue(handle), { status: 'expired' });
      assert.equal(polls(), 0);
    });

    it('also while the server is asked: what it issues is not kept', async () => {
      const { handle } = await start();
      fixture.simulator.oauth.approve();
      fixture.intercept = async (_request, send) => {
        const answer = await send();
        signIns.cancel(handle);
        return answer;
      };
      assert.deepEqual(await pollWhenDue(handle), { status: 'expired' });
    });
  });

  it('two lookers share one poll and its answer', async () => {
    const { handle } = await start();
    fixture.simulator.oauth.approve();
    await fixture.clock.advance(2_000);
    const [one, two] = await Promise.all([poll(handle), poll(handle)]);
    assert.equal(one.status, 'issued');
    assert.equal(one, two);
    assert.equal(polls(), 1);
  });

  it('flows do not mix', async () => {
    const [one, two] = [await start('one'), await start('two')];
    fixture.simulator.oauth.approve(two.device.userCode);
    assert.equal((await pollWhenDue(one.handle)).status, 'pending');
    const step = await poll(two.handle);
    assert.ok(step.status === 'issued' && step.accountId === 'two');
  });

  it('keeps sixteen flows, the newest', async () => {
    const handles: string[] = [];
    for (let index = 0; index < 17; index++) handles.push((await start()).handle);
    await fixture.clock.advance(2_000);
    const steps = await Promise.all(handles.map(poll));
    assert.deepEqual(
      steps.map(({ status }) => status),
      ['expired', ...Array.from({ length: 16 }, () => 'pending')],
    );
  });

  describe('trouble on the way', () => {
    it('is no end: the next poll may succeed, a little later', async () => {
      const { handle } = await start();
      fixture.simulator.oauth.waf(2);
      assert.deepEqual(await pollWhenDue(handle), { status: 'pending', intervalMs: 3_000, slowDown: false });
      await pollWhenDue(handle, 2_999);
      assert.equal(tokenRequests(fixture.simulator).length, 1);
      assert.deepEqual(await pollWhenDue(handle, 1), { status: 'pending', intervalMs: 4_500, slowDown: false });
      fixture.simulator.oauth.approve();
      assert.equal((await pollWhenDue(handle, 4_500)).status, 'issued');
    });

    it('is told when it does not pass', async () => {
      const { handle } = await start();
      fixture.simulator.oauth.waf(99);
      for (let index = 0; index < 4; index++) assert.equal((await pollWhenDue(handle, 10_000)).status, 'pending');
      await assert.rejects(pollWhenDue(handle, 10_000), { code: 'upstream_protocol' });
    });

    it('is told at once when the server refused for good', async () => {
      const { handle } = await start();
      fixture.intercept = async () =>
        scriptedAnswer(400, { error: 'invalid_grant', error_description: 'wrong verifier' });
      await assert.rejects(pollWhenDue(handle), { code: 'upstream_error', message: /wrong verifier/ });
    });

    it('starts nothing when the device endpoint is down', async () => {
      fixture.settings = { ...fixture.settings, deviceCodeEndpoint: 'http://127.0.0.1:1/device' };
      await assert.rejects(start(), { code: 'upstream_unreachable' });
    });
  });

  it('keeps no tokens without a refresh token', () => {
    const tokens = { accessToken: 'a', expiresAtMs: 1 };
    assert.throws(() => requireRefreshToken(tokens), GatewayError);
    assert.deepEqual(requireRefreshToken({ ...tokens, refreshToken: 'r' }), { ...tokens, refreshToken: 'r' });
  });
});
