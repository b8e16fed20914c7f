import { isJsonObject, type JsonObject, objectField, objectItems } from '../core/json.ts';
import { withoutBillingHeader } from '../wire/anthropic-messages.ts';
import { readSignature } from '../wire/thinking-signature.ts';
import { chatModel } from './chat-model.ts';

/** The surface serves Qwen's own models well; DeepSeek hangs on it (PIA), and of the others nothing is known. */
export function speaksAnthropicNatively(model: string): boolean {
  return /^qwen/i.test(model);
}

export interface NativeTarget {
  readonly model: string;
  /** Whose signatures of thinking the account's endpoint will know again. */
  readonly account: string;
}

/** Fields that were seen to work, or that Model Studio documents for this surface. */
const provenFields = new Set([
  'model',
  'messages',
  'system',
  'max_tokens',
  'stream',
  'temperature',
  'top_p',
  'top_k',
  'tools',
  'tool_choice',
  'thinking',
  'stop_sequences',
  'metadata',
]);

/** Fields that change nothing of an answer: left out, they are no reason to translate. */
const idleFields = new Set(['cache_control', 'context_management', 'service_tier', 'betas', 'diagnostics']);
const provenToolFields = new Set(['name', 'description', 'input_schema', 'cache_control', 'type']);

/** Whether everything in a body was proven to work on Qwen's Anthropic surface; anything else is translated. */
export function isProvenForAnthropic(body: JsonObject, model: string): boolean {
  const { isTextOnly } = chatModel(model);
  const fields = Object.keys(body).filter((name) => body[name] !== null && body[name] !== undefined);
  return (
    speaksAnthropicNatively(model) &&
    fields.every((name) => provenFields.has(name) || idleFields.has(name)) &&
    isProvenThinking(objectField(body, 'thinking')) &&
    objectItems(body, 'tools').every(isProvenTool) &&
    objectItems(body, 'messages').every(
      ({ role, content }) =>
        (role === 'user' || role === 'assistant') && isProvenContent(content, { isTextOnly, mayUseTools: true }),
    ) &&
    isProvenContent(body.system ?? '', { isTextOnly: true, mayUseTools: false })
  );
}

function isProvenThinking(thinking: JsonObject | undefined): boolean {
  return thinking === undefined || thinking.type === 'disabled' || (thinking.type === 'enabled' && !thinking.display);
}

function isProvenTool(tool: JsonObject): boolean {
  const isFunction = (tool.type ?? 'custom') === 'custom' && isJsonObject(tool.input_schema);
  // Qwen refuses a tool of this name; the translated way gives it another.
  return isFunction && tool.name !== 'search' && Object.keys(tool).every((name) => provenToolFields.has(name));
}

function isProvenContent(
  content: unknown,
  place: { readonly isTextOnly: boolean; readonly mayUseTools: boolean },
): boolean {
  if (typeof content === 'string') return true;
  if (!Array.isArray(content)) return false;
  return objectItems({ content }, 'content').every((block) => {
    switch (block.type) {
      case 'text':
        return true;
      case 'image':
        return !place.isTextOnly && ['base64', 'url'].includes(String(objectField(block, 'source')?.type));
      case 'thinking':
      case 'redacted_thinking':
      case 'tool_use':
        return place.mayUseTools;
      case 'tool_result':
        return place.mayUseTools && isProvenContent(block.content ?? '', { ...place, mayUseTools: false });
      default:
        return false;
    }
  });
}

/** A client's body as the surface takes it: everything stays but the model, the stream, and what is refused or nobody's. */
export function editAnthropicRequest(body: JsonObject, target: NativeTarget): JsonObject {
  const { maxOutput, thinkingBudgetMax } = chatModel(target.model);
  const edited: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body)) if (value !== null && !idleFields.has(name)) edited[name] = value;
  const { max_tokens: limit, temperature, thinking } = body;
  return {
    ...edited,
    model: target.model,
    stream: true,
    ...editPrompt(body, target),
    ...(typeof limit === 'number' && maxOutput !== undefined && { max_tokens: Math.min(limit, maxOutput) }),
    ...(typeof temperature === 'number' && { temperature: Math.min(temperature, 1.99) }),
    ...(isJsonObject(thinking) && { thinking: clampThinking(thinking, thinkingBudgetMax) }),
  };
}

/** The body of a count; `undefined` where the surface was not seen to take it. */
export function editCountRequest(body: JsonObject, model: string): JsonObject | undefined {
  if (!isProvenForAnthropic(body, model)) return undefined;
  const { tools, tool_choice: choice } = body;
  return {
    model,
    messages: body.messages,
    ...editPrompt(body, { model, account: '' }),
    ...(Array.isArray(tools) && tools.length > 0 && { tools }),
    ...(isJsonObject(choice) && { tool_choice: choice }),
  };
}

function clampThinking(thinking: JsonObject, maximum = Number.POSITIVE_INFINITY): JsonObject {
  const { budget_tokens: budget } = thinking;
  return typeof budget === 'number' ? { ...thinking, budget_tokens: Math.min(budget, maximum) } : thinking;
}

function editPrompt({ system, messages }: JsonObject, { account }: NativeTarget): JsonObject {
  const given: readonly unknown[] = Array.isArray(messages) ? messages : [];
  return {
    ...(system !== undefined && system !== null && { system: editSystem(system) }),
    messages: given.map((message) => (isJsonObject(message) ? withOwnThinking(message, account) : message)),
  };
}

function editSystem(system: unknown): unknown {
  if (typeof system === 'string') return withoutBillingHeader(system);
  if (!Array.isArray(system)) return system;
  const blocks: readonly unknown[] = system;
  return blocks.flatMap((block) => {
    if (!isJsonObject(block) || typeof block.text !== 'string') return [block];
    const text = withoutBillingHeader(block.text);
    if (text === block.text) return [block];
    return text === '' ? [] : [{ ...block, text }];
  });
}

/** Thinking that another lane, account or vendor signed would be refused: it is left out. */
function withOwnThinking(message: JsonObject, account: string): JsonObject {
  const { content } = message;
  if (!Array.isArray(content) || !content.some(isThinking)) return message;
  const blocks: readonly unknown[] = content;
  return {
    ...message,
    content: blocks.flatMap((block) => {
      if (!isThinking(block)) return [block];
      const name = block.type === 'thinking' ? 'signature' : 'data';
      const signed = readSignature(block[name]);
      return signed?.kind === 'native' && signed.account === account ? [{ ...block, [name]: signed.original }] : [];
    }),
  };
}

const isThinking = (block: unknown): block is JsonObject =>
  isJsonObject(block) && (block.type === 'thinking' || block.type === 'redacted_thinking');
