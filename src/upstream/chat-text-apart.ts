import type { JsonObject } from '../core/json.ts';

/**
 * A chunk that ends the answer or calls a tool beside its text, in two: servers that cannot stream, and vLLM at the end of
 * an answer, send both at once, and an editor of text would take the rest with it.
 */
export function textApart(chunk: JsonObject, choice: JsonObject, { content, ...delta }: JsonObject) {
  return {
    said: encodeDelta(chunk, { content }),
    /** The choice without its text. */
    rest: { ...choice, delta },
  };
}

/** A chunk with another choice. */
export function encodeChoice(chunk: JsonObject, choice: JsonObject): Buffer {
  return Buffer.from(`data: ${JSON.stringify({ ...chunk, choices: [choice] })}\n\n`);
}

/** A chunk with another delta, which neither ends the answer nor tells its usage: that stays with the chunk it came in. */
export function encodeDelta(chunk: JsonObject, delta: JsonObject): Buffer {
  const choice = { index: 0, delta, finish_reason: null };
  return encodeChoice('usage' in chunk ? { ...chunk, usage: null } : chunk, choice);
}
