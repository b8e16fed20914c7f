import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { within } from './wait.ts';

const live = new Map<ChildProcess, string>();
const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Makes sure that `child`, started with `detached: true`, ends with this process, however this process ends. It leads a
 * process group of its own, so that all it started can be ended without touching a process of anybody else. Its folder
 * goes with it.
 */
export function endWithUs(child: ChildProcess, folder: string): void {
  if (live.size === 0) {
    process.on('exit', endAll);
    for (const signal of endingSignals) process.on(signal, exitOnSignal);
  }
  live.set(child, folder);
}

/** Ends `child` and every process of its group: politely first, by force what is left after `graceMs`. */
export async function endProcessGroup(child: ChildProcess, graceMs = 6000): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await within('the server to stop', exited, graceMs).catch(() => undefined);
  }
  signalGroup(child, 'SIGKILL');
  live.delete(child);
  if (live.size > 0) return;
  process.off('exit', endAll);
  for (const signal of endingSignals) process.off(signal, exitOnSignal);
}

function endAll(): void {
  for (const [child, folder] of live) {
    signalGroup(child, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

function exitOnSignal(): void {
  process.exit(130);
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Nobody of the group is left, which is what was wanted.
  }
}
