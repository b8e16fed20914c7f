import assert from 'node:assert/strict';
import type { InspectedRequest, RequestRecord, UsageBucket } from '../../src/core/activity.ts';
import { parsePageMessage } from '../../src/vscode/views/dashboard-page-message.ts';
import { toCurl, toInspectorView } from '../../src/vscode/views/inspector-view.ts';
import { toRequestRow } from '../../src/vscode/views/request-row.ts';
import { toChartView, usageQuery } from '../../src/vscode/views/usage-chart.ts';

const l10n = {
  t: (message: string, ...args: (string | number | boolean)[]) =>
    message.replace(/\{(\d)\}/g, (_, index) => String(args[Number(index)])),
};
const texts = { l10n, locale: 'en' };
const labelOf = (id: string) => id.toUpperCase();

const record: RequestRecord = {
  id: 'req_1',
  startedMs: 0,
  state: 'answered',
  dialect: 'openai-chat',
  lane: 'native',
  stream: true,
  client: 'OpenAI/JS',
  modelAsked: 'gpt-4o',
  model: 'qwen3-max',
  account: 'b',
  attempts: [
    { account: 'a', committed: false, error: 'quota_exhausted' },
    { account: 'b', committed: true },
  ],
  status: 200,
  ttftMs: 400,
  durationMs: 2_400,
  inputTokens: 1_000,
  outputTokens: 100,
  cachedTokens: 250,
};

describe('a row of the live list', () => {
  it('says which way the request went, and why', () => {
    const { time: _, ...row } = toRequestRow(record, labelOf, texts);
    assert.deepEqual(row, {
      id: 'req_1',
      state: 'answered',
      client: 'OpenAI/JS',
      model: 'gpt-4o → qwen3-max',
      way: 'openai-chat → native → B',
      attempts: ['A: the quota is used up', 'B: answered'],
      firstToken: '400 ms',
      speed: '50',
      tokens: '1,000 → 100',
      cached: '25 %',
      status: '200',
    });
  });

  const states: readonly [string, Partial<RequestRecord>, string][] = [
    ['runs', { state: 'open' }, 'running'],
    ['failed', { state: 'failed', status: 429, error: 'accounts_cooling' }, '429: no account was ready'],
    ['was cut off', { state: 'cut', error: 'upstream_timeout' }, 'cut off: the upstream was silent'],
    ['was given up', { state: 'aborted', error: 'client_gone' }, 'the client left'],
  ];
  for (const [name, over, status] of states)
    it(`says that a request ${name}`, () =>
      assert.equal(toRequestRow({ ...record, ...over }, labelOf, texts).status, status));

  it('leaves out what is not known yet', () => {
    const { id, startedMs, dialect, stream } = record;
    const row = toRequestRow({ id, startedMs, dialect, stream, state: 'open', attempts: [] }, labelOf, texts);
    assert.partialDeepStrictEqual(row, {
      model: '',
      firstToken: '',
      speed: '',
      tokens: '',
      cached: '',
      way: 'openai-chat',
    });
  });
});

describe('the chart of usage', () => {
  const nowMs = Date.UTC(2026, 10, 18, 12, 30);
  const query = usageQuery('day', nowMs, 0);
  const chart = { range: 'day', measure: 'requests', by: 'account' } as const;
  const bucket = (over: Partial<UsageBucket> = {}): UsageBucket => ({
    startMs: Date.UTC(2026, 10, 18, 12),
    account: 'a',
    model: 'qwen3-max',
    requests: 2,
    failed: 1,
    inputTokens: 100,
    outputTokens: 10,
    cachedTokens: 0,
    ...over,
  });
  const view = (buckets: readonly UsageBucket[], over: Partial<Parameters<typeof toChartView>[1]> = {}) =>
    toChartView(buckets, { ...chart, ...over }, { query, nowMs, labelOf, texts });

  it('has a value for every hour of a day, and for every day of a month', () => {
    assert.equal(view([]).startsMs.length, 24);
    const month = usageQuery('month', nowMs, 480);
    const facts = { query: month, nowMs, labelOf, texts };
    const { startsMs } = toChartView([], { ...chart, range: 'month' }, facts);
    assert.equal(startsMs.length, 30);
    assert.equal(startsMs.at(-1), Date.UTC(2026, 10, 17, 16));
  });

  it('counts requests and tokens, by account and by model', () => {
    const buckets = [bucket(), bucket({ model: 'qwen3-coder-plus' }), bucket({ account: 'b' })];
    const last = (over: Parameters<typeof view>[1]) =>
      view(buckets, over).series.map(({ label, values }) => [label, values.at(-1)]);
    assert.deepEqual(last({}), [
      ['A', 6],
      ['B', 3],
    ]);
    assert.deepEqual(last({ measure: 'tokens', by: 'model' }), [
      ['qwen3-max', 220],
      ['qwen3-coder-plus', 110],
    ]);
    assert.equal(view(buckets).summary, 'Requests over time: 9');
  });

  it('joins what would be too many to tell apart', () => {
    const buckets = Array.from({ length: 9 }, (_, index) => bucket({ account: `a${index}`, requests: 10 - index }));
    const { series } = view(buckets);
    assert.equal(series.length, 6);
    assert.deepEqual([series[0]?.label, series.at(-1)?.label], ['A0', 'Others']);
  });
});

