import { type Client, openAiBase } from './client.ts';

/** The editor keeps this file's keys apart from it, so it is not ours to edit; our models are in the same picker anyway. */
export const copilotChat: Client = {
  id: 'copilot-chat',
  name: 'Copilot Chat',
  wire: 'chat',
  commands: [],
  extensions: ['github.copilot-chat'],
  snippet: (endpoint) => {
    const { id, name, contextWindow, maxOutput, vision } = endpoint.model;
    const model = {
      id,
      name,
      url: `${openAiBase(endpoint)}/chat/completions`,
      toolCalling: true,
      vision: vision ?? false,
      ...(contextWindow !== undefined && { contextWindow }),
      ...(maxOutput !== undefined && { maxOutputTokens: maxOutput }),
    };
    const group = { name: 'Qwen Proxy', vendor: 'customendpoint', apiType: 'chat-completions', models: [model] };
    const entry = { ...group, apiKey: endpoint.key };
    return {
      text: `${JSON.stringify([entry], undefined, 2)}\n`,
      language: 'json',
      place: 'Chat: Manage Language Models › Add Models › Custom Endpoint',
    };
  },
};
