#!/usr/bin/env node
/**
 * Compiles test suites for the extension host, which requires CommonJS:
 *
 *   node scripts/build-host-tests.mjs [source folder] [target folder]
 *
 * By default every `test/vscode/suite/**\/*.test.ts` becomes `.vscode-test/out/suite/**\/*.test.cjs`, beside the
 * `index.cjs` that runs them. Each file is a bundle of its own; `vscode` and mocha come from the host.
 */
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const defaultSource = join(root, 'test', 'vscode', 'suite');
const defaultTarget = join(root, '.vscode-test', 'out', 'suite');

/** Compiles the `*.test.ts` of one folder; returns the path to give to `extensionTestsPath`. */
export async function buildHostTests(source = defaultSource, target = defaultTarget) {
  const names = readdirSync(source, { recursive: true, encoding: 'utf8' });
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  await build({
    entryPoints: names.filter((name) => name.endsWith('.test.ts')).map((name) => join(source, name)),
    outbase: source,
    outdir: target,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    external: ['vscode', 'mocha'],
    logLevel: 'warning',
  });
  const index = join(target, 'index.cjs');
  copyFileSync(join(defaultSource, 'index.cjs'), index);
  return index;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [source, target] = process.argv.slice(2).map((path) => resolve(path));
  console.log(await buildHostTests(source, target));
}
