import assert from 'node:assert/strict';
import type { AccountSummary } from '../../src/core/control.ts';
import { accountRow, factRows } from '../../src/vscode/views/account-node.ts';

const l10n = {
  t: (message: string, ...args: (string | number | boolean)[]) =>
    message.replace(/\{(\d)\}/g, (_, index) => String(args[Number(index)])),
};
const texts = { l10n, locale: 'en' };

function account(over: Partial<AccountSummary> = {}): AccountSummary {
  return {
    id: 'coding',
    label: 'Coding',
    kind: 'api-key',
    plan: 'coding-intl',
    planLabel: 'Coding Plan (International)',
    enabled: true,
    state: 'ready',
    obstacles: [],
    windows: [{ name: 'hour', usedRequests: 3, usedTokens: 9, left: 0.4, resetsMs: 0 }],
    requestsToday: 7,
    inputTokensToday: 1_200_000,
    outputTokensToday: 3_400,
    createdAtMs: 0,
    ...over,
  };
}

describe('rows of the accounts view', () => {
  const contexts: readonly [string, Partial<AccountSummary>, number, string][] = [
    ['the first one', {}, 0, 'account enabled'],
    ['a later one can be moved', {}, 1, 'account enabled movable'],
    ['a disabled one', { enabled: false, state: 'disabled' }, 0, 'account disabled'],
    ['a cooling one can be cleared', { state: 'cooling' }, 0, 'account enabled waiting'],
    ['a key that was refused', { state: 'unauthorized' }, 0, 'account enabled waiting'],
    [
      'a sign-in that was refused can be renewed',
      { state: 'unauthorized', kind: 'oauth-device' },
      0,
      'account enabled waiting signedOut',
    ],
  ];
  for (const [name, over, index, expected] of contexts)
    it(name, () => assert.equal(accountRow(account(over), index, texts).contextValue, expected));

  it('says what is left, and in words what the icon shows', () => {
    const row = accountRow(account(), 0, texts);
    assert.equal(row.description, '40 % left · 7 requests today');
    assert.equal(row.spoken, 'Coding, Coding Plan (International), Ready, 40 % left');
  });

  it('says why an account waits, and what to do', () => {
    const waiting = account({ state: 'unauthorized', reason: 'the key was refused', fix: 'Enter a new key.' });
    assert.equal(accountRow(waiting, 0, texts).description, 'Sign in again: the key was refused');
    assert.partialDeepStrictEqual(factRows(waiting, texts)[0], {
      label: 'the key was refused',
      description: 'Enter a new key.',
    });
  });

  it('lists windows, today and the last error, each with an id of its own', () => {
    const rows = factRows(account({ lastError: { code: 'burst', atMs: 0 } }), texts);
    assert.deepEqual(
      rows.map(({ label }) => label),
      ['5 hours', '7 requests today', 'Last error: too many requests'],
    );
    assert.match(rows[0]?.description ?? '', /^40 % left, fresh /);
    assert.equal(rows[1]?.description, '1.2M tokens in, 3.4K out');
    assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
  });
});
