import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { BoundKind, Credential } from '../../src/accounts/kinds/kind.ts';
import { type ErrorCode, errorScopes, GatewayError } from '../../src/core/errors.ts';

/** An account kind with an account of it, ready to be asked. */
export interface AccountKindFixture {
  readonly kind: BoundKind;
  /** Everything in the account that no log and no message may show. */
  readonly secrets: readonly string[];
  dispose(): Promise<void>;
}

/** More refusals in a row than any kind may answer with a fresh credential. */
const patience = 5;
const refusals: readonly ErrorCode[] = ['unauthorized', 'token_expired'];

/** What every kind of account has to do. */
export function accountKindContract(createFixture: () => Promise<AccountKindFixture>): void {
  describe('as every kind', () => {
    let fixture: AccountKindFixture;
    const signal = new AbortController().signal;
    const refused = (code: ErrorCode) => new GatewayError(code, 'The upstream refused.', { upstreamStatus: 401 });

    beforeEach(async () => {
      fixture = await createFixture();
    });
    afterEach(() => fixture.dispose());

    it('gives a Bearer credential and endpoints without trailing slashes', async () => {
      const { authorization, endpoints } = await fixture.kind.credential(signal);
      assert.match(authorization, /^Bearer [\x21-\x7e]+$/);
      assert.match(endpoints.openai, /\/v1$/);
      for (const url of Object.values(endpoints)) {
        assert.ok(URL.canParse(url));
        assert.equal(url.endsWith('/'), false);
      }
    });

    it('gives the same credential again while nothing happens', async () => {
      const [one, two] = [await fixture.kind.credential(signal), await fixture.kind.credential(signal)];
      assert.deepEqual(one, two);
    });

    for (const code of refusals) {
      it(`comes to an end when the upstream goes on saying ${code}`, async () => {
        let credential: Credential = await fixture.kind.credential(signal);
        const seen = new Set([credential.authorization]);
        for (let round = 0; ; round++) {
          assert.ok(round < patience, 'a fresh credential every time');
          const next = await fixture.kind.recover(credential, refused(code), signal);
          if (next instanceof GatewayError) {
            assert.equal(next.scope, 'account');
            for (const secret of [...fixture.secrets, ...[...seen].map((text) => text.slice('Bearer '.length))])
              assert.equal(`${next.message} ${next.fix ?? ''}`.includes(secret), false);
            return;
          }
          assert.equal(seen.has(next.authorization), false, 'the same credential again');
          seen.add(next.authorization);
          credential = next;
        }
      });
    }

    it('leaves every other error as it is', async () => {
      const credential = await fixture.kind.credential(signal);
      for (const code of Object.keys(errorScopes) as ErrorCode[]) {
        if (refusals.includes(code)) continue;
        const error = refused(code);
        assert.equal(await fixture.kind.recover(credential, error, signal), error);
      }
    });

    it('answers a request that was given up with its reason, or at once', async () => {
      const reason = new GatewayError('client_gone', 'The client went away.');
      const gone = AbortSignal.abort(reason);
      const credential = await fixture.kind.credential(signal);
      const [asked, recovered] = await Promise.allSettled([
        fixture.kind.credential(gone),
        fixture.kind.recover(credential, refused('unauthorized'), gone),
      ]);
      if (asked.status === 'rejected') assert.equal(asked.reason, reason);
      else assert.deepEqual(asked.value, credential, 'the one it had at hand');
      if (recovered.status === 'rejected') assert.equal(recovered.reason, reason);
      else assert.ok(recovered.value instanceof GatewayError && refusals.includes(recovered.value.code));
    });
  });
}
