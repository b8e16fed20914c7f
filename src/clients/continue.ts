import { join } from 'node:path';
import { isMap, isSeq, parseDocument, stringify } from 'yaml';
import { isJsonObject, type JsonObject, objectItems, stringField } from '../core/json.ts';
import { type Client, type Endpoint, openAiBase, providerName } from './client.ts';

/** https://docs.continue.dev/reference: `name`, `version` and `schema` are required. */
const head = { name: 'Local Config', version: '1.0.0', schema: 'v1' };

function entry(endpoint: Endpoint): JsonObject {
  const { id, contextWindow, maxOutput } = endpoint.model;
  const limits = {
    ...(contextWindow !== undefined && { contextLength: contextWindow }),
    ...(maxOutput !== undefined && { maxTokens: maxOutput }),
  };
  return {
    name: providerName,
    provider: 'openai',
    model: id,
    apiBase: openAiBase(endpoint),
    apiKey: endpoint.key,
    roles: ['chat', 'edit', 'apply'],
    capabilities: ['tool_use'],
    ...(Object.keys(limits).length > 0 && { defaultCompletionOptions: limits }),
  };
}

function readYaml(text: string): JsonObject | undefined {
  const document = parseDocument(text);
  if (document.errors.length > 0) return undefined;
  const value: unknown = document.toJS() ?? {};
  return isJsonObject(value) ? value : undefined;
}

function edit(text: string, endpoint: Endpoint): string | undefined {
  if (readYaml(text) === undefined) return undefined;
  const document = parseDocument(text);
  if (document.contents === null) {
    const fresh = stringify({ ...head, models: [entry(endpoint)] });
    return text.trim() === '' ? fresh : `${text.trimEnd()}\n${fresh}`;
  }
  if (!isMap(document.contents)) return undefined;
  if (!document.has('models') || document.get('models') === null) document.set('models', document.createNode([]));
  const models: unknown = document.get('models', true);
  if (!isSeq(models)) return undefined;
  const ours = models.items.find((item) => isMap(item) && item.get('name') === providerName);
  if (isMap(ours)) {
    for (const [name, value] of Object.entries(entry(endpoint))) {
      // A plain value takes the old one's place and keeps its comment; lists may be the user's own choice by now.
      if (typeof value === 'string') ours.set(name, value);
      else if (!ours.has(name)) ours.set(name, document.createNode(value));
    }
  } else models.add(document.createNode(entry(endpoint)));
  if (models.items.length === 1) models.flow = false;
  // A list may stand under its key or below it, and neither is ours to change.
  const indentSeq = !/^\w+:[^\S\n]*(#.*)?\r?\n- /m.test(text);
  const edited = document.toString({ lineWidth: 0, indentSeq, flowCollectionPadding: !/\[\S/.test(text) });
  return text.includes('\r\n') ? edited.replace(/\r?\n/g, '\r\n') : edited;
}

export const continueDev: Client = {
  id: 'continue',
  name: 'Continue',
  wire: 'chat',
  commands: ['cn'],
  extensions: ['continue.continue'],
  file: {
    format: 'YAML',
    paths: ({ home }) => [join(home, '.continue', 'config.yaml'), join(home, '.continue', 'config.yml')],
    hides: ({ home }) => [join(home, '.continue', 'config.json'), join(home, '.continue', 'config.ts')],
    read(text) {
      const file = readYaml(text);
      if (file === undefined) return undefined;
      const ours = objectItems(file, 'models').find((model) => model.name === providerName) ?? {};
      const [baseUrl, key, model] = ['apiBase', 'apiKey', 'model'].map((name) => stringField(ours, name));
      return { ...(baseUrl && { baseUrl }), ...(key && { key }), ...(model && { model }) };
    },
    edit,
  },
  snippet: (endpoint) => ({
    text: stringify({ ...head, models: [entry(endpoint)] }),
    language: 'yaml',
    place: '~/.continue/config.yaml',
  }),
};
