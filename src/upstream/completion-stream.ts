import { GatewayError } from '../core/errors.ts';
import { isJsonObject, type JsonObject, objectItems, parseJson } from '../core/json.ts';
import { classifyStreamError } from './errors.ts';

/**
 * The events that a JSON completion stands for: some upstreams behind custom base URLs ignore `stream: true`.
 * @throws GatewayError for a document that is an error, or is broken.
 */
export function completionAsEvents(text: string): Buffer {
  const completion = parseJson(text);
  if (!isJsonObject(completion)) throw new GatewayError('upstream_protocol', 'Qwen sent a JSON answer that is broken.');
  const choices = objectItems(completion, 'choices');
  if (choices.length === 0) throw classifyStreamError({ message: text });
  const { usage, ...head } = completion;
  const isText = completion.object === 'text_completion';
  const chunk = (fields: JsonObject) =>
    `data: ${JSON.stringify({ ...head, object: isText ? 'text_completion' : 'chat.completion.chunk', ...fields })}\n\n`;
  const answer = chunk({
    choices: choices.map(({ message, ...choice }) => ({
      ...choice,
      ...(!isText && { delta: isJsonObject(message) ? deltaOf(message) : {} }),
    })),
    usage: null,
  });
  const trailer = usage === undefined || usage === null ? '' : chunk({ choices: [], usage });
  return Buffer.from(`${answer}${trailer}data: [DONE]\n\n`);
}

/** Only in a stream has a tool call an index. */
function deltaOf(message: JsonObject): JsonObject {
  if (!Array.isArray(message.tool_calls)) return message;
  return {
    ...message,
    tool_calls: objectItems(message, 'tool_calls').map((call, index) => ({ index, ...call })),
  };
}
