import { isJsonObject, type JsonObject, objectItems, parseJson } from '../../core/json.ts';
import { parseSseEvent } from '../../wire/sse.ts';

/** Makes the `text_completion` of a stream of its chunks. Fields that nobody knows are kept, as they last came. */
export function foldCompletionStream(events: readonly Buffer[]): JsonObject {
  const head: Record<string, unknown> = {};
  const folded: Record<string, unknown> = { text: '', index: 0, logprobs: null, finish_reason: null };
  let text = '';
  for (const event of events) {
    const chunk = parseJson(parseSseEvent(event).data);
    if (!isJsonObject(chunk)) continue;
    const { choices: _choices, ...rest } = chunk;
    for (const [name, value] of Object.entries(rest))
      if (head[name] === undefined || (value !== null && name === 'usage')) head[name] = value;
    for (const choice of objectItems(chunk, 'choices')) {
      if (typeof choice.text === 'string') text += choice.text;
      for (const [name, value] of Object.entries(choice)) if (value !== null) folded[name] = value;
    }
  }
  return { ...head, object: 'text_completion', choices: [{ ...folded, text }] };
}
