import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installPeer, type RunningTarget, startListening, takesConnections } from '../targets.ts';
import { freePort } from './nginx.ts';

/**
 * Its database is compiled for one Node, which takes that one's headers: what `npm ci` installs has none, what a system
 * installs often does.
 */
function compiledFor(folder: string): string {
  const place = (process.env.PATH ?? '')
    .split(delimiter)
    .find((each) => existsSync(join(each, 'node')) && existsSync(join(each, '..', 'include', 'node', 'node.h')));
  if (place === undefined) throw new Error('no Node with headers was found to compile better-sqlite3 for');
  if (!existsSync(join(folder, 'node_modules', 'better-sqlite3', 'build', 'Release', 'better_sqlite3.node'))) {
    const { status, stderr } = spawnSync('npm', ['rebuild', 'better-sqlite3', '--build-from-source'], {
      cwd: folder,
      env: {
        ...process.env,
        PATH: [place, process.env.PATH].join(delimiter),
        npm_config_nodedir: join(place, '..'),
      },
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`better-sqlite3 could not be compiled: ${stderr.slice(-300)}`);
  }
  return join(place, 'node');
}

const yearMs = 365 * 86_400_000;

/** Without its request logs, with one signed-in account whose `resource_url` is the bench's upstream. */
export async function startQwenProxy(upstreamPort: number): Promise<RunningTarget> {
  const folder = installPeer('qwen-proxy', ['qwen-proxy@1.1.0']);
  const command = compiledFor(folder);
  const home = await mkdtemp(join(tmpdir(), 'qwen-proxy-bench-'));
  await mkdir(join(home, '.qwen'));
  await writeFile(
    join(home, '.qwen', 'oauth_creds_first.json'),
    JSON.stringify({
      access_token: 'bench',
      refresh_token: 'bench',
      token_type: 'Bearer',
      resource_url: `http://127.0.0.1:${upstreamPort}/v1`,
      expiry_date: Date.now() + yearMs,
    }),
  );
  const port = await freePort();
  const program = join(folder, 'node_modules', 'qwen-proxy', 'dist', 'src', 'cli', 'qwen-proxy.js');
  const target = await startListening([program, 'serve', '--headless', '--host', '127.0.0.1', '--port', String(port)], {
    command,
    cwd: home,
    env: {
      ...{ PATH: process.env.PATH ?? '', HOME: home, API_KEY: 'sk-bench', QWEN_CODE_AUTH_USE: 'false' },
      ...{ LOG_LEVEL: 'off', SYSTEM_PROMPT_ENABLED: 'false' },
    },
    port,
    headers: { authorization: 'Bearer sk-bench' },
  });
  // It opens its database after its port, and ends if that fails.
  await sleep(1_000);
  if (!(await takesConnections(port))) throw new Error('it ends at once: was better-sqlite3 built for this Node?');
  return {
    ...target,
    async stop() {
      await target.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
