/** The server as it ships, in a process of its own that tells its memory: the part of bench/soak.ts that is under load. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { writeHeapSnapshot } from 'node:v8';
import { createFileSecrets } from '../src/cli/file-secrets.ts';
import { createStderrLogger } from '../src/cli/logger.ts';
import { serveRpc } from '../src/core/rpc.ts';
import { parseSettings } from '../src/core/settings.ts';
import { type MemorySample, sampleMemory } from '../test/support/soak-memory.ts';

/** What the load asks of it. */
export interface SoakServerApi {
  start(baseUrl: string, keys: readonly string[]): Promise<string>;
  clearAccounts(): Promise<void>;
  memory(): Promise<MemorySample>;
  heapSnapshot(path: string): Promise<void>;
  stop(): Promise<void>;
}

const [stateDirectory = '', apiKey = ''] = process.argv.slice(2);
const { createHostedProxy }: typeof import('../src/gateway/main.ts') = createRequire(import.meta.url)(
  join(import.meta.dirname, '..', 'dist', 'server.js'),
);
const secrets = createFileSecrets(stateDirectory);
const proxy = createHostedProxy({
  settings: parseSettings({ PORT: 0, API_KEY: apiKey, ACCOUNT_STRATEGY: 'round-robin' }, { port: 0 }).settings,
  stateDirectory,
  version: '0.0.0-soak',
  mode: 'headless',
  secrets,
  // A line a request goes to nobody, but is made.
  logger: { ...createStderrLogger({ format: () => 'json', isVerbose: () => false }), info() {}, warn() {} },
  environment: {},
});
let ids: readonly string[] = [];
serveRpc<SoakServerApi>(
  {
    postMessage: (message) => void process.send?.(message),
    on: (_, listener) => process.on('message', listener),
  },
  {
    async start(baseUrl, keys) {
      ids = keys.map((_, index) => `account-${index + 1}`);
      for (const [index, key] of keys.entries())
        await proxy.addAccount({ id: ids[index] ?? '', plan: 'custom', key, baseUrl, probe: false });
      const { url, problem } = await proxy.start();
      if (url === undefined) throw new Error(problem?.message ?? 'It did not start.');
      return url;
    },
    async clearAccounts() {
      for (const id of ids) await proxy.clearAccount(id);
    },
    memory: sampleMemory,
    heapSnapshot: async (path) => void writeHeapSnapshot(path),
    async stop() {
      await proxy.dispose();
      secrets.close();
      // The answer goes out first.
      setImmediate(() => process.disconnect());
    },
  },
);
