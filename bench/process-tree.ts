/** Processor time and memory of a process with its children, from Linux' /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Children first come last; a process that ends meanwhile is left out. */
function treeOf(pid: number): readonly number[] {
  const tasks = entries(`/proc/${pid}/task`);
  const children = tasks.flatMap((task) =>
    text(`/proc/${pid}/task/${task}/children`)
      .split(' ')
      .filter((each) => each !== '')
      .map(Number),
  );
  return [pid, ...children.flatMap(treeOf)];
}

/** Microseconds that all threads of the tree have run, by the scheduler's clock: ticks of 10 ms are too coarse. */
export function cpuMicros(pid: number): number {
  let nanos = 0;
  for (const each of treeOf(pid))
    for (const task of entries(`/proc/${each}/task`))
      nanos += Number(text(`/proc/${each}/task/${task}/schedstat`).split(' ', 1)[0] ?? 0);
  return nanos / 1_000;
}

/** Resident memory of the tree in bytes. */
export function residentBytes(pid: number): number {
  return treeOf(pid).reduce(
    (sum, each) => sum + 1_024 * Number(/VmRSS:\s+(\d+)/.exec(text(`/proc/${each}/status`))?.[1] ?? 0),
    0,
  );
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function entries(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
