import { characterClass, classOf } from './character-class.ts';

const { letter, number, space, newline } = characterClass;
const apostrophe = 0x27;
const blank = 0x20;

/** Length of what may follow an apostrophe, by its first and, for three of them, its second letter. */
const contractions = new Map([...'sStTmMdD'].map((each) => [each.charCodeAt(0), new Set<number>()]));
for (const [first, second] of ['re', 've', 'll']) {
  if (first === undefined || second === undefined) continue;
  const seconds = new Set([second, second.toUpperCase()].map((each) => each.charCodeAt(0)));
  for (const each of [first, first.toUpperCase()]) contractions.set(each.charCodeAt(0), seconds);
}

/** Pieces of UTF-8 text between which nothing is merged. */
export interface Pretokeniser {
  /** The end of the piece that begins at `start`; `start` < `end`, and both are borders of characters. */
  pieceEnd(bytes: Uint8Array, start: number, end: number): number;
}

/**
 * Qwen2.5's and Qwen3's pretokeniser, read by hand because a regular expression backtracks over long runs and costs a string
 * a piece:
 *
 *     (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 *
 * Every byte is looked at a constant number of times.
 */
export function createPretokeniser(): Pretokeniser {
  /** Where the character that was read last ends. */
  let after = 0;

  function read(bytes: Uint8Array, at: number): number {
    const first = bytes[at] ?? 0;
    if (first < 0x80) {
      after = at + 1;
      return classOf(first);
    }
    const second = (bytes[at + 1] ?? 0) & 0x3f;
    if (first < 0xe0) {
      after = at + 2;
      return classOf(((first & 0x1f) << 6) | second);
    }
    const third = (bytes[at + 2] ?? 0) & 0x3f;
    if (first < 0xf0) {
      after = at + 3;
      return classOf(((first & 0xf) << 12) | (second << 6) | third);
    }
    after = at + 4;
    return classOf(((first & 0x7) << 18) | (second << 12) | (third << 6) | ((bytes[at + 3] ?? 0) & 0x3f));
  }

  function lettersEnd(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && read(bytes, at) === letter) at = after;
    return at;
  }

  /** `[^\s\p{L}\p{N}]+[\r\n]*` */
  function symbolsEnd(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && isSymbol(read(bytes, at))) at = after;
    while (at < end && (bytes[at] === 0x0a || bytes[at] === 0x0d)) at++;
    return at;
  }

  /** `\s*[\r\n]+|\s+(?!\S)|\s+` */
  function whitespaceEnd(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    let last = start;
    let lastNewlineEnd = -1;
    for (let kind = read(bytes, at); kind === space || kind === newline; kind = read(bytes, at)) {
      last = at;
      at = after;
      if (kind === newline) lastNewlineEnd = at;
      if (at >= end) break;
    }
    if (lastNewlineEnd !== -1) return lastNewlineEnd;
    // The last blank before a word belongs to the word.
    return at < end && last > start ? last : at;
  }

  return {
    pieceEnd(bytes, start, end) {
      const kind = read(bytes, start);
      const second = after;
      if (kind === letter) return lettersEnd(bytes, second, end);
      if (kind === number) return second;
      if (bytes[start] === apostrophe) {
        const seconds = contractions.get(bytes[second] ?? 0);
        if (seconds !== undefined && second < end) {
          if (seconds.size === 0) return second + 1;
          if (second + 1 < end && seconds.has(bytes[second + 1] ?? 0)) return second + 2;
        }
      }
      const next = second < end ? read(bytes, second) : 0;
      if (kind !== newline && next === letter) return lettersEnd(bytes, after, end);
      if (isSymbol(kind)) return symbolsEnd(bytes, second, end);
      if (bytes[start] === blank && isSymbol(next)) return symbolsEnd(bytes, second, end);
      return whitespaceEnd(bytes, start, end);
    },
  };
}

function isSymbol(kind: number): boolean {
  return kind === characterClass.other || kind === characterClass.mark;
}
