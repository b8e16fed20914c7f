/**
 * Claude Code's model picker lists what begins with `claude` or `anthropic` and nothing else, so every model has a second
 * id: https://code.claude.com/docs/en/llm-gateway-protocol
 */
const discoveryPrefix = 'anthropic/';

/** The id under which Claude Code finds a model. */
export const discoveryId = (id: string): string => discoveryPrefix + id;

/** The model a client means, without the discovery prefix. */
export function modelAsked(asked: string | undefined): string | undefined {
  const name = asked?.trim();
  if (name === undefined || name === '') return undefined;
  return name.startsWith(discoveryPrefix) ? name.slice(discoveryPrefix.length) : name;
}
