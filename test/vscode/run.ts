/**
 * The suites in a real VS Code: the packaged extension driven as a user would, and tests inside the extension host.
 * Run: `npm run test:vscode [-- --grep text]`.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Mocha from 'mocha';
import { repositoryDir } from './host/paths.ts';

const { values } = parseArgs({ options: { grep: { type: 'string' } } });

execFileSync(process.execPath, [join(repositoryDir, 'scripts', 'package.mjs')], {
  cwd: repositoryDir,
  stdio: 'inherit',
});

const mocha = new Mocha({ ui: 'bdd', timeout: 300_000, slow: 30_000, color: false });
if (values.grep !== undefined) mocha.grep(values.grep);
for (const name of [
  'package',
  'login',
  'accounts-view',
  'dashboard',
  'walkthrough',
  'chinese',
  'sign-in',
  'serving',
  'windows',
  'chat-models',
  'team-gateway',
  'clients',
  'terminals',
  'in-host',
])
  mocha.addFile(join(import.meta.dirname, 'ui', `${name}.test.ts`));
await mocha.loadFilesAsync();
mocha.run((failures) => {
  process.exitCode = failures > 0 ? 1 : 0;
});
