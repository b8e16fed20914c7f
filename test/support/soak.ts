import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from '../simulator/contract.ts';
import { isObject, parseJson } from '../simulator/json.ts';
import type { RawAnswer } from '../simulator/raw-client.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { createRandom } from './mutate.ts';
import { hurriedPauses, startProxy, type TestProxy, textOfEvents } from './server-proxy.ts';

export interface SoakOptions {
  /** Asked before each request, with how many were begun. */
  readonly goesOn: (begun: number) => boolean;
  readonly atOnce: number;
  /** Share of upstream answers that are spoiled, 0 to 1. */
  readonly faultShare: number;
  readonly seed: number;
  /** A look at memory this often; absent = none. */
  readonly sampleMs?: number;
}

/** Heap, memory outside of it and open handles at one moment. */
export interface SoakSample {
  readonly atMs: number;
  readonly heapBytes: number;
  readonly residentBytes: number;
  readonly handles: number;
}

export interface SoakReport {
  readonly requests: number;
  readonly whole: number;
  /** Failures that were told as what they are. */
  readonly failed: number;
  /** Answers that were neither whole nor an error, with what came. */
  readonly wrong: readonly string[];
  /** Requests without an end. */
  readonly stuck: number;
  /** Lines of the ledger that say answered, and answers that the simulator gave to the end. */
  readonly ledgerAnswered: number;
  readonly upstreamAnswered: number;
  readonly samples: readonly SoakSample[];
  readonly openStreams: number;
}

/** A request without an end for so long is stuck. */
const stuckMs = 60_000;

const faults: readonly Fault[] = [
  { kind: 'error', id: 31 },
  { kind: 'error', id: 44 },
  { kind: 'error', id: 65 },
  { kind: 'error', id: 70 },
  { kind: 'in-stream-error', form: 'event-error', id: 44, afterChunks: 1 },
  { kind: 'in-stream-error', form: 'data-error', id: 41, afterChunks: 4 },
  { kind: 'in-stream-error', form: 'error-finish', id: 44, afterChunks: 3 },
  { kind: 'cut', atByte: 0 },
  { kind: 'cut', atByte: 700 },
  { kind: 'cut', atByte: 1_500 },
  { kind: 'end-early', afterChunks: 4 },
  { kind: 'html' },
  { kind: 'reset' },
  { kind: 'http', status: 302, body: '', headers: { location: 'http://127.0.0.1:1/' } },
  { kind: 'gzip' },
  { kind: 'split', bytes: 7 },
  { kind: 'no-done' },
  { kind: 'crlf' },
];

type Dialect = 'chat' | 'messages' | 'responses';
const paths = { chat: '/v1/chat/completions', messages: '/v1/messages', responses: '/v1/responses' } as const;

