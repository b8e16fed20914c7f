import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from '../simulator/contract.ts';
import type { RawAnswer } from '../simulator/raw-client.ts';
import { send } from '../simulator/raw-client.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { createRandom } from './mutate.ts';
import { clientKey, hurriedPauses, startProxy } from './server-proxy.ts';
import { judgeAnswer, ledgerOutcomes, soakBody, soakDialects, soakPaths } from './soak-answers.ts';
import type { MemorySample } from './soak-memory.ts';

/** A server under load; its client key is that of the tests. */
export interface SoakedServer {
  readonly url: string;
  readonly stateDirectory: string;
  /** Ends the cooldowns of every account. */
  clearAccounts(): Promise<void>;
  /** Its memory after a collection; absent where it shares a process with others. */
  readonly memory?: () => Promise<MemorySample>;
  dispose(): Promise<void>;
}

export interface SoakOptions {
  /** Asked before each request, with how many were begun. */
  readonly goesOn: (begun: number) => boolean;
  readonly atOnce: number;
  /** Share of upstream answers that are spoiled, and of clients that leave in the middle of theirs; 0 to 1. */
  readonly faultShare: number;
  readonly leavingShare: number;
  readonly seed: number;
  /** Between two chunks of an upstream; 0 unless told. */
  readonly chunkDelayMs?: number;
  /** A look at memory this often, each at a moment without requests; absent = none. */
  readonly sampleMs?: number;
  readonly onSample?: (sample: MemorySample) => void;
  /** How long idle connections live; with it memory is also read before the load, and when they are gone after it. */
  readonly idleConnectionsMs?: number;
  /** In this process unless told. */
  readonly startServer?: (baseUrl: string, keys: readonly string[]) => Promise<SoakedServer>;
}

