/**
 * A hot path: nine tenths of an agent's body are texts that go upstream as they came. Decoding and parsing a megabyte of them
 * costs 2.2 ms and as much garbage; finding where they end, and parsing the rest, costs 0.8. So a long string of a body becomes a property that
 * decodes it when somebody asks, which on the native lane nobody does (`json-splice.ts` copies its bytes).
 */
import { randomUUID } from 'node:crypto';
import { GatewayError } from './errors.ts';

/** A JSON text with marks where its long strings stood. */
export interface Skeleton {
  readonly text: string;
  /** The strings with their quotes, in the order of their marks. */
  readonly strings: readonly Buffer[];
}

/** A shorter string is decoded faster than it is remembered. */
const longBytes = 2_048;

/** What no client can know stands for a string that nobody has read. */
const mark = `${randomUUID()}:`;

/**
 * Takes the long strings out of a text; `undefined` where there are none, and where one is broken, so that whoever parses
 * all of it says what is wrong. An unknown escape is found only when its string is read.
 * @param bytes Valid UTF-8.
 */
export function skeletonOf(bytes: Buffer): Skeleton | undefined {
  // A byte order mark is for the decoder to drop.
  if (bytes[0] === 0xef) return undefined;
  const strings: Buffer[] = [];
  let text = '';
  let from = 0;
  for (let start = bytes.indexOf(quote); start !== -1; ) {
    const end = stringEnd(bytes, start);
    if (end === -1) return undefined;
    if (end - start > longBytes && !isName(bytes, end)) {
      if (hasControls(bytes, start, end)) return undefined;
      text += `${bytes.toString('utf8', from, start)}"${mark}${strings.length}"`;
      strings.push(bytes.subarray(start, end));
      from = end;
    }
    start = bytes.indexOf(quote, end);
  }
  return strings.length === 0 ? undefined : { text: text + bytes.toString('utf8', from), strings };
}

/** Puts the strings back into what the skeleton's text was parsed to: those of objects to be decoded when they are read. */
export function restore(value: unknown, { strings }: Skeleton): unknown {
  const stringOf = (found: unknown): Buffer | undefined =>
    typeof found === 'string' && found.startsWith(mark) ? strings[Number(found.slice(mark.length))] : undefined;
  const root = stringOf(value);
  if (root !== undefined) return decode(root);
  const waiting: unknown[] = [value];
  for (let holder = waiting.pop(); holder !== undefined; holder = waiting.pop()) {
    if (Array.isArray(holder)) {
      const items: unknown[] = holder;
      for (const [index, item] of items.entries()) {
        const bytes = stringOf(item);
        if (bytes !== undefined) items[index] = decode(bytes);
        else if (typeof item === 'object' && item !== null) waiting.push(item);
      }
    } else if (typeof holder === 'object' && holder !== null)
      for (const [name, field] of Object.entries(holder)) {
        const bytes = stringOf(field);
        if (bytes !== undefined) defineLate(holder, name, bytes);
        else if (typeof field === 'object' && field !== null) waiting.push(field);
      }
  }
  return value;
}

/** Whether a field is a string, which does not take decoding it. */
export function isTextField(object: object, name: string): boolean {
  const field = Object.getOwnPropertyDescriptor(object, name);
  return field?.get !== undefined || typeof field?.value === 'string';
}

function defineLate(holder: object, name: string, bytes: Buffer): void {
  Object.defineProperty(holder, name, {
    get() {
      const value = decode(bytes);
      Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
      return value;
    },
    enumerable: true,
    configurable: true,
  });
}

function decode(literal: Buffer): unknown {
  if (literal.length === 0) throw new Error('A text of a request was read after its end.');
  try {
    return JSON.parse(literal.toString('utf8'));
  } catch (cause) {
    throw new GatewayError('invalid_request', 'The request body is not valid JSON: a string has an unknown escape.', {
      cause,
    });
  }
}

/** The place behind the closing quote of the string that begins at `start`; -1 where it has none. */
export function stringEnd(bytes: Buffer, start: number): number {
  // The native search costs as much as twenty steps of this one.
  const near = Math.min(start + 24, bytes.length);
  let at = start + 1;
  for (; at < near; at++) {
    if (bytes[at] === quote) return at + 1;
    if (bytes[at] === backslash) at++;
  }
  for (let found = bytes.indexOf(quote, at); found !== -1; found = bytes.indexOf(quote, found + 1)) {
    let first = found;
    while (first > at && bytes[first - 1] === backslash) first--;
    if ((found - first) % 2 === 0) return found + 1;
  }
  return -1;
}

/** A string before a colon is the name of a field. */
function isName(bytes: Buffer, end: number): boolean {
  let at = end;
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++;
  return bytes[at] === colon;
}

/** Whether there is a byte below 0x20, which a JSON string may not hold as it is. Looks at four at a time. */
function hasControls(bytes: Buffer, start: number, end: number): boolean {
  const firstWhole = start + ((4 - ((bytes.byteOffset + start) & 3)) & 3);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + firstWhole, (end - firstWhole) >> 2);
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? 0;
    // https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord
    if (((word - 0x20202020) & ~word & 0x80808080) !== 0) return true;
  }
  const isControl = (byte: number) => byte < 0x20;
  return (
    bytes.subarray(start, firstWhole).some(isControl) ||
    bytes.subarray(firstWhole + words.length * 4, end).some(isControl)
  );
}

const quote = 0x22;
const colon = 0x3a;
const backslash = 0x5c;
