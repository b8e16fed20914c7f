import { isJsonObject, type JsonObject } from '../core/json.ts';

const mark = { cache_control: { type: 'ephemeral' } } as const;

/** Whose hosts read marks: Qwen's own models. Elsewhere array content is lost or refused. */
export function takesCacheMarks(model: string): boolean {
  return /^qwen/i.test(model);
}

/**
 * Marks what Qwen's explicit cache should keep, where the client marked nothing itself: the system message, the last tool
 * and the last message, as qwen-code does. A hit costs a tenth of the input, a write a quarter more; marks need 1,024
 * tokens before them and live for 5 minutes. https://www.alibabacloud.com/help/en/model-studio/context-cache
 */
export function markForCache(body: JsonObject): JsonObject {
  const messages: readonly unknown[] = Array.isArray(body.messages) ? body.messages : [];
  const tools: readonly unknown[] = Array.isArray(body.tools) ? body.tools : [];
  if ([...tools, ...messages].some(isMarked)) return body;
  const system = messages.findLastIndex((message) => isJsonObject(message) && message.role === 'system');
  const last = messages.length - 1;
  return {
    ...body,
    messages: messages.map((message, index) => (index === system || index === last ? marked(message) : message)),
    ...(tools.length > 0 && { tools: [...tools.slice(0, -1), markedTool(tools.at(-1))] }),
  };
}

const isMarked = (value: unknown): boolean =>
  isJsonObject(value) &&
  (value.cache_control !== undefined || (Array.isArray(value.content) && value.content.some(isMarked)));

const markedTool = (tool: unknown): unknown => (isJsonObject(tool) ? { ...tool, ...mark } : tool);

/** A mark stands on a content part; a tool's result has none, and an assistant's message without text neither. */
function marked(message: unknown): unknown {
  if (!isJsonObject(message) || message.role === 'tool') return message;
  const { content } = message;
  if (typeof content === 'string' && content !== '')
    return { ...message, content: [{ type: 'text', text: content, ...mark }] };
  if (!Array.isArray(content)) return message;
  const parts: readonly unknown[] = content;
  const last = parts.at(-1);
  return isJsonObject(last) ? { ...message, content: [...parts.slice(0, -1), { ...last, ...mark }] } : message;
}
