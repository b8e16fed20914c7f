import { isJsonObject } from '../../core/json.ts';

/** A message as the editor gives it; its parts are told apart by their fields, because older editors lack some classes. */
export interface EditorMessage {
  readonly role: number;
  readonly content: readonly unknown[];
}

type UserPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string } };

/** A message of Chat Completions. */
export type ChatMessage =
  | { readonly role: 'system'; readonly content: string }
  | { readonly role: 'user'; readonly content: string | readonly UserPart[] }
  | { readonly role: 'assistant'; readonly content: string | null; readonly tool_calls?: readonly object[] }
  | { readonly role: 'tool'; readonly tool_call_id: string; readonly content: string };

/** `LanguageModelChatMessageRole`; the editor's own chat also sends a number for `system` that the API does not name. */
const roles = { user: 1, assistant: 2 };

/** The editor's messages as a Chat Completions conversation. Parts that no model reads (cache marks, thinking) are left out. */
export function encodeMessages(messages: readonly EditorMessage[]): readonly ChatMessage[] {
  return messages.flatMap(({ role, content }) => {
    if (role === roles.assistant) return encodeAssistant(content);
    if (role === roles.user) return encodeUser(content);
    const text = textOf(content);
    return text === '' ? [] : [{ role: 'system', content: text }];
  });
}

function encodeAssistant(content: readonly unknown[]): ChatMessage[] {
  const text = textOf(content);
  const calls = content.filter(isToolCall).map(({ callId, name, input }) => ({
    id: callId,
    type: 'function',
    function: { name, arguments: JSON.stringify(input ?? {}) },
  }));
  if (text === '' && calls.length === 0) return [];
  const body = text === '' ? null : text;
  return [{ role: 'assistant', content: body, ...(calls.length > 0 && { tool_calls: calls }) }];
}

/** Tool results come inside user messages and have to follow the call; images in them have a place in a user message only. */
function encodeUser(content: readonly unknown[]): ChatMessage[] {
  const results = content.filter(isToolResult);
  const said = [...results.flatMap((result) => result.content.filter(isImage)), ...content];
  const parts = said.flatMap(toUserParts);
  const hasImage = parts.some(({ type }) => type === 'image_url');
  return [
    ...results.map(
      ({ callId, content: value }): ChatMessage => ({ role: 'tool', tool_call_id: callId, content: textOf(value) }),
    ),
    ...(parts.length === 0
      ? []
      : [
          {
            role: 'user' as const,
            content: hasImage ? parts : parts.map((part) => ('text' in part ? part.text : '')).join(''),
          },
        ]),
  ];
}

function toUserParts(part: unknown): UserPart[] {
  if (isImage(part)) {
    const url = `data:${part.mimeType};base64,${Buffer.from(part.data).toString('base64')}`;
    return [{ type: 'image_url', image_url: { url } }];
  }
  const text = partText(part);
  return text === '' ? [] : [{ type: 'text', text }];
}

/** The text of all parts that have one. */
export function textOf(content: readonly unknown[]): string {
  return content.map(partText).join('');
}

function partText(part: unknown): string {
  if (!isJsonObject(part) || isToolCall(part) || isToolResult(part)) return '';
  if (isData(part)) {
    const isText = part.mimeType.startsWith('text/') || part.mimeType === 'application/json';
    return isText ? new TextDecoder().decode(part.data) : '';
  }
  // Thinking carries these; a model is not told its own thoughts as something that was said.
  if ('id' in part || 'metadata' in part || part.value === undefined) return '';
  return typeof part.value === 'string' ? part.value : JSON.stringify(part.value);
}

const isToolCall = (part: unknown): part is { callId: string; name: string; input: unknown } =>
  isJsonObject(part) && typeof part.callId === 'string' && typeof part.name === 'string';

const isToolResult = (part: unknown): part is { callId: string; content: readonly unknown[] } =>
  isJsonObject(part) && typeof part.callId === 'string' && Array.isArray(part.content);

const isData = (part: unknown): part is { mimeType: string; data: Uint8Array } =>
  isJsonObject(part) && typeof part.mimeType === 'string' && part.data instanceof Uint8Array;

const isImage = (part: unknown): part is { mimeType: string; data: Uint8Array } =>
  isData(part) && part.mimeType.startsWith('image/');

/** How many images the parts hold, those in tool results included. */
export function imageCount(content: readonly unknown[]): number {
  return content.reduce<number>(
    (count, part) => count + (isImage(part) ? 1 : isToolResult(part) ? imageCount(part.content) : 0),
    0,
  );
}

/** Everything a model reads of a message, as one text: for counting. */
export function allText(content: readonly unknown[]): string {
  return content
    .map((part) => {
      if (isToolCall(part)) return part.name + JSON.stringify(part.input ?? {});
      return isToolResult(part) ? textOf(part.content) : partText(part);
    })
    .join('');
}
