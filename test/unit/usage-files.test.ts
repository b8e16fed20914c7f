import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMetering } from '../../src/gateway/metering.ts';
import { createStateFiles } from '../../src/gateway/state-files.ts';
import { createUsageParts } from '../../src/gateway/usage-parts.ts';
import { exportLedgerCsv } from '../../src/usage/csv.ts';
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts';
import { createRequestLog, describeBody } from '../../src/usage/request-log.ts';
import { pruneLedger } from '../../src/usage/retention.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { usageContract } from '../support/usage-contract.ts';

const nowMs = Date.parse('2026-11-22T12:00:00Z');
const logger = { debug() {}, info() {}, warn() {}, error() {} };
const entry = (over: Partial<LedgerEntry> = {}): LedgerEntry => ({
  v: 1,
  at: nowMs,
  id: 'req_1',
  dialect: 'openai-chat',
  account: 'a',
  attempts: [{ account: 'a', committed: true }],
  outcome: 'answered',
  status: 200,
  durationMs: 5,
  inputTokens: 10,
  outputTokens: 5,
  ...over,
});

describe('counts in the files of a home', () => {
  usageContract(async () => {
    const stateDirectory = await mkdtemp(join(tmpdir(), 'usage-'));
    return {
      open: async () => ({ stateDirectory, state: createStateFiles(stateDirectory, logger) }),
      dispose: () => rm(stateDirectory, { recursive: true }),
    };
  });
});

