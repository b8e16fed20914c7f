import { type JsonObject, stringField } from '../../core/json.ts';
import { textOf } from './content.ts';

/** Marks reasoning that came from here; any other opaque content is another vendor's and cannot be read. */
const mark = 'qwp1.';

/** Reasoning as clients carry it along unread, for those that ask for `reasoning.encrypted_content`. */
export function encodeOpaque(reasoning: string): string {
  return `${mark}${Buffer.from(reasoning).toString('base64url')}`;
}

/** The reasoning that a `reasoning` item brings back; empty where it holds none that can be read. */
export function decodeReasoning(item: JsonObject): string {
  const opaque = stringField(item, 'encrypted_content');
  if (opaque?.startsWith(mark)) return Buffer.from(opaque.slice(mark.length), 'base64url').toString('utf8');
  return textOf(item.content) || textOf(item.summary);
}
