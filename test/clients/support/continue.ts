import { join } from 'node:path';
import { clientKey } from '../../support/server-proxy.ts';
import { type AgentClient, call, defaultModel } from './agent-client.ts';
import { packageFile } from './packages.ts';
import { runClient } from './run-client.ts';

/** `cn`, on chat completions. */
export const continueCli: AgentClient = {
  name: 'Continue',
  dialect: 'openai-chat',
  ownTool: 'MultiEdit',
  replaysReasoning: false,
  retriesCutStreams: true,
  readCall: ({ project }, path) => call('Read', { filepath: join(project, path) }),
  editCall: ({ project }, path, from, to) =>
    call('MultiEdit', { file_path: join(project, path), edits: [{ old_string: from, new_string: to }] }),
  createCall: ({ project }, path, content) => call('Write', { filepath: join(project, path), content }),
  async run(stage, prompt, model = defaultModel) {
    await stage.configure(
      '.continue/config.yaml',
      `name: Local
version: 1.0.0
schema: v1
models:
  - name: Qwen local
    provider: openai
    model: ${model}
    apiBase: ${stage.proxy.url}/v1
    apiKey: ${clientKey}
    roles: [chat, edit, apply]
    capabilities: [tool_use]
`,
    );
    const config = join(stage.home, '.continue', 'config.yaml');
    return runClient({
      command: process.execPath,
      args: [packageFile('@continuedev/cli', 'dist', 'cn.js'), '--config', config, '--auto', '-p', prompt],
      cwd: stage.project,
      env: { ...stage.env, CONTINUE_TELEMETRY_ENABLED: '0' },
    });
  },
};
