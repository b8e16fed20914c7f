import { join } from 'node:path';
import { objectField, objectItems, stringField } from '../core/json.ts';
import { type Client, type ClientModel, type Endpoint, openAiBase, providerName } from './client.ts';
import { editJson, type JsonChange, readJson } from './edit-json.ts';

/** Holds the key in the file's own `env` block; providers name a variable, never a key. */
const keyVariable = 'QWEN_PROXY_API_KEY';
const timeoutMs = 600_000;

const entry = (endpoint: Endpoint, { id, contextWindow }: ClientModel) => ({
  id,
  name: `${endpoint.model.name} (${providerName})`,
  envKey: keyVariable,
  baseUrl: openAiBase(endpoint),
  generationConfig: {
    timeout: timeoutMs,
    ...(contextWindow !== undefined && { contextWindowSize: contextWindow }),
  },
});

/** https://qwenlm.github.io/qwen-code-docs/en/users/configuration/model-providers: the provider holds a bare array. */
function changes(text: string, endpoint: Endpoint): readonly JsonChange[] | undefined {
  const file = readJson(text);
  if (file === undefined) return undefined;
  const providers = objectField(file, 'modelProviders') ?? {};
  if (providers.openai !== undefined && !Array.isArray(providers.openai)) return undefined;
  const present: readonly unknown[] = providers.openai ?? [];
  const isOurs = (item: unknown) => objectItems({ items: [item] }, 'items')[0]?.envKey === keyVariable;
  const ours = present.findIndex(isOurs);
  const place = ours < 0 ? present.length : ours;
  const list: JsonChange =
    providers.openai === undefined
      ? [['modelProviders', 'openai'], [entry(endpoint, endpoint.model)]]
      : [['modelProviders', 'openai', place], entry(endpoint, endpoint.model)];
  return [
    [['env', keyVariable], endpoint.key],
    list,
    [['security', 'auth', 'selectedType'], 'openai'],
    [['model', 'name'], endpoint.model.id],
  ];
}

function edit(text: string, endpoint: Endpoint): string | undefined {
  const wanted = changes(text, endpoint);
  return wanted && editJson(text, wanted);
}

export const qwenCode: Client = {
  id: 'qwen-code',
  name: 'Qwen Code',
  wire: 'chat',
  commands: ['qwen'],
  extensions: ['qwenlm.qwen-code-vscode-ide-companion'],
  file: {
    format: 'JSON',
    paths: ({ home }) => [join(home, '.qwen', 'settings.json')],
    read(text) {
      const file = readJson(text);
      if (file === undefined) return undefined;
      const model = stringField(objectField(file, 'model') ?? {}, 'name');
      const isOpenAi = objectField(objectField(file, 'security') ?? {}, 'auth')?.selectedType === 'openai';
      const models = isOpenAi ? objectItems(objectField(file, 'modelProviders') ?? {}, 'openai') : [];
      const chosen = models.find((each) => each.id === model) ?? {};
      const baseUrl = stringField(chosen, 'baseUrl');
      const key = stringField(objectField(file, 'env') ?? {}, stringField(chosen, 'envKey') ?? '');
      return { ...(baseUrl && { baseUrl }), ...(key && { key }), ...(model && { model }) };
    },
    edit,
  },
  snippet: (endpoint) => ({ text: edit('', endpoint) ?? '', language: 'json', place: '~/.qwen/settings.json' }),
};
