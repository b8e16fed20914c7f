/** What is measured side by side, and how each of them is started. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { startNginx } from './peers/nginx.ts';
import { startPortkey } from './peers/portkey.ts';
import { startQwenProxy } from './peers/qwen-proxy.ts';
import type { Format } from './wire.ts';

/** A program that stands between the load generator and the upstream. */
export interface RunningTarget {
  readonly port: number;
  /** Absent: there is nothing between them. */
  readonly pid?: number;
  /** From the start of the process to its readiness. */
  readonly readyMs: number;
  path(format: Format): string;
  readonly headers: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export interface Target {
  readonly name: string;
  readonly formats: readonly Format[];
  start(upstreamPort: number): Promise<RunningTarget>;
}

export const root = join(import.meta.dirname, '..');
export const cacheFolder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'qwen-proxy-bench');

const both: readonly Format[] = ['chat', 'anthropic'];
const paths: Readonly<Record<Format, string>> = { chat: '/v1/chat/completions', anthropic: '/v1/messages' };
export const openAiPath = (format: Format) => paths[format];
const ownKey = 'sk-bench-client';

export const targets: readonly Target[] = [
  {
    name: 'direct',
    formats: both,
    start: async (port) => ({ port, readyMs: 0, path: openAiPath, headers: {}, stop: async () => {} }),
  },
  {
    name: 'raw-node',
    formats: both,
    start: (port) => startListening([join(root, 'bench', 'raw-node.ts'), String(port)], { headers: {} }),
  },
  { name: 'ours', formats: both, start: (port) => startOwn(port, [join(root, 'dist', 'cli.js'), 'serve']) },
  {
    name: 'ours, in a worker',
    formats: both,
    start: (port) => startOwn(port, [join(root, 'bench', 'worker-host.ts')]),
  },
  { name: 'nginx', formats: both, start: startNginx },
  { name: 'qwen-proxy 1.1.0', formats: ['chat'], start: startQwenProxy },
  { name: 'portkey 1.15.2', formats: ['chat'], start: startPortkey },
];

/** The server as it ships, with two accounts, a key and the ledger, in a home of its own. */
export async function startOwn(
  upstreamPort: number,
  args: readonly string[],
  onLine?: (line: string) => void,
): Promise<RunningTarget> {
  const home = await mkdtemp(join(tmpdir(), 'qwen-proxy-bench-'));
  const env = { PATH: process.env.PATH ?? '', HOME: home, QWEN_PROXY_HOME: join(home, 'state') };
  for (const id of ['first', 'second']) {
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        ...[join(root, 'dist', 'cli.js'), 'accounts', 'add', '--id', id, '--plan', 'custom', '--no-probe'],
        ...['--base-url', `http://127.0.0.1:${upstreamPort}/v1`],
      ],
      { cwd: home, env, input: `sk-bench-${id}`, encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`An account could not be added: ${stderr}`);
  }
  const target = await startListening(args, {
    cwd: home,
    env: { ...env, PORT: '0', API_KEY: ownKey },
    headers: { authorization: `Bearer ${ownKey}` },
    ...(onLine && { onLine }),
  });
  return {
    ...target,
    async stop() {
      await target.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

export interface StartOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly command?: string;
  /** Told every line of its output. */
  readonly onLine?: (line: string) => void;
  /** Where it does not say on its first line of output that it listens. */
  readonly port?: number;
}

/** Starts a program and waits until it says `listening on`, or takes connections on its port. */
export async function startListening(args: readonly string[], options: StartOptions): Promise<RunningTarget> {
  const startedMs = performance.now();
  const child = spawn(options.command ?? process.execPath, args, {
    cwd: options.cwd,
    env: options.env ?? { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let readyAtMs: number | undefined;
  const note = (part: Buffer) => {
    if (said.length < 100_000) said += part.toString();
    if (readyAtMs === undefined && /listening on \S+:(\d+)/.test(said)) readyAtMs = performance.now();
  };
  const { onLine } = options;
  if (onLine) createInterface(child.stdout).on('line', onLine);
  child.stdout.on('data', note);
  child.stderr.on('data', note);
  const isGone = () => child.exitCode !== null || child.signalCode !== null;
  while (performance.now() - startedMs < 30_000) {
    if (isGone()) throw new Error(`${args[0]} ended: ${said.slice(-2_000)}`);
    const port = options.port ?? Number(/listening on \S+:(\d+)/.exec(said)?.[1] ?? 0);
    if (port !== 0 && (options.port === undefined || (await takesConnections(port))))
      return {
        port,
        ...(child.pid !== undefined && { pid: child.pid }),
        readyMs: (options.port === undefined && readyAtMs !== undefined ? readyAtMs : performance.now()) - startedMs,
        path: openAiPath,
        headers: options.headers,
        stop: () => stopChild(child),
      };
    await sleep(2);
  }
  child.kill('SIGKILL');
  throw new Error(`${args[0]} does not listen: ${said.slice(-2_000)}`);
}

async function stopChild(child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  if ((await Promise.race([ended, sleep(3_000, 'late')])) === 'late') child.kill('SIGKILL');
}

export function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Installs a package where the project does not see it; nothing happens where it is there. */
export function installPeer(folder: string, packages: readonly string[]): string {
  const path = join(cacheFolder, folder);
  if (existsSync(join(path, 'node_modules'))) return path;
  const { status, stderr } = spawnSync('npm', ['install', '--prefix', path, '--no-audit', '--no-fund', ...packages], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${packages.join(' ')} could not be installed: ${stderr.slice(-500)}`);
  return path;
}
