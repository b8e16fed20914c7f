import { isJsonObject, type JsonObject, objectItems, stringField } from '../../core/json.ts';
import { withoutBillingHeader } from '../../wire/anthropic-messages.ts';
import { readSignature } from '../../wire/thinking-signature.ts';
import { type ChatPart, readContent, textOf } from './request-content.ts';

/** Chat messages, and for each the client's spelling of it and of its parts. */
export interface ChatMessages {
  readonly messages: readonly JsonObject[];
  /** @param index of a chat message. @param part of its content. */
  pathOf(index: number, part?: number): string | undefined;
  /** Thinking of earlier turns goes along. */
  readonly hasReasoning: boolean;
}

interface Placed {
  readonly message: JsonObject;
  readonly path: string;
  readonly parts?: readonly string[];
}

/** Qwen's explicit cache takes so many marks (Context cache page). */
const maximumMarks = 4;

/** System prompt and messages in Chat Completions' order: a tool's results stand before what else their message says. */
export function translateMessages(body: JsonObject): ChatMessages {
  const system = readContent(body.system, 'system').flatMap((given) => {
    if (typeof given.part.text !== 'string') return [given];
    const text = withoutBillingHeader(given.part.text);
    return text === '' ? [] : [{ ...given, part: { ...given.part, text } }];
  });
  const messages: readonly unknown[] = Array.isArray(body.messages) ? body.messages : [];
  const conversation = messages.flatMap((message, index) =>
    isJsonObject(message) ? readMessage(message, `messages.${index}`) : [],
  );
  const placed = keepLastMarks([
    ...(system.length === 0 ? [] : [placeParts('system', system, 'system')]),
    ...conversation.map((each, index) => (isLastOfTurn(conversation, index) ? asReminder(each) : each)),
  ]);
  const last = placed.at(-1);
  // What an assistant message at the end begins, the answer continues.
  const isContinued = last?.message.role === 'assistant' && typeof last.message.content === 'string' && !hasCalls(last);
  return {
    messages: placed.map(({ message }, index) =>
      isContinued && index === placed.length - 1 ? { ...message, partial: true } : message,
    ),
    pathOf: (index, part) => (part === undefined ? undefined : placed[index]?.parts?.[part]) ?? placed[index]?.path,
    hasReasoning: placed.some(({ message }) => message.reasoning_content !== undefined),
  };
}

const hasCalls = ({ message }: Placed) => message.tool_calls !== undefined;

function readMessage(message: JsonObject, path: string): readonly Placed[] {
  if (message.role === 'assistant') return readAssistant(message, path);
  const role = message.role === 'user' ? 'user' : 'system';
  const blocks: readonly unknown[] = Array.isArray(message.content) ? message.content : [];
  const results = blocks.flatMap((block, index) =>
    isJsonObject(block) && block.type === 'tool_result' ? [readToolResult(block, `${path}.content.${index}`)] : [],
  );
  const parts = readContent(withoutResults(message.content), `${path}.content`);
  return [...results, ...(parts.length === 0 ? [] : [placeParts(role, parts, path)])];
}

/** Results leave a gap, so that the other blocks keep their numbers. */
function withoutResults(content: unknown): unknown {
  if (!Array.isArray(content)) return content;
  const blocks: readonly unknown[] = content;
  return blocks.map((block) => (isJsonObject(block) && block.type === 'tool_result' ? undefined : block));
}

/**
 * One chat message of parts. Texts become one, joined the same way whether the client marks them for the cache or not: marks
 * move on with every turn, and what stands before them must stay the same to the byte.
 */
function placeParts(role: string, parts: readonly ChatPart[], path: string): Placed {
  const joined = joinTexts(parts);
  const [only] = joined;
  if (joined.length === 1 && only !== undefined && typeof only.part.text === 'string' && !only.isMarked)
    return { message: { role, content: only.part.text }, path, parts: [only.path] };
  const content = joined.map(({ part, isMarked }) =>
    isMarked ? { ...part, cache_control: { type: 'ephemeral' } } : part,
  );
  return { message: { role, content }, path, parts: joined.map((each) => each.path) };
}

function joinTexts(parts: readonly ChatPart[]): readonly ChatPart[] {
  const joined: ChatPart[] = [];
  for (const next of parts) {
    const last = joined.at(-1);
    const before = last?.part.text;
    const text = next.part.text;
    if (last === undefined || typeof before !== 'string' || typeof text !== 'string') joined.push(next);
    else if (last.isMarked) {
      joined.push({ ...next, part: { type: 'text', text: `\n${text}` } });
    } else joined.splice(-1, 1, { ...next, path: last.path, part: { type: 'text', text: `${before}\n${text}` } });
  }
  return joined;
}

/** Nobody but the model speaks after this system message. */
function isLastOfTurn(conversation: readonly Placed[], index: number): boolean {
  if (conversation[index]?.message.role !== 'system') return false;
  const next = conversation.slice(index).find(({ message }) => message.role !== 'system');
  return next === undefined || next.message.role === 'assistant';
}

