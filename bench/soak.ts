/**
 * Two hundred streams at once, for half an hour, before an upstream of which one answer in twenty is spoiled:
 *
 *   node --expose-gc bench/soak.ts [--minutes 30] [--streams 200] [--faults 0.05] [--seed n]
 *
 * The text of every stream is compared. Exit 1 where an answer is wrong, a request has no end, the ledger differs from what
 * the upstream counted, or memory grows. Server, upstream and clients share this process, so its memory is that of all three.
 */
import { parseArgs } from 'node:util';
import { slopePerHour, soak } from '../test/support/soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    streams: { type: 'string', default: '200' },
    faults: { type: 'string', default: '0.05' },
    seed: { type: 'string' },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Date.now() & 0xffff_ffff);
const endMs = Date.now() + minutes * 60_000;
const { samples, wrong, ...report } = await soak({
  goesOn: () => Date.now() < endMs,
  atOnce: Number(values.streams),
  faultShare: Number(values.faults),
  seed,
  sampleMs: Math.max(1_000, (minutes * 60_000) / 200),
});
const megabytes = (bytes: number) => Math.round(bytes / 1e5) / 10;
const heap = slopePerHour(samples, ({ heapBytes }) => heapBytes);
const resident = slopePerHour(samples, ({ residentBytes }) => residentBytes);
const handles = slopePerHour(samples, (each) => each.handles);
const last = samples.at(-1);
console.log(`seed ${seed}: ${JSON.stringify({ ...report, wrong: wrong.length })}`);
console.log(
  `heap ${megabytes(last?.heapBytes ?? 0)} MB, ${megabytes(heap)} MB an hour; resident ${megabytes(last?.residentBytes ?? 0)} MB, ${megabytes(resident)} MB an hour; handles ${last?.handles ?? 0}, ${Math.round(handles)} an hour (second half)`,
);
for (const each of wrong.slice(0, 20)) console.error(`wrong: ${each}`);
const isRight =
  wrong.length === 0 &&
  report.stuck === 0 &&
  report.openStreams === 0 &&
  report.ledgerAnswered === report.whole &&
  report.ledgerAnswered === report.upstreamAnswered &&
  // Over a short run the slope is noise.
  (minutes < 10 || heap < 30e6);
process.exitCode = isRight ? 0 : 1;
