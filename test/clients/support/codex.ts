import { type AgentClient, call, defaultModel } from './agent-client.ts';
import { packageFile } from './packages.ts';
import { runClient } from './run-client.ts';

/** How Codex changes files: in its shell, or with the freeform tool that it offers to the models it knows. */
export type CodexTool = 'exec_command' | 'apply_patch';

const patch = (...lines: readonly string[]) =>
  call('apply_patch', { input: ['*** Begin Patch', ...lines, '*** End Patch', ''].join('\n') });
const shell = (command: string) => call('exec_command', { cmd: command });

/** `codex exec`, which speaks Responses only. */
export function codex(tool: CodexTool): AgentClient {
  const isPatch = tool === 'apply_patch';
  return {
    name: `Codex with ${tool}`,
    dialect: 'openai-responses',
    ownTool: 'exec_command',
    replaysReasoning: true,
    retriesCutStreams: true,
    readCall: (_stage, path) => shell(`cat ${path}`),
    editCall: (_stage, path, from, to) =>
      isPatch
        ? patch(`*** Update File: ${path}`, '@@', `-Good ${from}`, `+Good ${to}`)
        : shell(`sed -i s/${from}/${to}/ ${path}`),
    createCall: (_stage, path, content) =>
      isPatch
        ? patch(
            `*** Add File: ${path}`,
            ...content
              .trimEnd()
              .split('\n')
              .map((line) => `+${line}`),
          )
        : shell(`cat > ${path} <<'EOF'\n${content}EOF`),
    async run(stage, prompt, model = defaultModel) {
      await stage.configure(
        '.codex/config.toml',
        `model = "${isPatch ? 'gpt-5.5' : model}"
model_provider = "qwenlocal"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.qwenlocal]
name = "Qwen local"
base_url = "${stage.proxy.url}/v1"
env_key = "QWEN_LOCAL_KEY"
wire_api = "responses"
`,
      );
      return runClient({
        command: process.execPath,
        args: [
          packageFile('@openai/codex', 'bin', 'codex.js'),
          'exec',
          '--skip-git-repo-check',
          '--dangerously-bypass-approvals-and-sandbox',
          prompt,
        ],
        cwd: stage.project,
        env: stage.env,
      });
    },
  };
}
