import { writeSync } from 'node:fs';
import { type FileHandle, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, Logger } from '../core/contracts.ts';
import { makePrivateDirectory } from '../core/private-file.ts';
import { type LedgerEntry, parseLedgerLine } from './ledger-entry.ts';

/** What an account answered since 00:00 UTC. */
export interface DayCount {
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** What a client key has used. */
export interface KeyCount {
  /** Those that were answered. */
  readonly requests: number;
  /** Input and output, whatever became of the answers. */
  readonly tokens: number;
}

/**
 * The append-only record of every client request: one JSON line each, one file a UTC day. Counters are rebuilt from it,
 * so it is the only truth about usage.
 */
export interface Ledger {
  /**
   * Resolves when the line has reached the kernel, which is before the client sees the end of its answer. A full disk or
   * a lost folder is logged and never fails a request; the counters stay right for this run.
   */
  append(entry: LedgerEntry): Promise<void>;
  today(account: string): DayCount;
  /** What the client key with this name has used since 00:00 UTC; without a name, all keys that have none. */
  ofKey(name: string | undefined): KeyCount;
  /** Reads today's lines again from the disk. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

export interface LedgerOptions {
  /** Folder of the day files; made with 0700. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A disk that keeps a write longer than this is written to by another thread for a minute. */
  readonly patienceMs?: number;
}

interface QueuedEntry {
  readonly day: string;
  readonly entry: LedgerEntry;
}

const noUse: KeyCount = { requests: 0, tokens: 0 };
const noCount: DayCount = { requests: 0, inputTokens: 0, outputTokens: 0 };

/** `2026-11-22` of an instant, in UTC. */
export function utcDay(atMs: number): string {
  const number = Math.floor(atMs / 86_400_000);
  if (number !== lastDay.number) lastDay = { number, text: new Date(atMs).toISOString().slice(0, 10) };
  return lastDay.text;
}

/** Every request asks for the day several times, and nearly always for the same one. */
let lastDay = { number: Number.NaN, text: '' };

/** The files of a ledger, oldest first; none where the folder is missing. */
export async function ledgerDays(
  directory: string,
): Promise<readonly { readonly day: string; readonly path: string }[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => /^\d{4}-\d{2}-\d{2}\.jsonl$/.test(name))
    .sort()
    .map((name) => ({ day: name.slice(0, 10), path: join(directory, name) }));
}

