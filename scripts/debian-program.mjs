/**
 * Programs of Debian that single tests need. They are unpacked into the cache folder and not installed: nothing of the
 * system changes, no service starts, and no root is needed. One that is in the PATH is used as it is.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { hasCommand, run, withLock } from './system-packages.mjs';

const cache = join(resolve(import.meta.dirname, '..'), '.vscode-test');

/**
 * Path of a program, from the PATH or out of its package.
 * @param {{ name: string, package: string, path: string }} program Its name, the package that has it, and where in there.
 */
export async function debianProgram({ name, package: packageName, path }) {
  if (hasCommand(name)) return name;
  const folder = join(cache, `debian-${packageName}`);
  const program = join(folder, path);
  if (!existsSync(program)) await withLock(`${folder}.lock`, () => existsSync(program) || unpack(packageName, folder));
  return program;
}

function unpack(packageName, folder) {
  if (!hasCommand('apt-get') || !hasCommand('dpkg-deb'))
    throw new Error(
      `${packageName} is missing and this is no Debian-like system: install it, then run the test again.`,
    );
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'incomplete-debian-'));
  try {
    download(packageName, work);
    const [file] = readdirSync(work).filter((name) => name.endsWith('.deb'));
    run('dpkg-deb', ['-x', join(work, file), join(work, 'files')]);
    renameSync(join(work, 'files'), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Package lists may be missing or old; root can renew them. */
function download(packageName, cwd) {
  try {
    run('apt-get', ['-qq', 'download', packageName], { cwd });
  } catch (error) {
    if (process.getuid?.() !== 0) throw error;
    run('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=300', 'update']);
    run('apt-get', ['-qq', 'download', packageName], { cwd });
  }
}
