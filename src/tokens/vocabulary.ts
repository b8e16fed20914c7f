import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';
import { hashBytes } from './hash-bytes.ts';

/**
 * The 151,643 ordinary tokens of Qwen2.5 and Qwen3. A token is a single byte or the merge of two earlier tokens; its id
 * is also its rank: of all possible merges in a text the one with the lowest id comes first.
 */
export interface Vocabulary {
  readonly size: number;
  /** In bytes. */
  readonly longestToken: number;
  /** Token of every byte. */
  readonly byteTokens: Int32Array;
  /** Token that two bytes merge into, at `first << 8 | second`; -1 where they do not. */
  readonly bytePairs: Int32Array;
  /** Token that two neighbours merge into, or -1. */
  merge(left: number, right: number): number;
  /** Token that consists of exactly these bytes, or -1; `hash` is their {@link hashBytes}. */
  find(bytes: Uint8Array, start: number, end: number, hash: number): number;
  /** The bytes of a token, not to be written to. */
  bytesOf(token: number): Uint8Array;
}

const byteTokenCount = 256;
const slotBits = 18;
const slotMask = (1 << slotBits) - 1;
/** Low bits of the right token that fit beside a left one of 18 bits. */
const lowRightBits = 14;

/** Reads what scripts/build-vocabulary.mjs made: brotli over six planes of one byte a merge. */
export function readVocabulary(path: string): Vocabulary {
  return createVocabulary(brotliDecompressSync(readFileSync(path)));
}

function createVocabulary(planes: Uint8Array): Vocabulary {
  const mergeCount = planes.length / 6;
  const size = byteTokenCount + mergeCount;
  const idAt = (side: number, rank: number): number => {
    const low = side * 3 * mergeCount + rank;
    return at(planes, low) | (at(planes, low + mergeCount) << 8) | (at(planes, low + 2 * mergeCount) << 16);
  };

  const byteTokens = new Int32Array(byteTokenCount);
  const offsets = new Uint32Array(size + 1);
  printableFirst().forEach((byte, token) => {
    byteTokens[byte] = token;
    offsets[token + 1] = token + 1;
  });
  const lefts = new Int32Array(mergeCount);
  const rights = new Int32Array(mergeCount);
  const length = (token: number) => at(offsets, token + 1) - at(offsets, token);
  let longestToken = 1;
  for (let rank = 0; rank < mergeCount; rank++) {
    const left = idAt(0, rank);
    const right = idAt(1, rank);
    const token = byteTokenCount + rank;
    lefts[rank] = left;
    rights[rank] = right;
    const bytes = length(left) + length(right);
    offsets[token + 1] = at(offsets, token) + bytes;
    if (bytes > longestToken) longestToken = bytes;
  }

  const arena = new Uint8Array(at(offsets, size));
  const bytePairs = new Int32Array(1 << 16).fill(-1);
  // Two words a merge: left token and the low bits of the right one; the rest of it and the merged token. A slot is empty
  // while its second word is 0, since no merge makes token 0.
  const pairs = new Int32Array(2 << slotBits);
  const wholes = new Int32Array(1 << slotBits).fill(-1);

  const addWhole = (token: number, start: number, end: number) => {
    let slot = hashBytes(arena, start, end) & slotMask;
    while (at(wholes, slot) !== -1) slot = (slot + 1) & slotMask;
    wholes[slot] = token;
  };
  printableFirst().forEach((byte, token) => {
    arena[token] = byte;
    addWhole(token, token, token + 1);
  });
  for (let rank = 0; rank < mergeCount; rank++) {
    const token = byteTokenCount + rank;
    const left = at(lefts, rank);
    const right = at(rights, rank);
    const start = at(offsets, token);
    let end = start;
    for (let from = at(offsets, left); from < at(offsets, left + 1); from++) arena[end++] = at(arena, from);
    for (let from = at(offsets, right); from < at(offsets, right + 1); from++) arena[end++] = at(arena, from);
    addWhole(token, start, end);
    if (end - start === 2) bytePairs[(at(arena, start) << 8) | at(arena, start + 1)] = token;
    let slot = pairSlot(left, right);
    while (pairs[2 * slot + 1] !== 0) slot = (slot + 1) & slotMask;
    pairs[2 * slot] = left | (right << slotBits);
    pairs[2 * slot + 1] = (right >>> lowRightBits) | (token << 4);
  }

  return {
    size,
    longestToken,
    byteTokens,
    bytePairs,
    merge(left, right) {
      const first = left | (right << slotBits);
      const rest = right >>> lowRightBits;
      for (let slot = pairSlot(left, right); ; slot = (slot + 1) & slotMask) {
        const second = at(pairs, 2 * slot + 1);
        if (second === 0) return -1;
        if (pairs[2 * slot] === first && (second & 0xf) === rest) return second >>> 4;
      }
    },
    find(bytes, start, end, hash) {
      const wanted = end - start;
      for (let slot = hash & slotMask; ; slot = (slot + 1) & slotMask) {
        const token = at(wholes, slot);
        if (token === -1) return -1;
        const from = at(offsets, token);
        if (at(offsets, token + 1) - from !== wanted) continue;
        let same = 0;
        while (same < wanted && arena[from + same] === bytes[start + same]) same++;
        if (same === wanted) return token;
      }
    },
    bytesOf: (token) => arena.subarray(at(offsets, token), at(offsets, token + 1)),
  };
}

function pairSlot(left: number, right: number): number {
  return (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> (32 - slotBits);
}

/** The element at an index that is within the array. */
function at(array: Int32Array | Uint32Array | Uint8Array, index: number): number {
  return array[index] ?? 0;
}

/** The order of the 256 single bytes, which GPT-2's tokenizer began with: printable ones first. */
function printableFirst(): readonly number[] {
  const bytes = Array.from({ length: byteTokenCount }, (_, byte) => byte);
  const isPrintable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
  return [...bytes.filter(isPrintable), ...bytes.filter((byte) => !isPrintable(byte))];
}