/** Opens the ledger; `reload()` fills the counters. */
export function createLedger({ directory, clock, logger, patienceMs = 10 }: LedgerOptions): Ledger {
  let day = utcDay(clock.now());
  let counts = new Map<string, DayCount>();
  /** The keys without a name are under the empty one. */
  let keys = new Map<string, KeyCount>();
  let file: { readonly day: string; readonly handle: FileHandle } | undefined;
  let lastWrite: Promise<void> = Promise.resolve();
  let gathering: { readonly items: QueuedEntry[]; readonly written: Promise<void> } | undefined;
  let hasFailed = false;
  /** Of the monotonic clock: until then the disk counts as slow. */
  let slowUntilMs = 0;

  const count = (entry: LedgerEntry) => {
    if (utcDay(clock.now()) !== day) {
      day = utcDay(clock.now());
      counts = new Map();
      keys = new Map();
    }
    if (utcDay(entry.at) === day) {
      const before = keys.get(entry.key ?? '') ?? noUse;
      keys.set(entry.key ?? '', {
        requests: before.requests + (entry.outcome === 'answered' ? 1 : 0),
        tokens: before.tokens + (entry.inputTokens ?? 0) + (entry.outputTokens ?? 0),
      });
    }
    if (entry.outcome !== 'answered' || entry.account === undefined || utcDay(entry.at) !== day) return;
    const before = counts.get(entry.account) ?? noCount;
    counts.set(entry.account, {
      requests: before.requests + 1,
      inputTokens: before.inputTokens + (entry.inputTokens ?? 0),
      outputTokens: before.outputTokens + (entry.outputTokens ?? 0),
    });
  };

  const fileOf = async (wanted: string): Promise<FileHandle> => {
    if (file?.day === wanted) return file.handle;
    await file?.handle.close();
    file = undefined;
    await makePrivateDirectory(directory);
    const handle = await open(join(directory, `${wanted}.jsonl`), 'a+', 0o600);
    file = { day: wanted, handle };
    // A crash in the middle of a line must not swallow the next one.
    const { size } = await handle.stat();
    if (size > 0) {
      const last = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
      if (last.buffer[0] !== 0x0a) await handle.appendFile('\n');
    }
    return handle;
  };

  const write = async (items: readonly QueuedEntry[]): Promise<void> => {
    try {
      for (const wanted of new Set(items.map((item) => item.day))) {
        const handle = file?.day === wanted ? file.handle : await fileOf(wanted);
        const lines = items.filter((item) => item.day === wanted).map((item) => `${JSON.stringify(item.entry)}\n`);
        await put(handle, Buffer.from(lines.join('')));
      }
      hasFailed = false;
    } catch (error) {
      if (!hasFailed)
        logger.error('The usage ledger cannot be written; requests go on, their counts end with this run.', {
          reason: String(error),
        });
      hasFailed = true;
      const broken = file;
      file = undefined;
      await broken?.handle.close().catch(() => {});
    }
  };

  /**
   * The kernel takes some lines in microseconds; while another thread was asked to hand them over, other threads than this
   * one ran 95 µs a request (bench, `small-30`), and now 8. Where the disk makes the call wait, the streams of this thread
   * must not: then it is another thread's.
   */
  const put = async (handle: FileHandle, bytes: Buffer): Promise<void> => {
    const startedMs = performance.now();
    if (startedMs < slowUntilMs) return handle.appendFile(bytes);
    for (let at = 0; at < bytes.length; ) at += writeSync(handle.fd, bytes, at);
    if (performance.now() - startedMs > patienceMs) slowUntilMs = performance.now() + 60_000;
  };

  /** Group commit: one write a turn of the event loop, and one at a time; whatever arrives meanwhile goes out with the next. */
  const enqueue = (item: QueuedEntry): Promise<void> => {
    if (gathering === undefined) {
      const items: QueuedEntry[] = [];
      const written = lastWrite
        .then(() => nextTurn())
        .then(() => {
          gathering = undefined;
          return write(items);
        });
      gathering = { items, written };
      lastWrite = written;
    }
    gathering.items.push(item);
    return gathering.written;
  };

  const readBack = async (): Promise<void> => {
    const today = utcDay(clock.now());
    const text = await readFile(join(directory, `${today}.jsonl`), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT')
        logger.warn('The usage ledger cannot be read; counts start at zero.', { reason: String(error) });
      return '';
    });
    day = today;
    counts = new Map();
    keys = new Map();
    for (const line of text.split('\n')) {
      const entry = line === '' ? undefined : parseLedgerLine(line);
      if (entry) count(entry);
    }
    for (const { entry } of gathering?.items ?? []) count(entry);
  };

  const ofKey = (name: string | undefined) => (utcDay(clock.now()) === day ? (keys.get(name ?? '') ?? noUse) : noUse);

  return {
    append(entry) {
      count(entry);
      return enqueue({ day: utcDay(entry.at), entry });
    },
    today: (account) => (utcDay(clock.now()) === day ? (counts.get(account) ?? noCount) : noCount),
    ofKey,
    reload() {
      // In turn with the writes: a line is either in the file by then, or still waiting and counted from here.
      const reloaded = lastWrite.then(readBack);
      lastWrite = reloaded;
      return reloaded;
    },
    async close() {
      await lastWrite;
      await file?.handle.close();
      file = undefined;
    },
  };
}
