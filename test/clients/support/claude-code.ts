import { join } from 'node:path';
import { clientKey } from '../../support/server-proxy.ts';
import { type AgentClient, call, defaultModel } from './agent-client.ts';
import { packageFile } from './packages.ts';
import { runClient } from './run-client.ts';

/** `claude -p`, on Anthropic messages. Its postinstall would only copy the binary that its wrapper finds, too. */
export const claudeCode: AgentClient = {
  name: 'Claude Code',
  dialect: 'anthropic-messages',
  ownTool: 'Edit',
  replaysReasoning: true,
  retriesCutStreams: true,
  readCall: ({ project }, path) => call('Read', { file_path: join(project, path) }),
  editCall: ({ project }, path, from, to) =>
    call('Edit', { file_path: join(project, path), old_string: from, new_string: to }),
  createCall: ({ project }, path, content) => call('Write', { file_path: join(project, path), content }),
  async run(stage, prompt, model = defaultModel) {
    await stage.configure('.claude/settings.json', {
      env: {
        ANTHROPIC_BASE_URL: `${stage.proxy.url}/anthropic`,
        ANTHROPIC_AUTH_TOKEN: clientKey,
        ANTHROPIC_MODEL: model,
        ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_AUTOUPDATER: '1',
      },
    });
    return runClient({
      command: process.execPath,
      args: [
        packageFile('@anthropic-ai/claude-code', 'cli-wrapper.cjs'),
        '--allowedTools',
        'Read,Edit,Write',
        '-p',
        prompt,
      ],
      cwd: stage.project,
      env: stage.env,
    });
  },
};
