/** One measurement: a target, a scenario, and what its answers cost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runLoad } from './load.ts';
import { cpuMicros, residentBytes } from './process-tree.ts';
import type { Scenario } from './scenarios.ts';
import type { RunningTarget } from './targets.ts';

/** Figures of one cell; what does not apply is absent. */
export interface Cell {
  readonly answers: number;
  readonly cpuMicros?: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly ttftP99Ms: number;
  readonly lagP50Ms?: number;
  readonly lagP99Ms?: number;
  readonly streamKb?: number;
  readonly faults: Readonly<Record<string, number>>;
}

export function quantile(figures: readonly number[], share: number): number {
  const sorted = Float64Array.from(figures).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (figures: readonly number[]) => quantile(figures, 0.5);

export async function measure(scenario: Scenario, target: RunningTarget): Promise<Cell> {
  const { pid } = target;
  const memory = scenario.isFresh && pid !== undefined ? watchMemory(pid) : undefined;
  const cpuBefore = pid === undefined ? 0 : cpuMicros(pid);
  const result = await runLoad({ ...scenario, ...target, path: target.path(scenario.format), body: scenario.body() });
  // What a program does once the answer is out is part of its cost.
  await sleep(50);
  const cpu = pid === undefined ? undefined : cpuMicros(pid) - cpuBefore;
  const units = scenario.per === 'chunk' ? scenario.plan.chunks : 1;
  return {
    answers: result.answers,
    ...(cpu !== undefined && { cpuMicros: cpu / (result.answers * units) }),
    perSecond: (result.answers * units) / result.seconds,
    p50Ms: median(result.totalMs),
    ttftP99Ms: quantile(result.firstMs, 0.99),
    ...(result.lagMs.length > 0 && {
      lagP50Ms: median(result.lagMs),
      lagP99Ms: quantile(result.lagMs, 0.99),
    }),
    ...(memory && { streamKb: memory.stop() / 1_024 / scenario.connections }),
    faults: result.faults,
  };
}

/** The growth of a process tree's memory from now to its peak. */
function watchMemory(pid: number): { stop(): number } {
  const before = residentBytes(pid);
  let peak = before;
  const look = () => {
    peak = Math.max(peak, residentBytes(pid));
  };
  const timer = setInterval(look, 100);
  return {
    stop() {
      clearInterval(timer);
      look();
      return peak - before;
    },
  };
}