describe('the inspector', () => {
  const inspected: InspectedRequest = {
    id: 'req_1',
    dialect: 'openai-chat',
    path: '/v1/chat/completions',
    body: { model: 'qwen3-max', messages: [{ role: 'user', content: "<5 characters> it's" }] },
    calls: [
      {
        account: 'a',
        method: 'POST',
        url: 'https://example.com/v1/chat/completions',
        headers: { authorization: '<9 characters>' },
        body: { model: 'qwen3-max' },
        status: 200,
        responseHeaders: { 'content-type': 'text/event-stream' },
        events: [{ choices: [] }, '[DONE]'],
      },
    ],
    status: 200,
    events: [{ choices: [] }],
    eventsLeftOut: 3,
  };

  it('puts both sides beside each other', () => {
    const { calls, answer, request } = toInspectorView(inspected, labelOf, texts);
    assert.equal(calls[0]?.title, 'A · 200');
    assert.match(calls[0]?.request ?? '', /^POST https:.*\nauthorization: <9 characters>\n\n\{/);
    assert.match(calls[0]?.answer ?? '', /^200\ncontent-type: .*\n\n\{"choices":\[\]\}\n\[DONE\]$/);
    assert.equal(answer, '200\n\n{"choices":[]}\n… and 3 more');
    assert.deepEqual(JSON.parse(request), inspected.body);
  });

  it('makes a command that a shell reads as it is meant, without a key', async () => {
    const command = toCurl(inspected, 'http://127.0.0.1:1');
    assert.match(command, /"Authorization: Bearer \$QWEN_PROXY_KEY"/);
    const { execFileSync } = await import('node:child_process');
    const script = `curl() { for argument; do printf '%s\\0' "$argument"; done; }\nQWEN_PROXY_KEY=mine\n${command}`;
    const words = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0');
    assert.deepEqual(words.slice(0, 2), ['-sS', 'http://127.0.0.1:1/v1/chat/completions']);
    assert.ok(words.includes('Authorization: Bearer mine'));
    assert.deepEqual(JSON.parse(words.at(-2) ?? ''), inspected.body);
  });
});

describe('what the page may say', () => {
  const query = { range: 'day', measure: 'tokens', by: 'model' } as const;
  const accepted = [
    { type: 'ready', query },
    { type: 'chart', query },
    { type: 'action', action: 'stop' },
    { type: 'inspecting', isOn: true },
    { type: 'inspect', id: 'req_1' },
    { type: 'copy-curl', id: 'req_1' },
  ];
  for (const message of accepted)
    it(`${message.type} is understood`, () => assert.deepEqual(parsePageMessage({ ...message, more: 1 }), message));
  const refused = [
    undefined,
    null,
    'ready',
    {},
    { type: 'ready' },
    { type: 'chart', query: { ...query, by: 'key' } },
    { type: 'action', action: 'workbench.action.quit' },
    { type: 'inspecting', isOn: 'yes' },
    { type: 'inspect', id: 1 },
  ];
  for (const message of refused)
    it(`${JSON.stringify(message)} is nothing`, () => assert.equal(parsePageMessage(message), undefined));
});
