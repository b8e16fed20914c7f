import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { buildOptions } from '../../esbuild.mjs';
import { ensureVocabulary, vocabularyFileName } from '../../scripts/build-vocabulary.mjs';

describe('token counter in the bundles', () => {
  let folder: string;
  before(async function () {
    this.timeout(30_000);
    folder = await mkdtemp(join(tmpdir(), 'token-counter-'));
    const all = buildOptions({ production: true, outdir: folder });
    const [server] = all;
    const tokenizer = all.find(({ outfile }) => outfile?.endsWith('tokenizer.js'));
    assert.ok(server && tokenizer);
    // The options of the server’s bundle, with the counter alone in it.
    await Promise.all([build({ ...server, entryPoints: ['src/tokens/counter.ts'] }), build(tokenizer)]);
    await copyFile(ensureVocabulary(), join(folder, vocabularyFileName));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('finds its thread and its vocabulary beside the server, also from a thread', async () => {
    const program = `
      const { parentPort } = require('node:worker_threads');
      const counter = require('./server.js').createTokenCounter();
      counter.countText('hello 你好').then((tokens) => parentPort.postMessage(tokens));`;
    await writeFile(join(folder, 'host.cjs'), program);
    const host = new Worker(join(folder, 'host.cjs'));
    const seen = await new Promise<readonly unknown[]>((resolve, reject) => {
      let tokens: unknown;
      host.on('message', (message) => {
        tokens = message;
      });
      host.on('error', reject);
      // By itself: the counter’s thread does not keep it.
      host.on('exit', (code) => resolve([tokens, code]));
    });
    assert.deepEqual(seen, [3, 0]);
  }).timeout(30_000);
});
