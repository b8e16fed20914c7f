/**
 * One scenario in many short rounds, for work on the hot path: `node bench/quick.ts small-30 [rounds] [--worker]`. The least CPU of all
 * rounds is what the code costs where nothing else gets in its way, so it holds on a busy machine too.
 */
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { measure } from './measure.ts';
import { createScenarios } from './scenarios.ts';
import { root, targets } from './targets.ts';

const [ids = '', rounds = '10'] = process.argv.slice(2);
execFileSync(process.execPath, [join(root, 'esbuild.mjs'), '--production']);
const upstream = fork(join(root, 'bench', 'upstream.ts'));
const [{ port }]: [{ port?: number }] = (await once(upstream, 'message')) as [{ port?: number }];
const names = ['direct', 'raw-node', process.argv.includes('--worker') ? 'ours, in a worker' : 'ours'];
const running = new Map(
  await Promise.all(
    targets
      .filter(({ name }) => names.includes(name))
      .map(async (target) => [target.name, await target.start(port ?? 0)] as const),
  ),
);
try {
  for (const scenario of createScenarios(0.5).filter(({ id }) => ids.split(',').includes(id))) {
    const told = once(upstream, 'message');
    upstream.send(scenario.plan);
    await told;
    const best = new Map<string, { cpu: number; p50: number }>();
    for (let round = 0; round < Number(rounds); round++)
      for (const [name, target] of running) {
        const { cpuMicros = 0, p50Ms, faults } = await measure(scenario, target);
        for (const fault of Object.keys(faults)) console.error(name, fault);
        const { cpu = Infinity, p50 = Infinity } = best.get(name) ?? {};
        // The first rounds compile.
        if (round > 1) best.set(name, { cpu: Math.min(cpu, cpuMicros), p50: Math.min(p50, p50Ms) });
      }
    const [direct, raw, ours] = names.map((name) => best.get(name) ?? { cpu: Number.NaN, p50: Number.NaN });
    if (!direct || !raw || !ours) continue;
    console.log(
      `${scenario.id}: raw ${raw.cpu.toFixed(2)}, ours ${ours.cpu.toFixed(2)} µs = ${(ours.cpu / raw.cpu).toFixed(2)}×; added p50 ${((ours.p50 - direct.p50) / (raw.p50 - direct.p50)).toFixed(2)}×`,
    );
  }
} finally {
  for (const target of running.values()) await target.stop();
  upstream.disconnect();
}
