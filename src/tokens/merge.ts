import { createMergeQueue } from './merge-queue.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Byte-pair merging of single pieces. */
export interface Merger {
  /** How many tokens the bytes become; they lie in {@link tokens} until the next call. */
  merge(bytes: Uint8Array, start: number, end: number): number;
  readonly tokens: Int32Array;
}

/** Up to here looking for the lowest rank again after each merge is faster than keeping a queue. */
const longestScanned = 32;
/**
 * Bytes of a piece that are merged together; a longer piece is merged in parts of this size, which may add a token a part.
 * It bounds the memory of one piece at about 40 MB.
 */
const longestMerged = 1 << 20;

/**
 * Merges the pair of lowest rank, the leftmost of several, until no pair of neighbours makes a token. Short pieces are
 * scanned, long ones go through a queue whose work is linear in their length.
 */
export function createMerger(vocabulary: Vocabulary): Merger {
  const { byteTokens, bytePairs } = vocabulary;
  const queue = createMergeQueue(vocabulary);
  const scanned = new Int32Array(longestScanned);
  /** Token that the one at the same place and its right neighbour make, or `none`. */
  const merged = new Int32Array(longestScanned);
  let tokens: Int32Array = scanned;

  function scan(bytes: Uint8Array, start: number, end: number): number {
    let count = end - start;
    for (let index = 0; index < count; index++) {
      const byte = bytes[start + index] ?? 0;
      scanned[index] = byteTokens[byte] ?? 0;
      merged[index] = index + 1 < count ? orNone(bytePairs[(byte << 8) | (bytes[start + index + 1] ?? 0)] ?? -1) : none;
    }
    for (;;) {
      let best = 0;
      let token: number = none;
      for (let index = 0; index < count - 1; index++) {
        const each = merged[index] ?? none;
        if (each < token) {
          token = each;
          best = index;
        }
      }
      if (token === none) return count;
      count--;
      scanned[best] = token;
      for (let index = best + 1; index < count; index++) {
        scanned[index] = scanned[index + 1] ?? 0;
        merged[index] = merged[index + 1] ?? none;
      }
      merged[best] = best + 1 < count ? orNone(vocabulary.merge(token, scanned[best + 1] ?? 0)) : none;
      if (best > 0) merged[best - 1] = orNone(vocabulary.merge(scanned[best - 1] ?? 0, token));
    }
  }

  function mergeParts(bytes: Uint8Array, start: number, end: number): number {
    if (end - start <= longestMerged) {
      const count = queue.merge(bytes, start, end);
      tokens = queue.tokens;
      return count;
    }
    const all: number[] = [];
    for (let from = start; from < end; from += longestMerged) {
      const count = queue.merge(bytes, from, Math.min(end, from + longestMerged));
      for (let index = 0; index < count; index++) all.push(queue.tokens[index] ?? 0);
    }
    tokens = Int32Array.from(all);
    return tokens.length;
  }

  return {
    merge(bytes, start, end) {
      if (end - start > longestScanned) return mergeParts(bytes, start, end);
      tokens = scanned;
      return scan(bytes, start, end);
    },
    get tokens() {
      return tokens;
    },
  };
}

/** Above every rank, so that the lowest rank is simply the smallest number. */
const none = 0x7fffffff;

function orNone(token: number): number {
  return token === -1 ? none : token;
}
