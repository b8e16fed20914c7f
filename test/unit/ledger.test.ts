import assert from 'node:assert/strict';
import { appendFile, chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { createLedger, type Ledger, utcDay } from '../../src/usage/ledger.ts';
import { type LedgerEntry, parseLedgerLine } from '../../src/usage/ledger-entry.ts';
import { createMemoryLogger, type MemoryLogger } from '../support/accounts.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

for (const [disk, patienceMs] of [
  ['a fast disk', Number.POSITIVE_INFINITY],
  ['a slow disk', -1],
] as const)
  describe(`usage ledger on ${disk}`, () => {
    let parent: string;
    let directory: string;
    let clock: FakeClock;
    let logger: MemoryLogger;
    let ledger: Ledger;
    const open = () => createLedger({ directory, clock, logger, patienceMs });
    const fileOf = (day = utcDay(clock.now())) => join(directory, `${day}.jsonl`);
    const linesOf = async (day?: string) => (await readFile(fileOf(day), 'utf8')).split('\n').slice(0, -1);
    const idsOf = async (day?: string) => (await linesOf(day)).map((line) => parseLedgerLine(line)?.id);
    const entry = (id: string, changes: Partial<LedgerEntry> = {}): LedgerEntry => ({
      v: 1,
      at: clock.now(),
      id,
      dialect: 'openai-chat',
      account: 'a',
      attempts: [{ account: 'a' }],
      outcome: 'answered',
      status: 200,
      durationMs: 12,
      ...changes,
    });

    beforeEach(async () => {
      parent = await mkdtemp(join(tmpdir(), 'qwen-ledger-'));
      directory = join(parent, 'state', 'usage');
      clock = createFakeClock();
      logger = createMemoryLogger();
      ledger = open();
    });
    afterEach(async () => {
      await ledger.close();
      await rm(parent, { recursive: true, force: true });
    });

    it('has the line on the disk before append resolves, as it was given', async () => {
      const full = entry('one', {
        client: 'OpenAI/JS',
        lane: 'native',
        modelAsked: 'gpt-5',
        model: 'qwen3-coder-plus',
        attempts: [{ account: 'b', error: 'rate_limited' }, { account: 'a' }],
        ttftMs: 3,
        inputTokens: 10,
        outputTokens: 20,
        cachedTokens: 0,
        reasoningTokens: 5,
      });
      await ledger.append(full);
      assert.deepEqual(
        (await linesOf()).map((line) => JSON.parse(line)),
        [full],
      );
    });

    it('commits in groups: every line is there, in the order of the calls', async () => {
      const ids = Array.from({ length: 500 }, (_, index) => `request-${index}`);
      const settled: string[] = [];
      await Promise.all(
        ids.map(async (id) => {
          await ledger.append(entry(id));
          settled.push(id);
        }),
      );
      assert.deepEqual(await idsOf(), ids);
      assert.deepEqual(settled, ids);
      assert.equal(ledger.today('a').requests, 500);
    });

    it('keeps the order across groups that begin while another is written', async () => {
      const written: Promise<void>[] = [];
      for (let index = 0; index < 200; index++) {
        written.push(ledger.append(entry(`request-${index}`)));
        if (index % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await Promise.all(written);
      assert.deepEqual(
        await idsOf(),
        written.map((_, index) => `request-${index}`),
      );
    });

    it('is for its user alone, folders too', async () => {
      await mkdir(directory, { recursive: true });
      await chmod(directory, 0o755);
      await ledger.append(entry('one'));
      const modes = await Promise.all(
        [fileOf(), directory].map(async (path) => ((await stat(path)).mode & 0o777).toString(8)),
      );
      assert.deepEqual(modes, ['600', '700']);
    });

    describe('counts', () => {
      it('sums requests and tokens of what was answered, per account', async () => {
        await Promise.all([
          ledger.append(entry('1', { inputTokens: 10, outputTokens: 1 })),
          ledger.append(entry('2', { inputTokens: 5, outputTokens: 2, cachedTokens: 4, reasoningTokens: 1 })),
          ledger.append(entry('3')),
          ledger.append(entry('4', { account: 'b', inputTokens: 7 })),
          ledger.append(entry('5', { outcome: 'failed', inputTokens: 100 })),
          ledger.append(entry('6', { outcome: 'cut', outputTokens: 100 })),
          ledger.append(entry('7', { outcome: 'aborted' })),
        ]);
        const expected = [
          { requests: 3, inputTokens: 15, outputTokens: 3 },
          { requests: 1, inputTokens: 7, outputTokens: 0 },
          { requests: 0, inputTokens: 0, outputTokens: 0 },
        ];
        assert.deepEqual(
          ['a', 'b', 'nobody'].map((id) => ledger.today(id)),
          expected,
        );
        const again = open();
        await again.reload();
        assert.deepEqual(
          ['a', 'b', 'nobody'].map((id) => again.today(id)),
          expected,
        );
      });

      it('counts at once, not after the write', () => {
        void ledger.append(entry('one'));
        assert.equal(ledger.today('a').requests, 1);
      });

      it('are rebuilt past torn and foreign lines', async () => {
        await ledger.append(entry('one'));
        await ledger.append(entry('two'));
        await appendFile(
          fileOf(),
          [
            'not json',
            '',
            '{"v":2,"something":"newer"}',
            JSON.stringify({ ...entry('no outcome'), outcome: 'unheard of' }),
            '[]',
            JSON.stringify(entry('torn')).slice(0, 40),
          ].join('\n'),
        );
        const again = open();
        await again.reload();
        assert.equal(again.today('a').requests, 2);
        await again.append(entry('three'));
        await again.close();
        assert.equal((await idsOf()).at(-1), 'three', 'the torn line did not swallow the next one');
        await ledger.reload();
        assert.equal(ledger.today('a').requests, 3);
      });

      it('count nothing twice and lose nothing when they are rebuilt amid appends', async () => {
        await ledger.append(entry('before'));
        const work: Promise<void>[] = [];
        for (let round = 0; round < 10; round++) {
          for (let index = 0; index < 10; index++) work.push(ledger.append(entry(`${round}-${index}`)));
          work.push(ledger.reload());
          if (round % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        await Promise.all(work);
        assert.equal(ledger.today('a').requests, 101);
      });
    });

    describe('at 00:00 UTC', () => {
      beforeEach(() => {
        clock.set(Date.UTC(2026, 10, 18, 23, 59, 59, 999));
        ledger = open();
      });

      it('starts a new file and new counts', async () => {
        await ledger.append(entry('old'));
        await clock.advance(1);
        assert.equal(ledger.today('a').requests, 0);
        await ledger.append(entry('new'));
        assert.equal(ledger.today('a').requests, 1);
        assert.deepEqual([await idsOf('2026-11-18'), await idsOf('2026-11-19')], [['old'], ['new']]);
      });

      it('books a request on the day it ended', async () => {
        const late = entry('ended yesterday');
        await clock.advance(1);
        await Promise.all([
          ledger.append(late),
          ledger.append(entry('today')),
          ledger.append({ ...late, id: 'another' }),
        ]);
        assert.equal(ledger.today('a').requests, 1);
        assert.deepEqual(await idsOf('2026-11-18'), ['ended yesterday', 'another']);
        assert.deepEqual(await idsOf('2026-11-19'), ['today']);
      });

      it('counts nothing of yesterday after a restart', async () => {
        await ledger.append(entry('old'));
        await clock.advance(1);
        await ledger.reload();
        assert.equal(ledger.today('a').requests, 0);
      });
    });

    describe('when the disk refuses', () => {
      it('never rejects, counts on, and says so once', async () => {
        await mkdir(join(parent, 'state'));
        await writeFile(directory, 'a file where the folder should be');
        await ledger.reload();
        await Promise.all([ledger.append(entry('1')), ledger.append(entry('2'))]);
        await ledger.append(entry('3'));
        assert.equal(ledger.today('a').requests, 3);
        assert.equal(logger.lines.filter(({ level }) => level === 'error').length, 1);
      });

      it('writes again as soon as it can', async () => {
        await mkdir(join(parent, 'state'));
        await writeFile(directory, '');
        await ledger.append(entry('lost'));
        await rm(directory);
        await ledger.append(entry('kept'));
        assert.deepEqual(await idsOf(), ['kept']);
        await rm(directory, { recursive: true });
        await writeFile(directory, '');
        await clock.advance(24 * 3_600_000);
        await ledger.append(entry('lost again'));
        assert.equal(logger.lines.filter(({ level }) => level === 'error').length, 2);
      });

      it('does not read what is no ledger', async () => {
        await mkdir(fileOf(), { recursive: true });
        await ledger.reload();
        assert.equal(ledger.today('a').requests, 0);
        assert.equal(logger.lines.filter(({ level }) => level === 'warn').length, 1);
        assert.deepEqual(await readdir(directory), [`${utcDay(clock.now())}.jsonl`]);
      });
    });

    it('closes after the last line, and may be closed unused', async () => {
      const written = ledger.append(entry('one'));
      await ledger.close();
      await written;
      assert.deepEqual(await idsOf(), ['one']);
      await open().close();
    });
  });
