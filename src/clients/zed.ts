import { type Client, openAiBase, providerName } from './client.ts';

export const zed: Client = {
  id: 'zed',
  name: 'Zed',
  wire: 'chat',
  commands: ['zed', 'zeditor'],
  extensions: [],
  snippet: (endpoint) => {
    const { id, name, contextWindow, vision } = endpoint.model;
    const model = {
      name: id,
      display_name: name,
      max_tokens: contextWindow ?? 131_072,
      capabilities: { tools: true, images: vision ?? false, parallel_tool_calls: true, prompt_cache_key: false },
    };
    const provider = { api_url: openAiBase(endpoint), available_models: [model] };
    const settings = { language_models: { openai_compatible: { [providerName]: provider } } };
    return {
      // Zed keeps keys in the system's keyring: https://zed.dev/docs/ai/llm-providers
      text: `// API key, to be entered in Agent › Settings: ${endpoint.key}\n${JSON.stringify(settings, undefined, 2)}\n`,
      language: 'jsonc',
      place: 'Zed › settings.json',
    };
  },
};
