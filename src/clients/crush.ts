import { type Client, openAiBase, providerId, providerName } from './client.ts';

/** `crushrc` is a script; what is in it is its user's to write. */
export const crush: Client = {
  id: 'crush',
  name: 'Crush',
  wire: 'chat',
  commands: ['crush'],
  extensions: [],
  snippet: (endpoint) => {
    const { id, name, contextWindow, maxOutput } = endpoint.model;
    const limits = [
      ...(contextWindow === undefined ? [] : [`--context-window ${contextWindow}`]),
      ...(maxOutput === undefined ? [] : [`--default-max-tokens ${maxOutput}`]),
    ];
    return {
      text: [
        `# ${providerName}`,
        `provider add ${providerId} --type openai-compat --base-url "${openAiBase(endpoint)}" --api-key "${endpoint.key}"`,
        [`model add ${providerId}/${id} --name "${name}"`, ...limits].join(' '),
        '',
      ].join('\n'),
      language: 'shellscript',
      place: '~/.config/crush/crushrc',
    };
  },
};