describe('files of the usage ledger', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'usage-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const day = (name: string, entries: readonly LedgerEntry[]) =>
    writeFile(join(folder, `${name}.jsonl`), entries.map((line) => `${JSON.stringify(line)}\n`).join(''));

  it('retention removes old days and nothing else', async () => {
    for (const name of ['2026-09-01', '2026-10-20', '2026-10-21', '2026-11-22']) await day(name, []);
    await writeFile(join(folder, 'notes.txt'), 'mine');
    await pruneLedger({ directory: folder, days: 32, nowMs });
    assert.deepEqual((await readdir(folder)).sort(), ['2026-10-21.jsonl', '2026-11-22.jsonl', 'notes.txt']);
  });

  it('retention goes on in a process that runs for weeks', async () => {
    const clock = createFakeClock(nowMs);
    const usage = join(folder, 'usage');
    await mkdir(usage);
    const counted = Promise.withResolvers<void>();
    const parts = createUsageParts({
      stateDirectory: folder,
      state: { read: async () => undefined, write: async () => {} },
      clock,
      logger,
      settings: () => ({ debugLog: false, logFileLimit: 10, usageRetentionDays: 32 }),
      obstacles: () => [],
      onCounted: counted.resolve,
    });
    await parts.open();
    await counted.promise;
    await clock.advance(86_400_000);
    await writeFile(join(usage, '2026-10-21.jsonl'), '');
    await parts.note(entry({ at: clock.now() }), {});
    assert.deepEqual(await readdir(usage), []);
  });

  it('the export is CSV that no spreadsheet takes for formulas', async () => {
    await day('2026-11-21', [entry({ at: nowMs - 86_400_000, client: '=HYPERLINK("x")', modelAsked: 'a,"b"' })]);
    await day('2026-11-22', [
      entry({
        attempts: [
          { account: 'a', error: 'rate_limited' },
          { account: 'b', committed: true },
        ],
        account: 'b',
      }),
    ]);
    const [head, ...rows] = (await exportLedgerCsv(folder)).trimEnd().split('\r\n');
    assert.match(head ?? '', /^time,request_id,client,/);
    assert.equal(rows.length, 2);
    assert.match(rows[0] ?? '', /^2026-11-21T12:00:00\.000Z,req_1,"'=HYPERLINK\(""x""\)",openai-chat,,"a,""b""",/);
    assert.match(rows[1] ?? '', /,a:rate_limited b,answered,200,/);
    assert.equal((await exportLedgerCsv(join(folder, 'none'))).split('\r\n').length, 2);
  });
  it('the export has a column for every fact of a request', async () => {
    const full: Required<Omit<LedgerEntry, 'v' | 'attempts'>> = {
      ...{ at: nowMs, id: 'fact-id', client: 'fact-client', key: 'fact-key', dialect: 'fact-dialect' },
      ...{ lane: 'fact-lane', modelAsked: 'fact-asked', model: 'fact-model', account: 'fact-account' },
      ...{ outcome: 'cut', status: 299, error: 'fact-error', ttftMs: 901, durationMs: 902 },
      ...{ inputTokens: 903, outputTokens: 904, cachedTokens: 905, cacheWriteTokens: 906, reasoningTokens: 907 },
    };
    await day('2026-11-22', [entry({ ...full, attempts: [] })]);
    const [head = '', row = ''] = (await exportLedgerCsv(folder)).split('\r\n');
    const cells = Object.fromEntries(head.split(',').map((name, index) => [name, row.split(',')[index]]));
    assert.equal(cells.cache_write_tokens, '906');
    const { at: _at, ...facts } = full;
    for (const fact of Object.values(facts)) assert.ok(Object.values(cells).includes(String(fact)), String(fact));
  });

  it('metering counts calls as plans do: each begun answer, retried ones too, and tokens where they were used', async () => {
    const clock = createFakeClock(nowMs);
    const metering = createMetering({ directory: folder, clock, logger });
    await day('2026-11-20', [entry({ at: nowMs - 2 * 86_400_000 })]);
    await day('2026-11-22', [
      entry({
        at: nowMs - 60_000,
        attempts: [
          { account: 'a', committed: true, error: 'upstream_protocol' },
          { account: 'b', committed: true },
        ],
        account: 'b',
      }),
      entry({
        at: nowMs - 60_000,
        attempts: [{ account: 'a', error: 'rate_limited' }],
        outcome: 'failed',
        status: 429,
        inputTokens: undefined,
        outputTokens: undefined,
      }),
    ]);
    await metering.load();
    metering.add(entry());
    assert.deepEqual(metering.history('a').since(0), { requests: 3, tokens: 30 });
    assert.deepEqual(metering.history('b').since(0), { requests: 1, tokens: 15 });
    assert.equal(metering.history('a').since(nowMs - 3_600_000).requests, 2);
    assert.deepEqual(metering.history('nobody').since(0), { requests: 0, tokens: 0 });
  });

  it('a second reading, at a takeover, counts nothing twice', async () => {
    await day('2026-11-21', [entry({ at: nowMs - 86_400_000 })]);
    await day('2026-11-22', [entry({ at: nowMs - 1 })]);
    const metering = createMetering({ directory: folder, clock: createFakeClock(nowMs), logger });
    await Promise.all([metering.load(), metering.load()]);
    assert.equal(metering.history('a').since(0).requests, 2);
  });

  it('the request log keeps the newest files and no word of a request', async () => {
    let isOn = true;
    const log = createRequestLog({
      directory: folder,
      isOn: () => isOn,
      fileLimit: () => 3,
      writeFile,
      logger,
    });
    const body = { model: 'text-canary', messages: [{ role: 'user', content: 'text-canary' }], user: 'text-canary' };
    for (let number = 0; number < 5; number++)
      await log.write(entry({ at: nowMs + number, id: `req_${number}` }), body);
    assert.deepEqual((await readdir(folder)).map((name) => name.slice(-10, -5)).sort(), ['req_2', 'req_3', 'req_4']);
    isOn = false;
    await log.write(entry({ id: 'req_9' }), body);
    assert.equal((await readdir(folder)).length, 3);
  });

  it('describes a body by its shape alone', () => {
    const shape = describeBody({
      model: 'secret-model',
      stream: true,
      temperature: 0.5,
      messages: [
        { role: 'user', content: 'secret' },
        { role: 'assistant', content: null, tool_calls: [{ id: 'secret' }] },
      ],
      tools: [{ type: 'function', function: { name: 'read_file', description: 'secret' } }],
      metadata: { user_id: 'secret' },
    });
    assert.doesNotMatch(JSON.stringify(shape), /secret/);
    assert.deepEqual(shape.tools, ['read_file']);
    assert.equal(shape.stream, true);
    assert.equal(shape.temperature, 0.5);
    assert.deepEqual(
      (shape.messages as { role: string }[]).map(({ role }) => role),
      ['user', 'assistant'],
    );
  });
});
