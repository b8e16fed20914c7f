/**
 * Throws mutated requests at every route, with an upstream whose answers are mutated too:
 *
 *   node bench/fuzz.ts [--minutes 10] [--seed n]
 *
 * Prints what was answered, and every finding with the seed and number that make it again; exit 1 where there is one.
 */
import { parseArgs } from 'node:util';
import { fuzz } from '../test/support/fuzz.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } } });
const endMs = Date.now() + Number(values.minutes) * 60_000;
const firstSeed = Number(values.seed ?? Date.now() & 0xffff_ffff);
const perServer = 5_000;

let sent = 0;
const statuses = new Map<string, number>();
for (let seed = firstSeed; Date.now() < endMs; seed++) {
  const report = await fuzz({ seed, goesOn: (count) => count < perServer && Date.now() < endMs });
  sent += report.sent;
  for (const [status, count] of Object.entries(report.statuses))
    statuses.set(status, (statuses.get(status) ?? 0) + count);
  for (const { number, problem, sent, answer } of report.findings) {
    console.error(`seed ${seed}, request ${number}: ${problem}\n${JSON.stringify(sent)}\n${JSON.stringify(answer)}\n`);
    process.exitCode = 1;
  }
}
console.log(
  `${sent} requests from seed ${firstSeed}; answered: ${JSON.stringify(Object.fromEntries([...statuses].sort()))}`,
);
