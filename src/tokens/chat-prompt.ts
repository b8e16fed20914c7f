import { type JsonObject, objectField, objectItems, stringField } from '../core/json.ts';
import { contentParts, contentText, type PromptPart } from './message-content.ts';
import { templateJson } from './template-json.ts';

const toolsBefore = `# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>`;
const toolsAfter = `
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
`;

/**
 * The prompt that Qwen3's chat template (`chat_template` in its tokenizer_config.json) makes of a Chat Completions body, part by
 * part, so that a long one can be worked on in between. Other models' templates differ by a few tokens a message.
 */
export function* promptParts(body: JsonObject, model: string): Generator<PromptPart> {
  const messages = objectItems(body, 'messages');
  const content = (message: JsonObject) => contentParts(message.content, model, body);
  const [first] = messages;
  const system = first !== undefined && roleOf(first) === 'system' ? content(first) : undefined;
  const tools = toolsOf(body);
  if (tools.length > 0) {
    yield '<|im_start|>system\n';
    if (system !== undefined) yield* [...system, '\n\n'];
    yield toolsBefore;
    for (const tool of tools) yield `\n${templateJson(tool)}`;
    yield toolsAfter;
  } else if (system !== undefined) yield* ['<|im_start|>system\n', ...system, '<|im_end|>\n'];

  const lastQuery = lastQueryIndex(messages);
  for (const [index, message] of messages.entries()) {
    const role = roleOf(message);
    if (role === 'user' || (role === 'system' && index > 0)) {
      yield* [`<|im_start|>${role}\n`, ...content(message), '<|im_end|>\n'];
    } else if (role === 'assistant') {
      const isLast = index === messages.length - 1;
      yield assistantTurn(message, {
        isRecent: index > lastQuery,
        isLast,
        keepsThinking: body.preserve_thinking === true,
      });
    } else if (role === 'tool') {
      if (roleOf(messages[index - 1]) !== 'tool') yield '<|im_start|>user';
      yield* ['\n<tool_response>\n', ...content(message), '\n</tool_response>'];
      if (roleOf(messages[index + 1]) !== 'tool') yield '<|im_end|>\n';
    }
  }
  yield '<|im_start|>assistant\n';
  if (body.enable_thinking === false) yield '<think>\n\n</think>\n\n';
}

/** The template's own roles; OpenAI's newer and older names for them go upstream as these. */
function roleOf(message: JsonObject | undefined): string | undefined {
  if (message?.role === 'developer') return 'system';
  if (message?.role === 'function') return 'tool';
  return message === undefined ? undefined : stringField(message, 'role');
}

function toolsOf(body: JsonObject): readonly JsonObject[] {
  const functions = objectItems(body, 'functions').map((each) => ({ type: 'function', function: each }));
  return [...objectItems(body, 'tools'), ...functions];
}

/** The last thing a user asked; tool results that stand in a user's message are no question. */
function lastQueryIndex(messages: readonly JsonObject[]): number {
  const index = messages.findLastIndex((message) => {
    if (roleOf(message) !== 'user') return false;
    const text = contentText(message.content);
    return !(text.startsWith('<tool_response>') && text.endsWith('</tool_response>'));
  });
  return index === -1 ? messages.length - 1 : index;
}

interface Turn {
  /** It comes after the last question. */
  readonly isRecent: boolean;
  readonly isLast: boolean;
  /** Thinking of earlier turns stays in the prompt. */
  readonly keepsThinking: boolean;
}

function assistantTurn(message: JsonObject, { isRecent, isLast, keepsThinking }: Turn): string {
  const { content, reasoning } = splitThinking(message);
  const thinks = isRecent ? isLast || reasoning !== '' : keepsThinking && reasoning !== '';
  const said = thinks ? `<think>\n${trimNewlines(reasoning)}\n</think>\n\n${withoutLeadingNewlines(content)}` : content;
  const calls = toolCalls(message).map((call, index) => {
    const before = index > 0 || content !== '' ? '\n' : '';
    const written = typeof call.arguments === 'string' ? call.arguments : templateJson(call.arguments);
    return `${before}<tool_call>\n{"name": "${stringField(call, 'name') ?? ''}", "arguments": ${written}}\n</tool_call>`;
  });
  return `<|im_start|>assistant\n${said}${calls.join('')}<|im_end|>\n`;
}

/** Thinking stands in a field of its own, or in front of the answer between tags. */
function splitThinking(message: JsonObject): { readonly content: string; readonly reasoning: string } {
  const text = contentText(message.content);
  if (typeof message.reasoning_content === 'string') return { content: text, reasoning: message.reasoning_content };
  const pieces = text.split('</think>');
  if (pieces.length === 1) return { content: text, reasoning: '' };
  const thought = (pieces[0] ?? '').split('<think>').at(-1) ?? '';
  return { content: withoutLeadingNewlines(pieces.at(-1) ?? ''), reasoning: trimNewlines(thought) };
}

function toolCalls(message: JsonObject): readonly JsonObject[] {
  const legacy = objectField(message, 'function_call');
  if (legacy !== undefined) return [legacy];
  return objectItems(message, 'tool_calls').map((call) => objectField(call, 'function') ?? call);
}

function withoutLeadingNewlines(text: string): string {
  let start = 0;
  while (text[start] === '\n') start++;
  return text.slice(start);
}

/** Not by regular expression: `\n+$` takes the square of the length of a run that does not end the text. */
function trimNewlines(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === '\n') end--;
  return withoutLeadingNewlines(text.slice(0, end));
}
