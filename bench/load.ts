/** A load generator on bare sockets: little work per byte, and a check of every answer. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AnswerPlan, type Format, faultOf, nowMicros } from './wire.ts';

export interface LoadOptions {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly format: Format;
  readonly isStream: boolean;
  readonly plan: AnswerPlan;
  readonly connections: number;
  /** New requests begin until then; absent = every connection sends one. */
  readonly forMs?: number;
}

export interface LoadResult {
  readonly answers: number;
  readonly seconds: number;
  /** From the last byte of a request to the last of its answer, milliseconds. */
  readonly totalMs: readonly number[];
  /** To the first bytes of the answer's body. */
  readonly firstMs: readonly number[];
  /** Of paced chunks: from the upstream's write to our read. */
  readonly lagMs: readonly number[];
  /** Of paced chunks: between two reads of one answer. */
  readonly gapMs: readonly number[];
  /** What was wrong with answers, with how many had it. */
  readonly faults: Readonly<Record<string, number>>;
}

/** An answer that does not come: the bench must end. */
const patienceMs = 60_000;

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const totalMs: number[] = [];
  const firstMs: number[] = [];
  const paced: PacedTimes | undefined = options.plan.paceMs > 0 ? { lagMs: [], gapMs: [] } : undefined;
  const faults: Record<string, number> = {};
  const head = Object.entries({ ...options.headers, 'content-length': String(options.body.length) })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const request = Buffer.concat([
    Buffer.from(
      `POST ${options.path} HTTP/1.1\r\nhost: 127.0.0.1:${options.port}\r\ncontent-type: application/json\r\n${head}\r\n`,
    ),
    options.body,
  ]);
  const startedMs = performance.now();
  const untilMs = startedMs + (options.forMs ?? 0);
  const worker = async () => {
    let connection: Connection | undefined;
    do {
      try {
        connection ??= await Connection.open(options.port, paced);
        const sentMs = performance.now();
        const { status, body, firstAtMs, keepsAlive } = await connection.exchange(request);
        totalMs.push(performance.now() - sentMs);
        firstMs.push(firstAtMs - sentMs);
        const fault =
          status === 200
            ? faultOf(body, options.format, options.plan, options.isStream)
            : `${status}: ${body.toString().slice(0, 160)}`;
        if (fault !== undefined) faults[fault] = (faults[fault] ?? 0) + 1;
        if (!keepsAlive) {
          connection.close();
          connection = undefined;
        }
      } catch (error) {
        const fault = String(error);
        faults[fault] = (faults[fault] ?? 0) + 1;
        connection?.close();
        connection = undefined;
        // Whoever refuses connections gets no thousands of them.
        await sleep(50);
      }
    } while (performance.now() < untilMs);
    connection?.close();
  };
  await Promise.all(Array.from({ length: options.connections }, worker));
  const seconds = (performance.now() - startedMs) / 1_000;
  return {
    answers: totalMs.length,
    seconds,
    totalMs,
    firstMs,
    lagMs: paced?.lagMs ?? [],
    gapMs: paced?.gapMs ?? [],
    faults,
  };
}

interface PacedTimes {
  readonly lagMs: number[];
  readonly gapMs: number[];
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly firstAtMs: number;
  readonly keepsAlive: boolean;
}

class Connection {
  readonly #socket: Socket;
  readonly #paced: PacedTimes | undefined;
  #lastChunkMs: number | undefined;
  #reads: Buffer[] = [];
  #bytes = 0;
  #head:
    | { readonly text: string; readonly status: number; readonly start: number; readonly end: number | undefined }
    | undefined;
  #firstAtMs = 0;
  #settle: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  private constructor(socket: Socket, paced: PacedTimes | undefined) {
    this.#socket = socket;
    this.#paced = paced;
    socket.on('data', (read) => this.#take(read));
    socket.on('error', (error) => this.#settle?.reject(error));
    socket.on('close', () => this.#settle?.reject(new Error('the connection ended in the middle of an answer')));
    socket.setTimeout(patienceMs, () => socket.destroy(new Error('no answer')));
  }

  static open(port: number, paced: PacedTimes | undefined): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket, paced));
      });
    });
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  exchange(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#reads = [];
      this.#bytes = 0;
      this.#head = undefined;
      this.#settle = { resolve, reject };
      this.#socket.write(request);
    });
  }

  #take(read: Buffer): void {
    this.#reads.push(read);
    this.#bytes += read.length;
    if (this.#paced !== undefined) this.#noteTimes(read, this.#paced);
    this.#head ??= this.#readHead();
    const head = this.#head;
    if (head === undefined || this.#bytes <= head.start) return;
    if (this.#firstAtMs === 0) this.#firstAtMs = performance.now();
    const isOver = head.end === undefined ? this.#tail() === '0\r\n\r\n' : this.#bytes >= head.end;
    if (!isOver) return;
    const settle = this.#settle;
    this.#settle = undefined;
    const body = Buffer.concat(this.#reads).subarray(head.start);
    const firstAtMs = this.#firstAtMs;
    this.#firstAtMs = 0;
    settle?.resolve({
      status: head.status,
      body: head.end === undefined ? unframed(body) : body,
      firstAtMs,
      keepsAlive: !/\r\nconnection: *close/i.test(head.text),
    });
  }

  #readHead() {
    const all = Buffer.concat(this.#reads);
    this.#reads = [all];
    const at = all.indexOf('\r\n\r\n');
    if (at === -1) return undefined;
    const text = all.toString('latin1', 0, at);
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
    const start = at + 4;
    return {
      text,
      status: Number(text.slice(9, 12)),
      start,
      end: length === undefined ? undefined : start + Number(length),
    };
  }

  /** The last five bytes, which may have come in several reads. */
  #tail(): string {
    const last = this.#reads.at(-1);
    if (last !== undefined && last.length >= 5) return last.subarray(-5).toString('latin1');
    return Buffer.concat(this.#reads.slice(-5)).subarray(-5).toString('latin1');
  }

  #noteTimes(read: Buffer, { lagMs, gapMs }: PacedTimes): void {
    const now = nowMicros();
    if (read.indexOf(' t') !== -1) {
      if (this.#lastChunkMs !== undefined) gapMs.push(now / 1_000 - this.#lastChunkMs);
      this.#lastChunkMs = now / 1_000;
    }
    for (let at = read.indexOf(' t'); at !== -1; at = read.indexOf(' t', at + 2)) {
      const stamp = /^ t(\d{6,});/.exec(read.toString('latin1', at, at + 24))?.[1];
      if (stamp !== undefined) lagMs.push((now - Number(stamp)) / 1_000);
    }
  }
}

/** A body without the marks of `transfer-encoding: chunked`. */
function unframed(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.toString('latin1', at, end), 16);
    if (!(size > 0)) break;
    parts.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
  return Buffer.concat(parts);
}
