import { isJsonObject, type JsonObject, objectField, objectItems } from '../core/json.ts';
import type { ChatModel } from './chat-model.ts';

/** The instruction that JSON mode needs in a conversation that never says the word. */
export const jsonInstruction = 'Answer with one JSON object and nothing else.';

/** `response_format` as the model takes it. */
export interface FormatDecision {
  readonly format?: unknown;
  /** "Json mode response is not supported when enable_thinking is true" */
  readonly isJsonMode: boolean;
  /** What of the format has to be said in words. */
  readonly instruction?: string;
}

/**
 * A model without schemas gets JSON mode and the schema in words; one that always thinks has no JSON mode, so words are
 * all there is. JSON mode is refused unless a message has the word "json" in it.
 */
export function decideFormat(body: JsonObject, model: ChatModel): FormatDecision {
  const format = body.response_format;
  const type = isJsonObject(format) ? format.type : undefined;
  if (type !== 'json_object' && type !== 'json_schema')
    return { ...(format !== undefined && format !== null && { format }), isJsonMode: false };
  const schema = isJsonObject(format) ? objectField(format, 'json_schema')?.schema : undefined;
  const inWords =
    schema === undefined
      ? jsonInstruction
      : `${jsonInstruction} It follows this JSON Schema:\n${JSON.stringify(schema)}`;
  if (model.isKnown && model.thinking === 'mandatory') return { isJsonMode: false, instruction: inWords };
  if (type === 'json_schema' && model.takesJsonSchema) return { format, isJsonMode: true };
  if (type === 'json_schema') return { format: { type: 'json_object' }, isJsonMode: true, instruction: inWords };
  return { format, isJsonMode: true, ...(!saysJson(body) && { instruction: inWords }) };
}

/** Whether a message has the word in its text; a tool's description or an image's bytes are none. */
export function saysJson(body: JsonObject): boolean {
  const says = (content: unknown): boolean => typeof content === 'string' && /json/i.test(content);
  return objectItems(body, 'messages').some(
    (message) => says(message.content) || objectItems(message, 'content').some((part) => says(part.text)),
  );
}
