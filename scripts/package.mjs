/** Makes the VSIX: production bundles, packed by vsce, refused when too large. */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const maximumBytes = 1_500_000;

const root = join(import.meta.dirname, '..');
const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const file = `${name}-${version}.vsix`;
const vsce = createRequire(import.meta.url).resolve('@vscode/vsce/vsce');

node('esbuild.mjs', '--production');
node(vsce, 'package', '--no-dependencies', '--out', file);

const { size } = statSync(join(root, file));
if (size > maximumBytes) {
  console.error(`${file} is ${size} bytes, the limit is ${maximumBytes}`);
  process.exitCode = 1;
}

function node(...args) {
  try {
    execFileSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  } catch (error) {
    // The tool has said what is wrong.
    process.exit(error.status ?? 1);
  }
}
