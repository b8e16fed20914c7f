import { join } from 'node:path';
import { type AgentClient, call, defaultModel } from './agent-client.ts';
import { packageFile } from './packages.ts';
import { runClient } from './run-client.ts';

/** `qwen`, on chat completions or on Responses. */
export function qwenCode(authType: 'openai' | 'openai-responses'): AgentClient {
  return {
    name: 'Qwen Code',
    dialect: authType === 'openai' ? 'openai-chat' : 'openai-responses',
    ownTool: 'tool_search',
    replaysReasoning: true,
    retriesCutStreams: true,
    readCall: ({ project }, path) => call('read_file', { file_path: join(project, path) }),
    editCall: ({ project }, path, from, to) =>
      call('edit', { file_path: join(project, path), old_string: from, new_string: to }),
    createCall: ({ project }, path, content) => call('write_file', { file_path: join(project, path), content }),
    async run(stage, prompt, model = defaultModel) {
      const provider = { id: model, envKey: 'QWEN_LOCAL_KEY', baseUrl: `${stage.proxy.url}/v1` };
      await stage.configure('.qwen/settings.json', {
        // On Responses it asks for reasoning to replay only where it was told to think.
        modelProviders: {
          [authType]: [{ ...provider, name: 'Qwen local', generationConfig: { reasoning: { effort: 'medium' } } }],
        },
        security: { auth: { selectedType: authType } },
        model: { name: model },
        general: { enableAutoUpdate: false },
        privacy: { usageStatisticsEnabled: false },
        telemetry: { enabled: false },
      });
      return runClient({
        command: process.execPath,
        args: [packageFile('@qwen-code/qwen-code', 'cli-entry.js'), '--approval-mode', 'yolo', prompt],
        cwd: stage.project,
        env: stage.env,
      });
    },
  };
}
