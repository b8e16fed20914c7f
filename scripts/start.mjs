/**
 * Runs the command line from a clone: builds when a source is newer than the bundles, then does what the arguments say,
 * `serve` without any.
 * Silent unless the build fails, because the first line on stdout belongs to the server.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const cli = join(root, 'dist', 'cli.js');
const bundles = [cli, join(root, 'dist', 'server.js')];

if (!isFresh()) build();
// In this very process, so that a signal to it is a signal to the server.
process.argv.splice(1, 1, cli);
if (process.argv.length === 2) process.argv.push('serve');
createRequire(import.meta.url)(cli);

function isFresh() {
  if (!bundles.every((bundle) => existsSync(bundle))) return false;
  const builtAtMs = Math.min(...bundles.map((bundle) => statSync(bundle).mtimeMs));
  const sources = ['esbuild.mjs', 'package.json', 'package-lock.json'].map((name) => join(root, name));
  for (const entry of readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sources.push(join(entry.parentPath, entry.name));
  }
  return sources.every((source) => statSync(source).mtimeMs <= builtAtMs);
}

function build() {
  try {
    execFileSync(process.execPath, [join(root, 'esbuild.mjs')], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    process.stderr.write(error.stderr?.length > 0 ? error.stderr : `${error.message}\n`);
    process.exit(1);
  }
}