/** Many streams at once through a proxy whose upstream fails now and then; the text of each is compared. */
export async function soak({ goesOn, atOnce, faultShare, seed, sampleMs }: SoakOptions): Promise<SoakReport> {
  const random = createRandom(seed);
  const keys = ['sk-one', 'sk-two', 'sk-three'];
  const simulator = await startSimulator({ keepRequests: 50 });
  for (const key of keys) simulator.addKey(key);
  const server = await startProxy({
    accounts: Object.fromEntries(keys.map((key) => [key.slice(3), key])),
    baseUrl: simulator.baseUrl,
    clock: { ...hurriedPauses(50), now: () => Date.now() },
    random,
    settings: { ACCOUNT_STRATEGY: 'round-robin' },
    // What tests collect would grow all the while.
    onSnapshot: () => {},
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  const wrong: string[] = [];
  let begun = 0;
  let whole = 0;
  let failed = 0;
  let stuck = 0;

  const ask = async (number: number) => {
    const dialect = (['chat', 'messages', 'responses'] as const)[number % 3] ?? 'chat';
    const words = `story ${number} ${'word '.repeat(5 + Math.floor(random() * 40))}end`;
    if (random() < faultShare)
      simulator.fail({
        fault: faults[Math.floor(random() * faults.length)] ?? { kind: 'html' },
        when: (body) => JSON.stringify(body).includes(`story ${number} `),
      });
    const answer = await Promise.race([
      server.raw(paths[dialect], { body: JSON.stringify(bodyOf(dialect, words)) }).catch(String),
      delay(stuckMs, 'stuck' as const, { ref: false }),
    ]);
    if (answer === 'stuck') return void stuck++;
    if (typeof answer === 'string') return void wrong.push(`no answer: ${answer}`);
    const verdict = judgeAnswer(dialect, answer, `Echo: ${words}`);
    if (verdict === 'whole') whole++;
    else if (verdict === 'failed') failed++;
    else wrong.push(`${dialect}: ${answer.status} ${answer.end} ${answer.text.slice(-300)}`);
  };
  const worker = async () => {
    while (goesOn(begun)) {
      const number = begun++;
      await ask(number);
      // A cooldown is right, and leaves less to test: accounts are ready again soon.
      if (number % 20 === 0) for (const key of keys) await server.proxy.clearAccount(key.slice(3));
    }
  };
  const samples: SoakSample[] = [];
  const over = new AbortController();
  const sampling = sampleMs === undefined ? undefined : sample(samples, sampleMs, over.signal);
  try {
    await Promise.all(Array.from({ length: atOnce }, worker));
    over.abort();
    await sampling;
    await simulator.until(() => simulator.openStreams === 0, AbortSignal.timeout(stuckMs)).catch(() => {});
    return {
      requests: begun,
      whole,
      failed,
      wrong,
      stuck,
      ledgerAnswered: await answeredInLedger(server),
      upstreamAnswered: simulator.answered(),
      samples,
      openStreams: simulator.openStreams,
    };
  } finally {
    over.abort();
    await server.dispose();
    await simulator.close();
  }
}

function bodyOf(dialect: Dialect, text: string): object {
  const messages = [{ role: 'user', content: text }];
  const model = 'qwen3-coder-plus';
  if (dialect === 'chat') return { model, messages, stream: true };
  if (dialect === 'messages') return { model, messages, stream: true, max_tokens: 4_000 };
  return { model, input: text, stream: true, store: false };
}

function judgeAnswer(dialect: Dialect, answer: RawAnswer, expected: string): 'whole' | 'failed' | 'wrong' {
  if (answer.status !== 200) return typeof answer.error.message === 'string' ? 'failed' : 'wrong';
  const last = answer.events.at(-1);
  const text =
    dialect === 'chat'
      ? textOfEvents(answer)
      : answer.events
          .map(({ type, delta }) => {
            if (type === 'response.output_text.delta') return delta;
            return type === 'content_block_delta' && isObject(delta) ? delta.text : '';
          })
          .join('');
  const isEnded =
    dialect === 'chat'
      ? answer.text.endsWith('data: [DONE]\n\n')
      : last?.type === (dialect === 'messages' ? 'message_stop' : 'response.completed');
  if (isEnded) return text === expected ? 'whole' : 'wrong';
  const isError = last !== undefined && ('error' in last || last.type === 'response.failed');
  return isError && expected.startsWith(text) ? 'failed' : 'wrong';
}

async function answeredInLedger(server: TestProxy): Promise<number> {
  const folder = join(server.stateDirectory, 'usage');
  const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
  return texts
    .flatMap((text) => text.split('\n'))
    .map(parseJson)
    .filter((entry) => isObject(entry) && entry.outcome === 'answered').length;
}

async function sample(samples: SoakSample[], everyMs: number, signal: AbortSignal): Promise<void> {
  const collect: unknown = Reflect.get(globalThis, 'gc');
  while (!signal.aborted) {
    await delay(everyMs, undefined, { signal, ref: false }).catch(() => {});
    if (typeof collect === 'function') collect();
    const { heapUsed, rss } = process.memoryUsage();
    samples.push({
      atMs: Date.now(),
      heapBytes: heapUsed,
      residentBytes: rss,
      handles: process.getActiveResourcesInfo().length,
    });
  }
}

/** Change per hour of a figure over the second half of the samples, by least squares. */
export function slopePerHour(samples: readonly SoakSample[], figure: (sample: SoakSample) => number): number {
  const half = samples.slice(Math.floor(samples.length / 2));
  const hours = half.map(({ atMs }) => atMs / 3_600_000);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(hours), mean(half.map(figure))];
  const covariance = half.reduce((sum, each, index) => sum + ((hours[index] ?? 0) - meanX) * (figure(each) - meanY), 0);
  const variance = hours.reduce((sum, hour) => sum + (hour - meanX) ** 2, 0);
  return variance === 0 ? 0 : covariance / variance;
}
