/**
 * Installs the SDKs and command-line clients that `test/clients` runs, exactly those of its lockfile. Does nothing where
 * they are already there.
 *
 *   node scripts/client-packages.mjs ensure
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const folder = resolve(import.meta.dirname, '..', 'test', 'clients');
const stamp = join(folder, 'node_modules', '.installed-lock');

const lockHash = createHash('sha256')
  .update(readFileSync(join(folder, 'package-lock.json')))
  .digest('hex');

function installedHash() {
  try {
    return readFileSync(stamp, 'utf8');
  } catch {
    return undefined;
  }
}

function ensure() {
  if (installedHash() === lockHash) {
    console.log('The client packages are installed.');
    return;
  }
  // Platform binaries are optional packages; the install scripts would only copy them, or download more. Not `npm ci`: it
  // refuses a lockfile without the packages of platforms that the registry in use does not carry.
  const flags = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error } = spawnSync('npm', ['install', ...flags], {
    cwd: folder,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (error) console.error(error.message);
  if (status !== 0) {
    console.error('The client packages could not be installed: see above.');
    process.exitCode = 1;
    return;
  }
  writeFileSync(stamp, lockHash);
}

if (process.argv[2] === 'ensure') ensure();
else {
  console.error('Usage: node scripts/client-packages.mjs ensure');
  process.exitCode = 2;
}
