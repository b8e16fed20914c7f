import type { GenerationRequest, Translation } from '../../core/dialect.ts';
import { type JsonObject, stringField } from '../../core/json.ts';
import type { ProxySettings } from '../../core/settings.ts';
import { MessageEncoder } from './encoder.ts';
import { invalid } from './invalid.ts';
import { modelAsked } from './model-name.ts';
import { hidesThinking, translateFields } from './request-fields.ts';
import { type ChatMessages, translateMessages } from './request-messages.ts';
import { checkMessagesBody } from './request-schema.ts';
import { type ChatTools, translateTools } from './request-tools.ts';

/** Checks a Messages body. @throws GatewayError `invalid_request` naming the field, as in `messages.2.content.0.type`. */
export function decodeMessagesRequest(body: unknown, settings: Pick<ProxySettings, 'stream'>): GenerationRequest {
  const checked = checkMessagesBody(body);
  const asked = stringField(checked, 'model');
  return {
    model: modelAsked(asked),
    ...(asked !== undefined && { echoedModel: asked }),
    stream: typeof checked.stream === 'boolean' ? checked.stream : settings.stream,
    includeUsage: true,
    body: checked,
    translation: translateRequest(checked),
  };
}

/** Checks a body of `count_tokens`, which has no `max_tokens`. @throws GatewayError `invalid_request` naming the field. */
export function decodeCountRequest(
  body: unknown,
): Pick<GenerationRequest, 'model'> & { readonly messagesBody: JsonObject; readonly chat: JsonObject } {
  const checked = checkMessagesBody(body, { isCount: true });
  return {
    model: modelAsked(stringField(checked, 'model')),
    messagesBody: checked,
    chat: translateRequest(checked).chat,
  };
}

/** The request in Chat Completions. @throws GatewayError naming what no model of Qwen could be told. */
export function translateRequest(body: JsonObject): Translation {
  const { messages, ...found } = translateMessages(body);
  if (messages.length === 0) throw invalid('messages', 'at least one message with content is required');
  const tools = translateTools(body);
  const stops = stopSequences(body);
  return {
    chat: {
      ...translateFields(body),
      messages,
      ...tools.fields,
      // Elsewhere earlier thinking is not read, and not billed either.
      ...(found.hasReasoning && { preserve_thinking: true }),
    },
    createEncoder: (answer) => new MessageEncoder(answer, { hidesThinking: hidesThinking(body), stops }),
    paramOf: (param) => messagesParam(param, found, tools),
    notes: tools.dropped.map((name) => `tool ${name}, which runs on Anthropic’s servers only`),
  };
}

/** White space alone is refused by Anthropic too, and an empty one would end every answer. */
function stopSequences({ stop_sequences: given }: JsonObject): readonly string[] {
  return Array.isArray(given) ? given.filter((stop) => typeof stop === 'string' && stop !== '') : [];
}

const renamed: Readonly<Record<string, string>> = {
  enable_thinking: 'thinking',
  thinking_budget: 'thinking.budget_tokens',
  reasoning_effort: 'output_config.effort',
  response_format: 'output_config.format',
  parallel_tool_calls: 'tool_choice.disable_parallel_tool_use',
};

/** A field of the translated body in the client's spelling. */
function messagesParam(
  param: string,
  messages: Pick<ChatMessages, 'pathOf'>,
  { paths }: ChatTools,
): string | undefined {
  const [, index, , part] = /^messages\[(\d+)\](\.content\[(\d+)\])?/.exec(param) ?? [];
  if (index !== undefined) return messages.pathOf(Number(index), part === undefined ? undefined : Number(part));
  const [, tool] = /^tools\[(\d+)\]/.exec(param) ?? [];
  if (tool !== undefined) return paths[Number(tool)] ?? 'tools';
  const [field = param] = param.split(/[.[]/, 1);
  return renamed[field] ?? field;
}
