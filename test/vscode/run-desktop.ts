/**
 * The suites of the extension host in a desktop VS Code, which @vscode/test-electron downloads. Where the download cannot
 * be reached it fails and says so; `VSCODE_EXECUTABLE=/path/to/code` uses an installed one. Linux needs a display
 * (`xvfb-run -a npm run test:desktop`).
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { downloadAndUnzipVSCode, runTests } from '@vscode/test-electron';
import { build } from 'esbuild';
import { buildOptions } from '../../esbuild.mjs';
import { buildHostTests } from '../../scripts/build-host-tests.mjs';
import { ensureVocabulary } from '../../scripts/build-vocabulary.mjs';
import { startSimulator } from '../simulator/simulator.ts';
import { findFreePort } from '../support/free-port.ts';
import { repositoryDir } from './host/paths.ts';

const { VSCODE_EXECUTABLE: installed } = process.env;
let vscodeExecutablePath: string;
try {
  vscodeExecutablePath = installed ?? (await downloadAndUnzipVSCode('stable'));
} catch (error) {
  console.error(`VS Code could not be downloaded (${error instanceof Error ? error.message : String(error)}).`);
  console.error('Set VSCODE_EXECUTABLE to an installed VS Code, or run npm run test:vscode, which needs npm alone.');
  process.exit(1);
}

for (const options of buildOptions({ production: false })) await build(options);
ensureVocabulary();
const extensionTestsPath = await buildHostTests();
const simulator = await startSimulator();
simulator.addKey('sk-good');
const port = await findFreePort();
const userDataDir = await mkdtemp(join(tmpdir(), 'vscode-desktop-'));
await mkdir(join(userDataDir, 'User'), { recursive: true });
await writeFile(join(userDataDir, 'User', 'settings.json'), JSON.stringify({ 'qwenProxy.port': port }));
try {
  await runTests({
    vscodeExecutablePath,
    extensionDevelopmentPath: repositoryDir,
    extensionTestsPath,
    launchArgs: ['--user-data-dir', userDataDir, '--disable-extensions', '--disable-telemetry'],
    extensionTestsEnv: { QWEN_PROXY_TEST_PORT: String(port), QWEN_PROXY_TEST_UPSTREAM: simulator.baseUrl },
  });
} finally {
  await simulator.close();
  await rm(userDataDir, { recursive: true, force: true });
}
