/**
 * A hot path: an agent's body of a megabyte differs from what goes upstream in a few fields. What was not edited is copied
 * from the bytes it came in, which costs 1 ms of such a body where writing all of it anew costs 5. And not even copied where
 * it is long: memory outside the heap makes V8 collect all of that, which cost 1 ms for each megabyte.
 */
import type { JsonObject } from './json.ts';
import { bodyFromSource, sourceOf } from './json-source.ts';
import { stringEnd } from './lazy-json.ts';
import type { BodyInPieces } from './upstream.ts';

interface Range {
  readonly start: number;
  readonly end: number;
}

interface Field extends Range {
  /** The items of an array; none of any other value. */
  readonly items: readonly Range[];
}

/**
 * A longer piece of the source stands in the result as it is. More than a socket takes at once: whoever sends it waits until
 * it has gone.
 */
const longPieceBytes = 65_536;

/**
 * `JSON.stringify(edited)` in bytes, as one piece or several; fields, and items of array fields, that are `original`'s own
 * values keep theirs.
 */
export function spliceJson(edited: JsonObject, original: JsonObject): Buffer | BodyInPieces {
  const bytes = sourceOf(original);
  if (bytes === undefined) return Buffer.from(JSON.stringify(edited));
  const fields = fieldsOf(bytes);
  const parts: Buffer[] = [];
  let range: Range = { start: 0, end: 0 };
  let written = '{';
  const take = () => {
    if (range.end > range.start) parts.push(bytes.subarray(range.start, range.end));
  };
  const copy = (next: Range) => {
    // Neighbours stay what they are: one piece.
    if (written === ',' && next.start === range.end + 1 && bytes[range.end] === comma)
      range = { start: range.start, end: next.end };
    else {
      take();
      if (written !== '') parts.push(Buffer.from(written));
      range = next;
    }
    written = '';
  };
  let isFirst = true;
  for (const [name, value] of Object.entries(edited)) {
    const before = original[name];
    const field = fields.get(name);
    const text = value === before || Array.isArray(value) ? '' : JSON.stringify(value);
    if (text === undefined || value === undefined) continue;
    written += `${isFirst ? '' : ','}${JSON.stringify(name)}:`;
    isFirst = false;
    if (text !== '') written += text;
    else if (field !== undefined && value === before) copy(field);
    else if (field === undefined || !Array.isArray(value) || !Array.isArray(before)) written += JSON.stringify(value);
    else {
      const ranges = new Map(before.map((item, index) => [item, field.items[index]]));
      written += '[';
      for (const [index, item] of value.entries()) {
        if (index > 0) written += ',';
        const range = typeof item === 'object' && item !== null ? ranges.get(item) : undefined;
        if (range === undefined) written += JSON.stringify(item) ?? 'null';
        else copy(range);
      }
      written += ']';
    }
  }
  take();
  parts.push(Buffer.from(`${written}}`));
  const [only, ...others] = joined(parts);
  return only !== undefined && others.length === 0 ? only : bodyFromSource(original, [only ?? empty, ...others]);
}

const empty = Buffer.alloc(0);

/** The same pieces, with all short ones between two long ones in one. */
function joined(parts: readonly Buffer[]): readonly Buffer[] {
  const pieces: Buffer[] = [];
  let short: Buffer[] = [];
  const join = () => {
    if (short.length > 0) pieces.push(Buffer.concat(short));
    short = [];
  };
  for (const part of parts)
    if (part.length < longPieceBytes) short.push(part);
    else {
      join();
      pieces.push(part);
    }
  join();
  return pieces;
}

/** Where the fields of a valid JSON object lie; of a name that stands twice the last, as in `JSON.parse`. */
function fieldsOf(bytes: Buffer): Map<string, Field> {
  const fields = new Map<string, Field>();
  let at = bytes.indexOf(openBrace) + 1;
  while (true) {
    at = afterBlanks(bytes, at);
    if (bytes[at] === comma) at = afterBlanks(bytes, at + 1);
    if (bytes[at] !== quote) return fields;
    const nameEnd = valueEnd(bytes, at);
    const name: unknown = JSON.parse(bytes.toString('utf8', at, nameEnd));
    const start = afterBlanks(bytes, afterBlanks(bytes, nameEnd) + 1);
    const items: Range[] = [];
    const end = bytes[start] === openBracket ? arrayEnd(bytes, start, items) : valueEnd(bytes, start);
    fields.set(String(name), { start, end, items });
    at = end;
  }
}

function arrayEnd(bytes: Buffer, start: number, items: Range[]): number {
  for (let at = afterBlanks(bytes, start + 1); ; at = afterBlanks(bytes, at)) {
    if (bytes[at] === closeBracket) return at + 1;
    if (bytes[at] === comma) at = afterBlanks(bytes, at + 1);
    const end = valueEnd(bytes, at);
    items.push({ start: at, end });
    at = end;
  }
}

function afterBlanks(bytes: Buffer, start: number): number {
  let at = start;
  while (isBlank(bytes[at])) at++;
  return at;
}

const isBlank = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Where the value that begins at `start` ends. The text is known to be valid. */
function valueEnd(bytes: Buffer, start: number): number {
  let depth = 0;
  let at = start;
  for (; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === quote) {
      at = stringEnd(bytes, at) - 1;
      if (depth === 0) return at + 1;
    } else if (byte === openBrace || byte === openBracket) depth++;
    else if (byte === closeBrace || byte === closeBracket) {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (byte === comma || isBlank(byte))) return at;
  }
  return at;
}

const quote = 0x22;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
