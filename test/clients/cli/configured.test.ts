import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import type { Endpoint } from '../../../src/clients/client.ts';
import { editText } from '../../../src/clients/plan-edit.ts';
import { clientById } from '../../../src/clients/table.ts';
import { clientKey } from '../../support/server-proxy.ts';
import { packageFile } from '../support/packages.ts';
import { clientLimitMs, type Launch, runClient } from '../support/run-client.ts';
import { openStage, type Stage } from '../support/stage.ts';

const platform = process.platform === 'win32' ? 'windows' : process.platform;

interface Configured {
  readonly id: string;
  /** What is in the user's file before. */
  readonly before: string;
  /** Asks the prompt without naming provider, address, key or model: they have to come from the file. */
  launch(prompt: string): Pick<Launch, 'command' | 'args'> & { readonly env?: Launch['env'] };
}

const node = (file: string, ...args: readonly string[]) => ({ command: process.execPath, args: [file, ...args] });

const clients: readonly Configured[] = [
  {
    id: 'claude-code',
    before: '{\n  "includeCoAuthoredBy": false\n}\n',
    launch: (prompt) => ({
      command: packageFile(`@anthropic-ai/claude-code-${process.platform}-${process.arch}`, 'claude'),
      args: ['-p', prompt],
      env: { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' },
    }),
  },
  {
    id: 'codex',
    before: 'check_for_update_on_startup = false # quiet\n\n[analytics]\nenabled = false\n',
    launch: (prompt) => node(packageFile('@openai/codex', 'bin', 'codex.js'), 'exec', '--skip-git-repo-check', prompt),
  },
  {
    id: 'qwen-code',
    before:
      '{\n  "general": { "enableAutoUpdate": false },\n  "privacy": { "usageStatisticsEnabled": false },\n  "telemetry": { "enabled": false }\n}\n',
    launch: (prompt) => node(packageFile('@qwen-code/qwen-code', 'cli-entry.js'), prompt),
  },
  {
    id: 'opencode',
    before: '{\n  // quiet\n  "autoupdate": false,\n  "share": "disabled"\n}\n',
    launch: (prompt) => ({
      command: packageFile(`opencode-${platform}-${process.arch}`, 'bin', 'opencode'),
      args: ['run', prompt],
      env: { OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1' },
    }),
  },
  {
    id: 'continue',
    before: '',
    launch: (prompt) => ({
      ...node(packageFile('@continuedev/cli', 'dist', 'cn.js'), '-p', prompt),
      env: { CONTINUE_TELEMETRY_ENABLED: '0' },
    }),
  },
];

describe('clients configured by the command', function () {
  this.timeout(clientLimitMs);
  let stage: Stage;
  beforeEach(async () => {
    stage = await openStage();
  });
  afterEach(() => stage.close());

  for (const { id, before, launch } of clients)
    it(`${id} answers over the file that was edited`, async () => {
      const file = clientById(id)?.file;
      assert.ok(file);
      const endpoint: Endpoint = {
        origin: stage.proxy.url,
        key: clientKey,
        model: { id: 'qwen3-coder-plus', name: 'Qwen3 Coder Plus', contextWindow: 1_000_000, maxOutput: 65_536 },
      };
      const [path = ''] = file.paths({ home: stage.home, environment: stage.env });
      const after = editText(file, before, endpoint);
      assert.ok(after);
      await stage.configure(relative(stage.home, path), after);
      const { env, ...started } = launch('Say the word heron.');
      // Nothing but the file tells it where to go.
      const { QWEN_LOCAL_KEY: _, ...outside } = stage.env;
      const run = await runClient({ ...started, cwd: stage.project, env: { ...outside, ...env } });
      assert.match(run.stdout, /Echo: /, `${run.stderr}\n${run.stdout}`);
      const asked = stage.simulator.requests.find(({ rawBody }) => rawBody.includes('heron'));
      assert.match(asked?.rawBody ?? '', /"qwen3-coder-plus"/);
      assert.match(await readFile(path, 'utf8'), /qwen3-coder-plus/);
    });
});
