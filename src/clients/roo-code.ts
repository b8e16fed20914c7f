import { type Client, openAiBase, providerId } from './client.ts';

/** Roo Code (ended in 2026) and its successor Zoo Code import profiles from a file; Kilo Code takes the same values by hand. */
export const rooCode: Client = {
  id: 'roo-code',
  name: 'Zoo Code, Roo Code, Kilo Code',
  wire: 'chat',
  commands: ['kilo', 'kilocode'],
  extensions: ['rooveterinaryinc.roo-cline', 'zoocodeorganization.zoo-code', 'kilocode.kilo-code'],
  snippet: (endpoint) => {
    const { id, contextWindow, maxOutput, vision } = endpoint.model;
    const profile = {
      id: providerId,
      apiProvider: 'openai',
      openAiBaseUrl: openAiBase(endpoint),
      openAiApiKey: endpoint.key,
      openAiModelId: id,
      openAiCustomModelInfo: {
        ...(contextWindow !== undefined && { contextWindow }),
        ...(maxOutput !== undefined && { maxTokens: maxOutput }),
        supportsImages: vision ?? false,
        supportsPromptCache: false,
      },
    };
    const profiles = { currentApiConfigName: providerId, apiConfigs: { [providerId]: profile } };
    return {
      text: `${JSON.stringify({ providerProfiles: profiles, globalSettings: {} }, undefined, 2)}\n`,
      language: 'json',
      place: 'Settings › Import',
    };
  },
};
