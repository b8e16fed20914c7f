import { type Client, openAiBase } from './client.ts';

/** Cline reads a broken store as “signed out”, so its own command writes it. */
export const cline: Client = {
  id: 'cline',
  name: 'Cline',
  wire: 'chat',
  commands: ['cline'],
  extensions: ['saoudrizwan.claude-dev'],
  command: (endpoint) => ({
    program: 'cline',
    arguments: [
      ...['auth', '--provider', 'openai-compatible', '--apikey', endpoint.key],
      ...['--modelid', endpoint.model.id, '--baseurl', openAiBase(endpoint)],
    ],
  }),
  snippet: (endpoint) => ({
    text: [
      'API Provider: OpenAI Compatible',
      `Base URL: ${openAiBase(endpoint)}`,
      `API Key: ${endpoint.key}`,
      `Model ID: ${endpoint.model.id}`,
      ...(endpoint.model.contextWindow === undefined ? [] : [`Context Window Size: ${endpoint.model.contextWindow}`]),
      '',
    ].join('\n'),
    language: 'yaml',
    place: 'Cline › Settings › API Configuration',
  }),
};
