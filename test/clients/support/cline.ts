import { join } from 'node:path';
import { clientKey } from '../../support/server-proxy.ts';
import { type AgentClient, call, defaultModel } from './agent-client.ts';
import { packageFile } from './packages.ts';
import { runClient } from './run-client.ts';

const provider = 'openai-compatible';

/** `cline`, on chat completions. */
export const cline: AgentClient = {
  name: 'Cline',
  dialect: 'openai-chat',
  ownTool: 'editor',
  replaysReasoning: true,
  // Only where the cut reaches it together with the headers.
  retriesCutStreams: false,
  readCall: ({ project }, path) => call('read_files', { files: [{ path: join(project, path) }] }),
  editCall: ({ project }, path, from, to) =>
    call('editor', { path: join(project, path), old_text: from, new_text: to }),
  createCall: ({ project }, path, content) => call('editor', { path: join(project, path), new_text: content }),
  async run(stage, prompt, model = defaultModel) {
    await stage.configure('.cline/data/settings/global-settings.json', {
      telemetryOptOut: true,
      autoUpdateEnabled: false,
    });
    const launch = (...args: readonly string[]) =>
      runClient({
        command: process.execPath,
        args: [packageFile('cline', 'bin', 'cline'), ...args],
        cwd: stage.project,
        // Without `local` it leaves a daemon behind that outlives its process group.
        env: { ...stage.env, CLINE_SESSION_BACKEND_MODE: 'local', CLINE_NO_AUTO_UPDATE: '1' },
      });
    const url = `${stage.proxy.url}/v1`;
    const signIn = ['--provider', provider, '--apikey', clientKey, '--modelid', model, '--baseurl', url];
    const signedIn = await launch('auth', ...signIn);
    return signedIn.code === 0 ? launch('--json', '--provider', provider, prompt) : signedIn;
  },
};
