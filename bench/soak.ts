/**
 * Two hundred streams at once, for half an hour, before an upstream of which one answer in twenty is spoiled:
 *
 *   node esbuild.mjs --production && node bench/soak.ts [--minutes 30] [--streams 200] [--faults 0.05] [--leaving 0.02] [--pace 40] [--seed n]
 *
 * The server that ships runs in a process of its own, so the memory shown is its alone; upstream and clients share this one.
 * `--pace` is the upstream's pause between two chunks, in milliseconds. The text of every stream is compared. Every
 * hundredth of the run new requests wait until the open ones are over; then memory is read, after a collection: what
 * grows there is kept for good. Handles are compared when all connections are closed, before the load and after it. `--snapshots folder` writes the server's heap at every fifth look.
 *
 * Exit 1 where an answer is wrong, a request has no end, the ledger differs from what the upstream counted, or the second half
 * of the run grows beyond a bound (`bounds` below).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRpcClient } from '../src/core/rpc.ts';
import { clientKey } from '../test/support/server-proxy.ts';
import { type SoakedServer, soak } from '../test/support/soak.ts';
import { type MemoryFigure, type MemorySample, slopePerHour } from '../test/support/soak-memory.ts';
import type { SoakServerApi } from './soak-server.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    streams: { type: 'string', default: '200' },
    faults: { type: 'string', default: '0.05' },
    leaving: { type: 'string', default: '0.02' },
    pace: { type: 'string', default: '40' },
    seed: { type: 'string' },
    snapshots: { type: 'string' },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Date.now() & 0xffff_ffff);

async function startServer(baseUrl: string, keys: readonly string[]): Promise<SoakedServer> {
  const stateDirectory = await mkdtemp(join(tmpdir(), 'qwen-proxy-soak-'));
  const child = spawn(
    process.execPath,
    ['--expose-gc', join(import.meta.dirname, 'soak-server.ts'), stateDirectory, clientKey],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  const port = {
    postMessage: (message: object) => void child.send(message),
    on: (_: 'message', listener: (message: unknown) => void) => child.on('message', listener),
  };
  const { api, abandon } = createRpcClient<SoakServerApi>(port, 60_000);
  child.once('exit', (code) => abandon(`The server ended with ${code}.`));
  const url = await api.start(baseUrl, keys);
  let looks = 0;
  return {
    url,
    stateDirectory,
    clearAccounts: () => api.clearAccounts(),
    async memory() {
      if (values.snapshots !== undefined && ++looks % 5 === 0)
        await api.heapSnapshot(join(values.snapshots, `${looks}.heapsnapshot`));
      return api.memory();
    },
    async dispose() {
      const ended = once(child, 'exit');
      await api.stop();
      await ended;
      await rm(stateDirectory, { recursive: true, force: true });
    },
  };
}

/**
 * How much a figure may grow with each request over the second half, in bytes or pieces. By then every bounded memory is
 * full: conversations, the feed, the queues of the upstream's connections, compiled code.
 */
const bounds: Readonly<Partial<Record<MemoryFigure, number>>> = {
  // The least that can be forgotten is an entry of a Map with its key, which takes more.
  heapBytes: 32,
  externalBytes: 32,
  arrayBufferBytes: 32,
  // The allocator keeps what it once had, in steps of megabytes; a forgotten buffer or socket takes kilobytes.
  residentBytes: 256,
};
/** Over a shorter run the slope is noise. */
const leastMinutes = 10;
/**
 * Handles and descriptors are compared at rest, before the load and after it: under load some connections more or less are
 * idle at each look. The file of the ledger stays open, and a timer or two.
 */
const mostLeftOpen = 5;
/** The server keeps idle connections as long as the upstream says that it does, which here is 60 s. */
const idleConnectionsMs = 65_000;

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(2);
const show = (sample: MemorySample) =>
  `heap ${megabytes(sample.heapBytes)}/${megabytes(sample.heapTotalBytes)} MB, external ${megabytes(sample.externalBytes)} MB, array buffers ${megabytes(sample.arrayBufferBytes)} MB, resident ${megabytes(sample.residentBytes)} MB, handles ${sample.handles}, descriptors ${sample.descriptors}`;

const beginMs = Date.now();
const endMs = beginMs + minutes * 60_000;
const { samples, atRest, wrong, ...report } = await soak({
  goesOn: () => Date.now() < endMs,
  atOnce: Number(values.streams),
  faultShare: Number(values.faults),
  leavingShare: Number(values.leaving),
  chunkDelayMs: Number(values.pace),
  seed,
  sampleMs: Math.max(5_000, (minutes * 60_000) / 100),
  onSample: (sample) => console.log(`${new Date(sample.atMs).toISOString()} ${show(sample)}`),
  idleConnectionsMs,
  startServer,
});
console.log(`Node ${process.version}, seed ${seed}: ${JSON.stringify({ ...report, wrong: wrong.length })}`);
const problems = wrong.slice(0, 20).map((each) => `wrong: ${each}`);
if (report.stuck > 0 || report.openStreams > 0)
  problems.push(`${report.stuck} requests and ${report.openStreams} upstream streams have no end`);
if (report.ledgerAnswered !== report.whole || report.upstreamAnswered !== report.whole)
  problems.push('clients, ledger and upstream count differently');
if (report.ledgerLines !== report.requests) problems.push('the ledger does not have every request once');
const requestsPerHour = report.requests / ((endMs - beginMs) / 3_600_000);
for (const [figure, bound] of Object.entries(bounds) as [MemoryFigure, number][]) {
  const perHour = slopePerHour(samples, figure);
  const perRequest = perHour / requestsPerHour;
  console.log(
    `${figure}: ${(samples.at(-1)?.[figure] ?? 0).toLocaleString('en')} at the end, ${Math.round(perHour).toLocaleString('en')} an hour over the second half, ${perRequest.toPrecision(2)} a request (at most ${bound})`,
  );
  if (minutes >= leastMinutes && perRequest > bound) problems.push(`${figure} grows`);
}
if (atRest) {
  console.log(`at rest before: ${show(atRest.before)}\nat rest after: ${show(atRest.after)}`);
  for (const figure of ['handles', 'descriptors'] as const)
    if (atRest.after[figure] > atRest.before[figure] + mostLeftOpen) problems.push(`${figure} are left open`);
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
