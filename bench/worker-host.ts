/** Runs the built server in a worker thread, as the editor does, on the accounts of a headless home. */
import { join } from 'node:path';
import { createFileSecrets } from '../src/cli/file-secrets.ts';
import { parseSettings } from '../src/core/settings.ts';
import { connectThread } from '../src/vscode/server-connection.ts';

const stateDirectory = process.env.QWEN_PROXY_HOME ?? '';
const { settings } = parseSettings({ PORT: process.env.PORT, API_KEY: process.env.API_KEY }, { port: 0 });
const log = (message: string) => void process.stderr.write(`${message}\n`);
const { proxy } = await connectThread({
  settings,
  stateDirectory,
  version: '0.0.0-bench',
  secrets: createFileSecrets(stateDirectory),
  logger: { debug() {}, info() {}, warn: log, error: log },
  onSnapshot() {},
  onRequests() {},
  serverPath: join(import.meta.dirname, '..', 'dist', 'server.js'),
  environment: process.env,
});
const { url, problem } = await proxy.start();
console.log(url === undefined ? problem?.message : `listening on ${url}`);
