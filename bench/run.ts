/**
 * The bench: our server as it ships beside the limit of the runtime and other proxies, on loopback, in interleaved rounds.
 * `node bench/run.ts [--rounds N] [--quick] [--only text] [--targets text]`; `text` is a part of scenario ids or target names,
 * several by commas. `bench/all.ts` keeps what it prints.
 */
import { execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Cell, measure, median } from './measure.ts';
import { residentBytes } from './process-tree.ts';
import { type Start, startAims, tableOf, verdictsOf } from './report.ts';
import { resultsText } from './results-text.ts';
import { createScenarios } from './scenarios.ts';
import { type RunningTarget, root, type Target, targets } from './targets.ts';
import type { AnswerPlan } from './wire.ts';

if (process.platform !== 'linux')
  throw new Error('The bench reads the processor time of processes from /proc: it runs on Linux.');
const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    targets: { type: 'string' },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
const isWanted = (name: string, list: string | undefined) =>
  list === undefined || list.split(',').some((part) => name.includes(part.trim()));
const scenarios = createScenarios(values.quick ? 0.4 : 1).filter(({ id }) => isWanted(id, values.only));
const chosen = targets.filter(({ name }) => ['direct', 'raw-node'].includes(name) || isWanted(name, values.targets));

execFileSync(process.execPath, [join(root, 'esbuild.mjs'), '--production'], { stdio: 'inherit' });
const upstream = fork(join(root, 'bench', 'upstream.ts'));
const [{ port: upstreamPort }]: [{ port?: number }] = (await once(upstream, 'message')) as [{ port?: number }];
if (upstreamPort === undefined) throw new Error('The upstream does not listen.');
const tell = async (plan: AnswerPlan) => {
  const told = once(upstream, 'message');
  upstream.send(plan);
  await told;
};

const loads: number[] = [];
const missing = new Map<string, string>();
const running = new Map<Target, RunningTarget>();
const results = new Map(scenarios.map(({ id }) => [id, new Map<string, Cell[]>()]));
const start: Start = { readyMs: [], idleMb: [] };

async function begin(target: Target): Promise<RunningTarget | undefined> {
  try {
    return await target.start(upstreamPort ?? 0);
  } catch (error) {
    missing.set(target.name, error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

/** Start to ready, and memory at rest over that of a Node process that does nothing. */
async function measureStart(target: Target): Promise<void> {
  const idle = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const started = await begin(target);
  await sleep(1_500);
  if (started?.pid !== undefined && idle.pid !== undefined) {
    (start.readyMs as number[]).push(started.readyMs);
    (start.idleMb as number[]).push((residentBytes(started.pid) - residentBytes(idle.pid)) / 1_048_576);
  }
  idle.kill();
  await started?.stop();
}

try {
  const own = chosen.find(({ name }) => name === 'ours');
  const wantsStart = own !== undefined && isWanted('start', values.only);
  for (const target of chosen) {
    const started = await begin(target);
    if (started !== undefined) running.set(target, started);
  }
  // Every program gets its code compiled before anything counts: twice, because what comes later makes it compile again.
  for (let pass = 0; pass < (values.quick ? 1 : 2); pass++)
    for (const scenario of scenarios.filter(({ isFresh }) => !isFresh)) {
      const warm = { ...scenario, ...(scenario.forMs !== undefined && { forMs: values.quick ? 600 : 2_000 }) };
      await tell(warm.plan);
      for (const [target, started] of running)
        if (target.formats.includes(scenario.format)) await measure(warm, started);
    }
  for (let round = 0; round < rounds; round++) {
    if (wantsStart && own) await measureStart(own);
    for (const scenario of scenarios) {
      await tell(scenario.plan);
      for (const [target, started] of running) {
        if (!target.formats.includes(scenario.format)) continue;
        const fresh = scenario.isFresh && started.pid !== undefined ? await begin(target) : undefined;
        if (fresh) await sleep(500);
        const cell = await measure(scenario, fresh ?? started);
        await fresh?.stop();
        const cells = results.get(scenario.id) ?? new Map<string, Cell[]>();
        cells.set(target.name, [...(cells.get(target.name) ?? []), cell]);
        process.stderr.write(
          `round ${round + 1} ${scenario.id} ${target.name}: ${cell.cpuMicros?.toFixed(2) ?? '–'} µs, ${cell.answers} answers ${Object.keys(cell.faults).join('; ').slice(0, 200)}\n`,
        );
      }
      loads.push(loadavg()[0] ?? 0);
    }
  }
} finally {
  for (const started of running.values()) await started.stop();
  upstream.disconnect();
}

const judged = scenarios.flatMap((scenario) => verdictsOf(scenario, results.get(scenario.id) ?? new Map()));
const startVerdicts =
  start.readyMs.length === 0
    ? []
    : [
        { what: 'start to ready', figure: median(start.readyMs), limit: startAims.readyMs, unit: 'ms' },
        { what: 'idle RSS over bare Node', figure: median(start.idleMb), limit: startAims.idleMb, unit: 'MB' },
      ].map(({ what, figure, limit, unit }) => ({
        scenario: 'start',
        what,
        ratio: figure,
        isMet: figure <= limit,
        text: `${figure.toFixed(0)} ${unit} (≤ ${limit} ${unit})`,
      }));
const text = resultsText({
  verdicts: [...judged, ...startVerdicts],
  tables: scenarios.map((scenario) => tableOf(scenario, results.get(scenario.id) ?? new Map())),
  missing,
  rounds,
  loads,
  processors: cpus().length,
});
console.log(text);
