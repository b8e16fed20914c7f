import { type Client, openAiBase } from './client.ts';

export const aider: Client = {
  id: 'aider',
  name: 'aider',
  wire: 'chat',
  commands: ['aider'],
  extensions: [],
  snippet: (endpoint) => ({
    text: [
      `model: openai/${endpoint.model.id}`,
      `openai-api-base: ${openAiBase(endpoint)}`,
      `openai-api-key: ${endpoint.key}`,
      '',
    ].join('\n'),
    language: 'yaml',
    place: '~/.aider.conf.yml',
  }),
};
