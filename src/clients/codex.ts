import { join } from 'node:path';
import { objectField, stringField } from '../core/json.ts';
import { type Client, type Endpoint, openAiBase, providerId, providerName } from './client.ts';
import { editToml, readToml } from './edit-toml.ts';

/** Longer than Codex's own five minutes: a model may think in silence, and the proxy keeps the stream alive. */
const streamIdleTimeoutMs = 600_000;

/** https://github.com/openai/codex/blob/main/docs/config.md: providers are read from the user's file only. */
function edit(text: string, endpoint: Endpoint): string | undefined {
  const { id, contextWindow } = endpoint.model;
  const top = {
    model: id,
    model_provider: providerId,
    ...(contextWindow !== undefined && { model_context_window: contextWindow }),
  };
  const values = {
    name: providerName,
    base_url: openAiBase(endpoint),
    wire_api: 'responses',
    experimental_bearer_token: endpoint.key,
    stream_idle_timeout_ms: streamIdleTimeoutMs,
  };
  return editToml(text, top, { parent: 'model_providers', name: providerId, values });
}

export const codex: Client = {
  id: 'codex',
  name: 'Codex',
  wire: 'responses',
  commands: ['codex'],
  extensions: ['openai.chatgpt'],
  file: {
    format: 'TOML',
    paths: ({ home, environment }) => [join(environment.CODEX_HOME || join(home, '.codex'), 'config.toml')],
    read(text) {
      const file = readToml(text);
      if (file === undefined) return undefined;
      const name = stringField(file, 'model_provider') ?? '';
      const provider = objectField(objectField(file, 'model_providers') ?? {}, name) ?? {};
      const baseUrl = stringField(provider, 'base_url') ?? stringField(file, 'openai_base_url');
      const key = stringField(provider, 'experimental_bearer_token');
      const model = stringField(file, 'model');
      return { ...(baseUrl && { baseUrl }), ...(key && { key }), ...(model && { model }) };
    },
    edit,
  },
  snippet: (endpoint) => ({
    text: edit('', endpoint) ?? '',
    language: 'toml',
    place: '~/.codex/config.toml',
  }),
};
