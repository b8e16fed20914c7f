import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureRedis } from '../../scripts/redis-server.mjs';
import { findFreePort } from './free-port.ts';

/** A Redis server of a test's own that writes nothing down: when it is killed, all that it knew is gone. */
export interface RedisServer {
  readonly url: string;
  start(): Promise<void>;
  /** Says nothing from now on, and keeps its connections. */
  stall(): void;
  resume(): void;
  /** `kill -9`. */
  kill(): Promise<void>;
  dispose(): Promise<void>;
}

export async function startRedis(): Promise<RedisServer> {
  const { command, argv0 } = await ensureRedis();
  const directory = await mkdtemp(join(tmpdir(), 'qwen-proxy-redis-'));
  const port = await findFreePort();
  let child: ChildProcess | undefined;
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    async start() {
      const args = [
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--save',
        '',
        '--appendonly',
        'no',
        '--dir',
        directory,
      ];
      const started = spawn(command, args, { argv0, stdio: ['ignore', 'pipe', 'inherit'] });
      child = started;
      let said = '';
      started.stdout.setEncoding('utf8').on('data', (text) => {
        said += text;
      });
      while (!said.includes('Ready to accept connections')) {
        if (started.exitCode !== null) throw new Error(said);
        await Promise.race([once(started.stdout, 'data'), once(started, 'exit')]);
      }
    },
    stall: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
    async dispose() {
      await server.kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}
