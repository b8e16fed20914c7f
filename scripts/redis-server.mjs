/**
 * A Redis server for the tests of team mode, from Debian; see `vscode-host.mjs` for where it is installed without asking.
 *
 *   node scripts/redis-server.mjs ensure
 *
 * The program is the one of the package redis-tools, which starts as a server when it is called `redis-server`: the package
 * of that name would also start a service on the machine.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { hasCommand, installPackages, requireInstall, withLock } from './system-packages.mjs';

const packages = ['redis-tools'];
const aptLock = join(import.meta.dirname, '..', '.vscode-test', 'apt.lock');

/** What to start, and what it has to be called. */
export async function ensureRedis() {
  const find = () => ['redis-server', 'redis-check-rdb'].find(hasCommand);
  if (find() === undefined) {
    requireInstall('Redis is missing', packages);
    await withLock(aptLock, () => find() ?? installPackages(packages));
  }
  const command = find();
  if (command === undefined) throw new Error('redis-tools was installed, but there is no redis-check-rdb in the PATH.');
  return { command, argv0: 'redis-server' };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await ensureRedis();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
