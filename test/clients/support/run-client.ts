import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** What to start, where, with nothing of the caller's environment but what is given. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface ClientRun {
  /** `null` where the kill timer ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** No client needs as long for anything that is asked of it here, on a busy machine neither; one that does hangs. */
export const clientLimitMs = 120_000;

/** Runs a client to its end. Whatever it leaves behind in its process group is ended with it. */
export async function runClient({ command, args, cwd, env }: Launch): Promise<ClientRun> {
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (part) => {
      output[name] += part;
    });
  const timer = setTimeout(() => {
    endGroup(child);
    // A daemon that left the group may still hold the pipes.
    child.stdout.destroy();
    child.stderr.destroy();
  }, clientLimitMs);
  child.once('exit', () => endGroup(child));
  try {
    const [code] = await once(child, 'close');
    return { code, ...output };
  } finally {
    clearTimeout(timer);
  }
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}
