import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { ensureVocabulary, vocabularyFileName } from '../../scripts/build-vocabulary.mjs';

/** The bundles as they ship, made of the present sources into a folder of the test's own. */
export interface Bundles {
  readonly extension: string;
  readonly server: string;
  readonly cli: string;
  remove(): Promise<void>;
}

export async function buildBundles(): Promise<Bundles> {
  const script: { buildOptions(options: { production: boolean; outdir: string }): BuildOptions[] } = await import(
    new URL('../../esbuild.mjs', import.meta.url).href
  );
  const outdir = await mkdtemp(join(tmpdir(), 'qwen-proxy-bundle-'));
  const wanted = script
    .buildOptions({ production: false, outdir })
    .filter(({ outfile = '' }) => /(extension|server|cli|tokenizer|team)\.js$/.test(outfile));
  await Promise.all(wanted.map((options) => build(options)));
  await copyFile(ensureVocabulary(), join(outdir, vocabularyFileName));
  return {
    extension: join(outdir, 'extension.js'),
    server: join(outdir, 'server.js'),
    cli: join(outdir, 'cli.js'),
    remove: () => rm(outdir, { recursive: true, force: true }),
  };
}
