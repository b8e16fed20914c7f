import assert from 'node:assert/strict';
import type { AccountSummary, ProxySnapshot } from '../../src/core/control.ts';
import { tooltipCommands, toStatusBarView } from '../../src/vscode/status-bar-view.ts';

const english = {
  t: (message: string, ...args: (string | number | boolean)[]) =>
    message.replace(/\{(\d)\}/g, (_, index) => String(args[Number(index)])),
};

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
    windows: [],
    requestsToday: 7,
    inputTokensToday: 0,
    outputTokensToday: 0,
    createdAtMs: 0,
    ...over,
  };
}

function snapshot(over: Partial<ProxySnapshot> = {}): ProxySnapshot {
  return {
    state: 'serving',
    version: '0.1.0',
    host: '127.0.0.1',
    port: 47_820,
    url: 'http://127.0.0.1:47820',
    accounts: [account()],
    requestsToday: 14,
    ...over,
  };
}

function withLeft(...shares: readonly (number | undefined)[]): AccountSummary {
  const window = { name: 'day', usedRequests: 1, usedTokens: 1, resetsMs: 0 } as const;
  return account({ windows: shares.map((left) => ({ ...window, ...(left !== undefined && { left }) })) });
}

const view = (value: ProxySnapshot) => toStatusBarView(value, english, 'en');
const cooling = account({
  id: 'b',
  label: 'B',
  state: 'cooling',
  reason: 'rate limited',
  untilMs: Date.now() + 60_000,
});

describe('status bar', () => {
  const accounts = [account(), account({ id: 'c' }), cooling];
  const table: readonly [string, ProxySnapshot, Partial<ReturnType<typeof view>>][] = [
    ['ready', snapshot({ accounts }), { text: '$(cloud) Qwen 2/3', command: 'qwenProxy.showAccounts' }],
    [
      'none ready',
      snapshot({ accounts: [cooling] }),
      { text: '$(warning) Qwen 0/1', background: 'warning', command: 'qwenProxy.showAccounts' },
    ],
    ['no account', snapshot({ accounts: [] }), { background: 'warning', command: 'qwenProxy.login' }],
    ['starting', snapshot({ state: 'starting' }), { text: '$(sync~spin) Qwen', command: 'qwenProxy.showAccounts' }],
    ['stopped', snapshot({ state: 'stopped' }), { text: '$(circle-slash) Qwen', command: 'qwenProxy.start' }],
    [
      'port taken',
      snapshot({ state: 'error', problem: { code: 'port_taken', message: 'taken', owner: 'nginx (pid 7)' } }),
      {
        text: '$(error) Qwen',
        background: 'error',
        command: 'qwenProxy.start',
        label: 'Qwen Proxy has a problem: port 47820 is taken by nginx (pid 7)',
      },
    ],
    [
      'crashed',
      snapshot({ state: 'error', problem: { code: 'crashed', message: 'gone' } }),
      { text: '$(error) Qwen', background: 'error', command: 'qwenProxy.showLog' },
    ],
  ];
  for (const [name, given, expected] of table) {
    it(`shows ${name}`, () => assert.partialDeepStrictEqual(view(given), expected));
  }

  const shares: readonly [string, readonly AccountSummary[], string][] = [
    ['the tightest window', [withLeft(0.9, 0.389), withLeft(0.5)], '$(cloud) Qwen 2/2 · 38 % left'],
    ['nothing where no limit is known', [withLeft(undefined)], '$(cloud) Qwen 1/1'],
    [
      'only what ready accounts have left, as long as there are any',
      [{ ...withLeft(0), state: 'exhausted' }, withLeft(0.5)],
      '$(cloud) Qwen 1/2 · 50 % left',
    ],
    ['an empty window', [{ ...withLeft(0), state: 'exhausted' }], '$(warning) Qwen 0/1 · 0 % left'],
  ];
  for (const [name, given, text] of shares) {
    it(`shows ${name}`, () => assert.equal(view(snapshot({ accounts: given })).text, text));
  }

  it('has no background while all is well', () => assert.equal(view(snapshot()).background, undefined));

  it('says in words what the icons show', () => {
    assert.equal(view(snapshot()).label, 'Qwen Proxy: 1 of 1 accounts ready');
    assert.equal(view(snapshot({ accounts: [withLeft(0.5)] })).label, 'Qwen Proxy: 1 of 1 accounts ready, 50 % left');
  });

  it('lists each account with its reason in the tooltip', () => {
    const { tooltip } = view(snapshot({ accounts: [account(), cooling] }));
    assert.match(tooltip, /\$\(pass\) \*\*Coding\*\* · Coding Plan/);
    assert.match(tooltip, /\$\(clock\) \*\*B\*\* .*Cooling until .*: rate limited/);
    assert.match(tooltip, /`http:\/\/127\.0\.0\.1:47820\/v1`/);
  });

  it('links only to commands it may run', () => {
    for (const [, given] of table) {
      for (const [, command] of view(given).tooltip.matchAll(/\(command:([\w.]+)\)/g)) {
        assert.ok(
          tooltipCommands.some((allowed) => allowed === command),
          command,
        );
      }
    }
  });

  it('does not let a label become Markdown', () => {
    const label = '[x](command:evil) $(bug)\n# <b>';
    const { tooltip } = view(snapshot({ accounts: [account({ label })] }));
    assert.ok(!tooltip.includes('](command:evil)'));
    assert.ok(tooltip.includes('\\[x\\]\\(command:evil\\) \\$\\(bug\\) \\# \\<b\\>'));
  });

  it('shows every window with its share, its reset and its forecast, and models that are out', () => {
    const resetsMs = Date.now() + 3_600_000;
    const { tooltip } = view(
      snapshot({
        accounts: [
          account({
            windows: [
              {
                name: 'hour',
                usedRequests: 38,
                usedTokens: 9,
                limitRequests: 100,
                left: 0.62,
                resetsMs,
                usedUpMs: Date.now() + 40 * 60_000,
              },
              { name: 'month', usedRequests: 5, usedTokens: 1_200_000, resetsMs },
            ],
            obstacles: [{ model: 'qwen3-max', reason: 'too fast' }],
          }),
        ],
      }),
    );
    const plain = tooltip.replaceAll('\\', '');
    assert.match(plain, /▰▰▰▰▰▱▱▱ 5 hours: 62 % left, fresh .+, about 40 min left at this pace/);
    assert.match(plain, /— Month: 5 requests, 1\.2M tokens/);
    assert.match(plain, /qwen3-max: too fast/);
  });
});
