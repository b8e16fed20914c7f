import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** How a command ended, and all it said. */
export interface CliRun {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface CliOptions {
  /** The user's home, and the folder it runs in; the state lies in `state` there. */
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  /** All of its standard input; without it the input stays open. */
  readonly input?: string;
}

/** A command that runs. */
export interface LaunchedCli {
  readonly child: ChildProcessWithoutNullStreams;
  /** What it has said so far. */
  readonly output: { readonly out: string; readonly err: string };
  readonly ended: Promise<CliRun>;
}

/** Runs the command line as a process of its own, with nothing of this environment but the path. */
export function launchCli(bundle: string, args: readonly string[], { home, env, input }: CliOptions): LaunchedCli {
  const child = spawn(process.execPath, [bundle, ...args], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, QWEN_PROXY_HOME: join(home, 'state'), ...env },
  });
  const output = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (part) => {
    output.out += part;
  });
  child.stderr.setEncoding('utf8').on('data', (part) => {
    output.err += part;
  });
  child.stdin.on('error', () => {});
  if (input !== undefined) child.stdin.end(input);
  return { child, output, ended: once(child, 'close').then(([code]) => ({ code, ...output })) };
}
