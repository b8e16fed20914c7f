/**
 * Makes the VSIX: production bundles, packed by vsce (which looks for secrets), refused when too large; and beside it the
 * bill of materials of what was bundled, in CycloneDX. The same sources give the same bytes.
 *
 *   node scripts/package.mjs [--out file.vsix]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const maximumBytes = 1_500_000;
/** Zip files know no time before this one. */
const firstZipTime = '315532800';

const root = join(import.meta.dirname, '..');
const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { values } = parseArgs({ options: { out: { type: 'string' } } });
const file = resolve(values.out ?? join(root, `${name}-${version}.vsix`));
const find = createRequire(import.meta.url).resolve;
const folder = mkdtempSync(join(tmpdir(), 'qwen-proxy-package-'));
const metafile = join(folder, 'metafile.json');

try {
  node('esbuild.mjs', '--production', `--metafile=${metafile}`);
  node(find('@vscode/vsce/vsce'), 'package', '--no-dependencies', '--out', file);
  node(
    join(find('@cyclonedx/cyclonedx-esbuild'), '..', '..', 'bin', 'cyclonedx-esbuild-cli.js'),
    '--output-reproducible',
    '--no-validate',
    `--output-file=${file.replace(/\.vsix$/, '')}.cdx.json`,
    metafile,
  );
  const { size } = statSync(file);
  if (size > maximumBytes) {
    console.error(`${file} is ${size} bytes, the limit is ${maximumBytes}`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function node(...args) {
  try {
    execFileSync(process.execPath, args, {
      cwd: root,
      stdio: 'inherit',
      // vsce sorts files and gives all of them this time; zip files hold times of a time zone.
      env: { ...process.env, TZ: 'UTC', SOURCE_DATE_EPOCH: process.env.SOURCE_DATE_EPOCH ?? firstZipTime },
    });
  } catch (error) {
    // The tool has said what is wrong.
    rmSync(folder, { recursive: true, force: true });
    process.exit(error.status ?? 1);
  }
}