export interface SoakReport {
  readonly requests: number;
  readonly whole: number;
  /** Failures that were told as what they are. */
  readonly failed: number;
  /** Clients that went away in the middle of a stream. */
  readonly left: number;
  /** Answers that were neither whole nor an error, with what came. */
  readonly wrong: readonly string[];
  /** Requests without an end. */
  readonly stuck: number;
  /** Lines of the ledger that say answered, and answers that the simulator gave to the end. */
  readonly ledgerAnswered: number;
  readonly upstreamAnswered: number;
  /** All lines of the ledger. */
  readonly ledgerLines: number;
  readonly samples: readonly MemorySample[];
  /** Memory without any connection, before the load and after it. */
  readonly atRest?: { readonly before: MemorySample; readonly after: MemorySample };
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
/** The upstream of a client that leaves never comes to its end, so nobody can count its answer as given. */
const unending: Fault = { kind: 'stall', afterChunks: 2 };

const keys = ['sk-one', 'sk-two', 'sk-three'];

async function startHere(baseUrl: string): Promise<SoakedServer> {
  const server = await startProxy({
    accounts: Object.fromEntries(keys.map((key) => [key.slice(3), key])),
    baseUrl,
    clock: { ...hurriedPauses(50), now: () => Date.now() },
    settings: { ACCOUNT_STRATEGY: 'round-robin' },
    // What tests collect would grow all the while.
    onSnapshot: () => {},
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  return {
    ...server,
    async clearAccounts() {
      for (const key of keys) await server.proxy.clearAccount(key.slice(3));
    },
  };
}

/** Scripts one fault for the story with this number; a fault nobody came for is forgotten with its story. */
function scriptFaults(simulator: Simulator): Map<string, Fault> {
  const spoiled = new Map<string, Fault>();
  for (const fault of [...faults, unending])
    simulator.fail({
      fault,
      times: Number.POSITIVE_INFINITY,
      when(body) {
        if (spoiled.size === 0) return false;
        const [, number = ''] = /story (\d+) /.exec(JSON.stringify(body)) ?? [];
        return spoiled.get(number) === fault && spoiled.delete(number);
      },
    });
  return spoiled;
}

/** Many streams at once through a proxy whose upstream fails now and then; the text of each is compared. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { goesOn, atOnce, faultShare, leavingShare, seed, chunkDelayMs = 0, sampleMs } = options;
  const random = createRandom(seed);
  const simulator = await startSimulator({ keepRequests: 50 });
  for (const key of keys) simulator.addKey(key);
  if (chunkDelayMs > 0) simulator.script({ answer: { chunkDelayMs }, times: Number.POSITIVE_INFINITY });
  const spoiled = scriptFaults(simulator);
  const server = await (options.startServer ?? startHere)(simulator.baseUrl, keys);
  // Two requests in three reuse a connection, the others bring one of their own.
  const agent = new Agent({ keepAlive: true });
  const wrong: string[] = [];
  let [begun, whole, failed, left, stuck] = [0, 0, 0, 0, 0];

  const ask = async (number: number) => {
    const dialect = soakDialects[number % 3] ?? 'chat';
    const words = `story ${number} ${'word '.repeat(5 + Math.floor(random() * 40))}end`;
    const leaves = random() < leavingShare;
    const fault = random() < faultShare ? faults[Math.floor(random() * faults.length)] : undefined;
    if (leaves) spoiled.set(String(number), unending);
    else if (fault !== undefined) spoiled.set(String(number), fault);
    const gone = new AbortController();
    const late = setTimeout(() => gone.abort('stuck'), stuckMs);
    let answer: RawAnswer | string;
    try {
      answer = await send(server.url + soakPaths[dialect], {
        headers: { authorization: `Bearer ${clientKey}` },
        body: soakBody(dialect, words),
        signal: gone.signal,
        ...(random() < 0.67 && { agent }),
        ...(leaves && { onRead: (text: string) => isStream(text) && gone.abort('left') }),
      });
    } catch (error) {
      answer = String(error);
    } finally {
      clearTimeout(late);
      spoiled.delete(String(number));
    }
    if (gone.signal.reason === 'stuck') return void stuck++;
    if (gone.signal.reason === 'left') return void left++;
    if (typeof answer === 'string') return void wrong.push(`no answer: ${answer}`);
    const verdict = judgeAnswer(dialect, answer, `Echo: ${words}`);
    if (verdict === 'whole') whole++;
    else if (verdict === 'failed') failed++;
    else wrong.push(`${dialect}: ${answer.status} ${answer.end} ${answer.text.slice(-300)}`);
  };

  const samples: MemorySample[] = [];
  const load = async (until: (begun: number) => boolean) => {
    const worker = async () => {
      while (goesOn(begun) && until(begun)) {
        const number = begun++;
        await ask(number);
        // A cooldown is right, and leaves less to test: accounts are ready again soon.
        if (number % 20 === 0) await server.clearAccounts();
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    await simulator.until(() => simulator.openStreams === 0, AbortSignal.timeout(stuckMs)).catch(() => {});
  };
  const { idleConnectionsMs } = options;
  try {
    const before = idleConnectionsMs === undefined ? undefined : await server.memory?.();
    while (goesOn(begun)) {
      const pauseMs = sampleMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + sampleMs;
      await load(() => Date.now() < pauseMs);
      if (sampleMs === undefined || server.memory === undefined) continue;
      // What ends half a second after its request, such as the rest of a body, is not held.
      await delay(1_000);
      const sample = await server.memory();
      samples.push(sample);
      options.onSample?.(sample);
    }
    agent.destroy();
    if (before !== undefined) await delay(idleConnectionsMs);
    const after = before && (await server.memory?.());
    const outcomes = await ledgerOutcomes(server.stateDirectory);
    return {
      requests: begun,
      ...{ whole, failed, left, wrong, stuck, samples },
      ledgerAnswered: outcomes.get('answered') ?? 0,
      ledgerLines: [...outcomes.values()].reduce((sum, count) => sum + count, 0),
      upstreamAnswered: simulator.answered(),
      ...(before && after && { atRest: { before, after } }),
      openStreams: simulator.openStreams,
    };
  } finally {
    agent.destroy();
    await server.dispose();
    await simulator.close();
  }
}

/** The beginning of an event stream, and not of a refusal. */
const isStream = (text: string) => /^(?:event|data|:)/m.test(text);