/**
 * Qwen answers users and tools: after a system message "list index out of range" is all it says. Claude Code ends its first
 * turn with one, so there it is the user's text, in its place, and stays that in later turns, whose prefix it is.
 */
function asReminder({ message, ...placed }: Placed): Placed {
  const { content } = message;
  const parts: readonly unknown[] = Array.isArray(content) ? content : [{ type: 'text', text: content }];
  const tagged = parts.map((part, index) => {
    if (!isJsonObject(part) || typeof part.text !== 'string') return part;
    const open = index === 0 ? '<system-reminder>\n' : '';
    const close = index === parts.length - 1 ? '\n</system-reminder>' : '';
    return { ...part, text: open + part.text + close };
  });
  const [only] = tagged;
  const isPlain = typeof content === 'string' && isJsonObject(only);
  return { ...placed, message: { role: 'user', content: isPlain ? only.text : tagged } };
}

/** A result in text and pictures; that it is a failure has no field of its own in Chat Completions. */
function readToolResult(block: JsonObject, path: string): Placed {
  const parts = readContent(block.content, `${path}.content`).map(({ part }) => part);
  const failed = block.is_error === true;
  const first = parts.findIndex((part) => typeof part.text === 'string');
  const said = failed ? prefixed(parts, first) : parts;
  const isText = said.every((part) => typeof part.text === 'string');
  return {
    message: {
      role: 'tool',
      tool_call_id: stringField(block, 'tool_use_id') ?? '',
      content: isText ? said.map((part) => part.text).join('\n') : said,
    },
    path,
  };
}

function prefixed(parts: readonly JsonObject[], first: number): readonly JsonObject[] {
  const text = parts[first]?.text;
  if (typeof text !== 'string') return [{ type: 'text', text: 'Error: the tool failed.' }, ...parts];
  if (/^\W*error/i.test(text)) return parts;
  return parts.map((part, index) => (index === first ? { type: 'text', text: `Error: ${text}` } : part));
}

function readAssistant(message: JsonObject, path: string): readonly Placed[] {
  if (typeof message.content === 'string')
    return message.content === '' ? [] : [{ message: { role: 'assistant', content: message.content }, path }];
  const blocks = objectItems(message, 'content');
  const reasoning = blocks.map(thinkingOf).filter((text) => text !== '');
  const texts = blocks.map(assistantText).filter((text) => text !== '');
  const calls = blocks.filter(({ type }) => type === 'tool_use').map(readToolUse);
  if (texts.length === 0 && calls.length === 0) return [];
  return [
    {
      message: {
        role: 'assistant',
        content: texts.length === 0 ? null : texts.join('\n'),
        ...(reasoning.length > 0 && { reasoning_content: reasoning.join('\n') }),
        ...(calls.length > 0 && { tool_calls: calls }),
      },
      path,
    },
  ];
}

/** Thinking that a client was not shown came along in its signature. Another maker's hidden thinking is nobody's to read. */
function thinkingOf(block: JsonObject): string {
  if (block.type === 'redacted_thinking') return hiddenIn(block.data);
  if (block.type !== 'thinking') return '';
  return stringField(block, 'thinking') ?? hiddenIn(block.signature);
}

function hiddenIn(signature: unknown): string {
  const read = readSignature(signature);
  return read?.kind === 'translated' ? read.text : '';
}

/** What a server's tools found stays in the conversation as text; that they were called says nothing more. */
function assistantText(block: JsonObject): string {
  const type = String(block.type);
  if (type === 'text') return stringField(block, 'text') ?? '';
  if (type === 'compaction' || type.endsWith('_tool_result')) return textOf(block.content);
  return '';
}

function readToolUse(block: JsonObject): JsonObject {
  const input = block.input ?? {};
  return {
    id: stringField(block, 'id') ?? '',
    type: 'function',
    function: {
      name: stringField(block, 'name') ?? '',
      arguments: typeof input === 'string' ? input : JSON.stringify(input),
    },
  };
}

function keepLastMarks(placed: readonly Placed[]): readonly Placed[] {
  const isMarked = (part: unknown) => isJsonObject(part) && part.cache_control !== undefined;
  const partsOf = ({ message }: Placed): readonly unknown[] => (Array.isArray(message.content) ? message.content : []);
  let surplus = placed.flatMap(partsOf).filter(isMarked).length - maximumMarks;
  if (surplus <= 0) return placed;
  return placed.map((each) => {
    if (surplus <= 0 || !partsOf(each).some(isMarked)) return each;
    const content = partsOf(each).map((part) => {
      if (surplus <= 0 || !isJsonObject(part) || !isMarked(part)) return part;
      surplus--;
      const { cache_control: _mark, ...rest } = part;
      return rest;
    });
    return { ...each, message: { ...each.message, content } };
  });
}
