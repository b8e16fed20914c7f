import { isObject, type JsonObject, objectsOf } from './json.ts';
import { type RawAnswer, type RawRequest, send } from './raw-client.ts';
import type { Simulator } from './simulator.ts';

/** The credential the self-tests add. */
export const goodKey = 'sk-good';

/** A chat request as JSON, with a default model and message. */
export function chatBody(fields: JsonObject = {}): string {
  return JSON.stringify({ model: 'qwen3.7-plus', messages: [{ role: 'user', content: 'hello' }], ...fields });
}

/** `POST …/chat/completions` with the good key. */
export function chat(simulator: Simulator, fields: JsonObject = {}, extras: RawRequest = {}): Promise<RawAnswer> {
  return chatAt(simulator.baseUrl, goodKey, fields, extras);
}

/** The same on any surface with any key. */
export function chatAt(
  baseUrl: string,
  key: string,
  fields: JsonObject = {},
  extras: RawRequest = {},
): Promise<RawAnswer> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...extras.headers };
  return send(`${baseUrl}/chat/completions`, { body: chatBody(fields), ...extras, headers });
}

/** `POST` of form fields, as the OAuth endpoints want it. */
export function postForm(url: string, fields: Readonly<Record<string, string>>): Promise<RawAnswer> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'user-agent': 'test/1.0' };
  return send(url, { headers, body: new URLSearchParams(fields).toString() });
}

/** The choices of a stream's chunks, in order. */
export function choicesOf(answer: RawAnswer): JsonObject[] {
  return answer.events.flatMap((event) => objectsOf(event.choices));
}

/** The text a stream's deltas add up to. */
export function streamedText(answer: RawAnswer, field: 'content' | 'reasoning_content' = 'content'): string {
  const deltas = choicesOf(answer).map((choice) => (isObject(choice.delta) ? choice.delta[field] : undefined));
  return deltas.filter((text) => typeof text === 'string').join('');
}
