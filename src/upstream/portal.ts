import { isJsonObject, type JsonObject } from '../core/json.ts';

/**
 * Messages as the sign-in portal wants them: exactly one system message, first, whose content is an array with a
 * `cache_control` part; anything else is refused with 400 (CLIProxyAPI ensureQwenSystemMessage, 9router). Later system
 * messages keep their place as user text, because moving them would change what the model reads when.
 */
export function editPortalMessages(messages: readonly unknown[]): readonly unknown[] {
  const isSystem = (message: unknown): message is JsonObject => isJsonObject(message) && message.role === 'system';
  const firstOther = messages.findIndex((message) => !isSystem(message));
  const leading = messages.slice(0, firstOther === -1 ? messages.length : firstOther).filter(isSystem);
  const parts = leading.flatMap((message) => toParts(message.content));
  const last = parts.at(-1) ?? { type: 'text', text: 'You are a helpful assistant.' };
  const system = {
    role: 'system',
    content: [...parts.slice(0, -1), { ...last, cache_control: { type: 'ephemeral' } }],
  };
  const rest = messages
    .slice(leading.length)
    .map((message) => (isSystem(message) ? { ...message, role: 'user' } : message));
  return [system, ...rest];
}

function toParts(content: unknown): readonly JsonObject[] {
  if (Array.isArray(content)) return content.filter(isJsonObject);
  return typeof content === 'string' && content !== '' ? [{ type: 'text', text: content }] : [];
}
