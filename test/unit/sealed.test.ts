import assert from 'node:assert/strict';
import { createNonce, createSealedChannel, isProofOf, proveIdentity } from '../../src/server/sealed.ts';

const secret = 'the control secret of this install';
const nonces = { owner: createNonce(), follower: createNonce() };
const pair = () => ({
  owner: createSealedChannel(secret, { self: 'owner', nonces }),
  follower: createSealedChannel(secret, { self: 'follower', nonces }),
});

describe('sealed channel between windows', () => {
  it('opens what the other end sealed, in any order', () => {
    const { owner, follower } = pair();
    const sealed = [1, 'two', { three: ['你好 🙂'] }, null].map((value) => owner.seal(value));
    assert.deepEqual(
      sealed.toReversed().map((text) => follower.open(text)),
      [null, { three: ['你好 🙂'] }, 'two', 1],
    );
  });

  it('shows nothing of what it carries', () => {
    assert.doesNotMatch(pair().owner.seal({ key: 'sk-canary' }), /canary|sk-/);
    assert.notEqual(pair().owner.seal('same'), pair().owner.seal('same'));
  });

  it('stops waiting for a message that never came, and keeps few numbers in mind', () => {
    const { owner, follower } = pair();
    const lost = owner.seal('lost');
    for (let count = 0; count < 1_025; count++) follower.open(owner.seal(count));
    assert.throws(() => follower.open(lost), /opened before/);
  });

  const refused: readonly (readonly [string, () => unknown])[] = [
    [
      'a message that was opened before',
      () => {
        const { owner, follower } = pair();
        const sealed = owner.seal('once');
        follower.open(sealed);
        return follower.open(sealed);
      },
    ],
    [
      'its own words',
      () => {
        const { owner } = pair();
        return owner.open(owner.seal('mirror'));
      },
    ],
    [
      'a changed byte',
      () => {
        const { owner, follower } = pair();
        const bytes = Buffer.from(owner.seal('text'), 'base64url');
        bytes[20] = (bytes[20] ?? 0) ^ 1;
        return follower.open(bytes.toString('base64url'));
      },
    ],
    [
      'another secret',
      () => createSealedChannel('another', { self: 'follower', nonces }).open(pair().owner.seal('text')),
    ],
    [
      'another conversation',
      () =>
        createSealedChannel(secret, { self: 'follower', nonces: { ...nonces, owner: createNonce() } }).open(
          pair().owner.seal('text'),
        ),
    ],
    ['rubbish', () => pair().owner.open('!!!')],
    ['nothing', () => pair().owner.open('')],
  ];
  for (const [name, open] of refused) it(`refuses ${name}`, () => void assert.throws(open));
});

describe('identity proof', () => {
  const claim = { role: 'owner', port: 47820, pid: 4711, nonce: createNonce() } as const;
  const proof = proveIdentity(secret, claim);
  it('holds for its own claim', () => assert.equal(isProofOf(secret, claim, proof), true));
  for (const [name, changed] of [
    ['role', { ...claim, role: 'follower' as const }],
    ['port', { ...claim, port: 47821 }],
    ['pid', { ...claim, pid: 4712 }],
    ['nonce', { ...claim, nonce: createNonce() }],
  ] as const)
    it(`fails for another ${name}`, () => assert.equal(isProofOf(secret, changed, proof), false));
  it('fails for another secret, and for what is no proof', () => {
    assert.equal(isProofOf('another', claim, proof), false);
    assert.equal(isProofOf(secret, claim, ''), false);
    assert.equal(isProofOf(secret, claim, `${proof}x`), false);
  });
});
