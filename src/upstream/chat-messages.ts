import { isJsonObject, type JsonObject, objectItems, omit } from '../core/json.ts';
import { isTextField } from '../core/lazy-json.ts';
import { takesCacheMarks } from './chat-cache-marks.ts';
import type { ChatModel } from './chat-model.ts';
import { refusal } from './chat-refusal.ts';
import { repairToolMessages } from './chat-repair.ts';
import { renameFunction, type ToolRenames } from './chat-tools.ts';

export interface MessageOptions {
  readonly model: ChatModel;
  readonly renames: ToolRenames;
  /** Wishes that Qwen has no field for, in words. */
  readonly instructions: readonly string[];
}

/**
 * A client's messages as the model takes them; what it takes already comes back as the same values.
 * @throws GatewayError naming `messages[i].content[j]` for a picture that the model cannot see.
 */
export function editMessages(
  messages: readonly unknown[],
  { model, renames, instructions }: MessageOptions,
): readonly unknown[] {
  const edited: unknown[] = [];
  let seen: unknown[] = [];
  for (const [index, message] of messages.entries()) {
    if (!isJsonObject(message)) {
      edited.push(message);
      continue;
    }
    if (message.role !== 'tool' && seen.length > 0) {
      edited.push({ role: 'user', content: seen });
      seen = [];
    }
    const plain = withOneReasoning(
      withoutNulls(message.role === 'developer' ? { ...message, role: 'system' } : message),
    );
    if (isTextField(plain, 'content')) edited.push(renameCalls(plain, renames));
    else if (message.role === 'tool') {
      const { text, media } = readToolContent(plain.content, `messages[${index}].content`, model);
      seen.push(...media);
      edited.push(text === plain.content ? plain : { ...plain, content: text });
    } else edited.push(renameCalls(flatten(plain, index, model), renames));
  }
  if (seen.length > 0) edited.push({ role: 'user', content: seen });
  const repaired = repairToolMessages(edited);
  const instructed = instructions.length === 0 ? repaired : insertInstructions(repaired, instructions.join('\n'));
  return someoneWaits(instructed) ? instructed : [...instructed, { role: 'user', content: 'Continue.' }];
}

/** The SDKs send `refusal: null`, `audio: null` and the like back; `content: null` beside tool calls means something. */
function withoutNulls(message: JsonObject): JsonObject {
  const nothing = Object.keys(message).filter((name) => {
    if (name === 'content') return false;
    const value = message[name];
    return value === null || (name === 'tool_calls' && Array.isArray(value) && value.length === 0);
  });
  return nothing.length > 0 ? omit(message, nothing) : message;
}

/** Qwen Code sends the same thinking under OpenRouter's name too: once is enough to pay for. */
function withOneReasoning(message: JsonObject): JsonObject {
  if (message.role !== 'assistant' || typeof message.reasoning !== 'string') return message;
  const { reasoning, ...rest } = message;
  return { ...rest, reasoning_content: message.reasoning_content ?? reasoning };
}

/** "input content must be a string.": text parts become one text, unless they carry marks of the explicit cache. */
function flatten(message: JsonObject, index: number, model: ChatModel): JsonObject {
  const { content } = message;
  if (!Array.isArray(content)) return message;
  refuseUnreadable(content, `messages[${index}].content`, model);
  if (!(model.isTextOnly || model.losesParts)) return message;
  const isMarked = content.some((part) => isJsonObject(part) && isJsonObject(part.cache_control));
  return isMarked && takesCacheMarks(model.id) ? message : flattenText(message);
}

/** A message whose parts are all text, with one string in their place; any other comes back as it is. */
export function flattenText(message: JsonObject): JsonObject {
  const { content } = message;
  return Array.isArray(content) && content.every(isText) ? { ...message, content: textOf(content) } : message;
}

/** A tool's result is a string on every model; pictures in it are shown after the results, where the model can see. */
function readToolContent(content: unknown, param: string, model: ChatModel) {
  if (!Array.isArray(content)) return { text: content, media: [] };
  refuseUnreadable(content, param, model);
  const media = content.filter((part) => isJsonObject(part) && !isText(part));
  const text = textOf(content.filter(isText));
  return { text: media.length === 0 || text !== '' ? text : 'The result is shown in the next message.', media };
}

function refuseUnreadable(parts: readonly unknown[], param: string, model: ChatModel): void {
  for (const [index, part] of parts.entries()) {
    if (!isJsonObject(part) || isText(part)) continue;
    const type = typeof part.type === 'string' ? part.type : 'unknown';
    if (model.isTextOnly)
      throw refusal(
        `${param}[${index}]`,
        `The model ${model.id} reads text only, and this part is of type "${type}": choose a model with vision, or leave it out.`,
      );
    if (type === 'file' && !model.takesFiles)
      throw refusal(
        `${param}[${index}]`,
        `The model ${model.id} reads no PDF: send its text, or choose a model of the qwen3.8 generation.`,
      );
  }
}

/** Whether any message has a part that is no text: a picture, a film, sound. */
export function showsSomething(body: JsonObject): boolean {
  return objectItems(body, 'messages').some((message) => {
    if (isTextField(message, 'content')) return false;
    const { content } = message;
    return Array.isArray(content) && content.some((part) => isJsonObject(part) && !isText(part));
  });
}

const isText = (part: unknown): boolean => typeof partText(part) === 'string';

function partText(part: unknown): unknown {
  if (!isJsonObject(part)) return part;
  return part.type === 'refusal'
    ? part.refusal
    : part.type === 'text' || part.type === undefined
      ? part.text
      : undefined;
}

const textOf = (parts: readonly unknown[]): string => parts.map(partText).join('\n');

function renameCalls(message: JsonObject, renames: ToolRenames): JsonObject {
  if (renames.size === 0 || !Array.isArray(message.tool_calls)) return message;
  return { ...message, tool_calls: message.tool_calls.map((call) => renameFunction(call, renames)) };
}

/**
 * Instructions stand before the last user message: what the upstream has cached of the conversation stays its prefix,
 * and a loop of tool calls does not push them on.
 */
export function insertInstructions(messages: readonly unknown[], text: string): readonly unknown[] {
  const isRole = (role: string) => (message: unknown) => isJsonObject(message) && message.role === role;
  const lastUser = messages.findLastIndex(isRole('user'));
  const firstOther = messages.findIndex((message) => !isRole('system')(message));
  const place = lastUser !== -1 ? lastUser : firstOther === -1 ? messages.length : firstOther;
  return [...messages.slice(0, place), { role: 'system', content: text }, ...messages.slice(place)];
}

/** Where nobody waits for an answer, Qwen fails with "list index out of range". */
function someoneWaits(messages: readonly unknown[]): boolean {
  const last = messages.at(-1);
  if (!isJsonObject(last)) return true;
  return last.role === 'assistant' ? last.partial === true : last.role !== 'system';
}
