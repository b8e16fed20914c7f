import { join } from 'node:path';
import { type AgentClient, call, defaultModel } from './agent-client.ts';
import { packageFile } from './packages.ts';
import { runClient } from './run-client.ts';

/** `opencode`, on chat completions. Its postinstall would only copy this binary, so it is started where it lies. */
export const opencode: AgentClient = {
  name: 'opencode',
  dialect: 'openai-chat',
  ownTool: 'edit',
  replaysReasoning: true,
  // It asks again, but first runs the calls that it has of the broken answer.
  retriesCutStreams: false,
  readCall: ({ project }, path) => call('read', { filePath: join(project, path) }),
  editCall: ({ project }, path, from, to) =>
    call('edit', { filePath: join(project, path), oldString: from, newString: to }),
  createCall: ({ project }, path, content) => call('write', { filePath: join(project, path), content }),
  async run(stage, prompt, model = defaultModel) {
    await stage.configure('.config/opencode/opencode.json', {
      $schema: 'https://opencode.ai/config.json',
      autoupdate: false,
      share: 'disabled',
      provider: {
        qwenlocal: {
          npm: '@ai-sdk/openai-compatible',
          name: 'Qwen local',
          options: { baseURL: `${stage.proxy.url}/v1`, apiKey: '{env:QWEN_LOCAL_KEY}' },
          models: { [model]: { name: model, limit: { context: 1_000_000, output: 65_536 } } },
        },
      },
    });
    const platform = process.platform === 'win32' ? 'windows' : process.platform;
    return runClient({
      command: packageFile(`opencode-${platform}-${process.arch}`, 'bin', 'opencode'),
      args: ['run', '--auto', '--model', `qwenlocal/${model}`, prompt],
      cwd: stage.project,
      env: { ...stage.env, OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1' },
    });
  },
};
