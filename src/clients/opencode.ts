import { join } from 'node:path';
import { objectField, stringField } from '../core/json.ts';
import { type Client, type Endpoint, openAiBase, providerId, providerName } from './client.ts';
import { editJson, type JsonChange, readJson } from './edit-json.ts';

/** https://opencode.ai/docs/providers#custom-provider */
const changes = (text: string, endpoint: Endpoint): readonly JsonChange[] => {
  const { id, name, contextWindow, maxOutput } = endpoint.model;
  const provider = ['provider', providerId];
  const hasLimits = contextWindow !== undefined && maxOutput !== undefined;
  const limit: readonly JsonChange[] = hasLimits
    ? [[[...provider, 'models', id, 'limit'], { context: contextWindow, output: maxOutput }]]
    : [];
  return [
    [['$schema'], readJson(text)?.$schema ?? 'https://opencode.ai/config.json'],
    [[...provider, 'npm'], '@ai-sdk/openai-compatible'],
    [[...provider, 'name'], providerName],
    [[...provider, 'options', 'baseURL'], openAiBase(endpoint)],
    [[...provider, 'options', 'apiKey'], endpoint.key],
    [[...provider, 'models', id, 'name'], name],
    ...limit,
    [['model'], `${providerId}/${id}`],
  ];
};

export const opencode: Client = {
  id: 'opencode',
  name: 'opencode',
  wire: 'chat',
  commands: ['opencode'],
  extensions: ['sst-dev.opencode'],
  file: {
    format: 'JSON',
    paths: ({ home, environment }) => {
      const folder = join(environment.XDG_CONFIG_HOME || join(home, '.config'), 'opencode');
      const named = environment.OPENCODE_CONFIG;
      return [...(named ? [named] : []), join(folder, 'opencode.json'), join(folder, 'opencode.jsonc')];
    },
    read(text) {
      const file = readJson(text);
      if (file === undefined) return undefined;
      const [name = '', ...rest] = (stringField(file, 'model') ?? '').split('/');
      const model = rest.join('/');
      const provider = objectField(objectField(file, 'provider') ?? {}, name) ?? {};
      const options = objectField(provider, 'options') ?? {};
      const baseUrl = stringField(options, 'baseURL');
      const key = stringField(options, 'apiKey');
      return { ...(baseUrl && { baseUrl }), ...(key && { key }), ...(model && { model }) };
    },
    edit: (text, endpoint) => editJson(text, changes(text, endpoint)),
  },
  snippet: (endpoint) => ({
    text: editJson('', changes('', endpoint)) ?? '',
    language: 'json',
    place: '~/.config/opencode/opencode.json',
  }),
};
