/**
 * Where the processor's time goes in one scenario of the bench:
 *
 *   node bench/profile.ts small-30 [--seconds 6] [--top 25] [--keep folder]
 *
 * The development build is profiled, so that functions have their names. Shares are of the time the thread was not idle.
 */
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measure } from './measure.ts';
import { createScenarios } from './scenarios.ts';
import { root, startOwn } from './targets.ts';

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '6' },
    top: { type: 'string', default: '25' },
    keep: { type: 'string' },
  },
});
const scenario = createScenarios(1).find(({ id }) => id === positionals[0]);
if (scenario === undefined) throw new Error(`One of: ${createScenarios(1).map(({ id }) => id)}`);

execFileSync(process.execPath, [join(root, 'esbuild.mjs')], { stdio: 'inherit' });
const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'qwen-proxy-profile-'));
const upstream = fork(join(root, 'bench', 'upstream.ts'));
const [{ port }]: [{ port?: number }] = (await once(upstream, 'message')) as [{ port?: number }];
const told = once(upstream, 'message');
upstream.send(scenario.plan);
await told;
const target = await startOwn(port ?? 0, [
  '--cpu-prof',
  `--cpu-prof-dir=${folder}`,
  join(root, 'dist', 'cli.js'),
  'serve',
]);
try {
  const { forMs, ...rest } = scenario;
  const cell = await measure(
    { ...rest, ...(forMs !== undefined && { forMs: Number(values.seconds) * 1_000 }) },
    target,
  );
  console.log(
    `${cell.cpuMicros?.toFixed(2)} µs per ${scenario.per}, ${cell.answers} answers, faults ${JSON.stringify(cell.faults)}`,
  );
} finally {
  await target.stop();
  upstream.disconnect();
}

const [name] = readdirSync(folder).filter((each) => each.endsWith('.cpuprofile'));
if (name === undefined) throw new Error('No profile was written.');
const profile: CpuProfile = JSON.parse(readFileSync(join(folder, name), 'utf8'));
const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
const own = new Map<string, number>();
let total = 0;
for (const [at, sample] of profile.samples.entries()) {
  const { functionName, url, lineNumber } = nodes.get(sample)?.callFrame ?? {};
  if (functionName === '(idle)' || functionName === '(program)') continue;
  const micros = profile.timeDeltas[at] ?? 0;
  total += micros;
  const where = `${functionName === '' ? '(anonymous)' : functionName} ${url?.replace(/^.*\//, '')}:${(lineNumber ?? 0) + 1}`;
  own.set(where, (own.get(where) ?? 0) + micros);
}
for (const [where, micros] of [...own].toSorted((a, b) => b[1] - a[1]).slice(0, Number(values.top)))
  console.log(`${((micros / total) * 100).toFixed(1).padStart(5)} %  ${where}`);
