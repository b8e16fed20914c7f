import { addedTokenPattern, addedTokens } from './added-tokens.ts';
import { hashBytes } from './hash-bytes.ts';
import { createMerger } from './merge.ts';
import { normalise } from './normalise.ts';
import { createPieceCache } from './piece-cache.ts';
import { createPretokeniser } from './pretokenise.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Qwen2.5's and Qwen3's tokenizer. */
export interface Tokenizer {
  /** As many as {@link encode} gives, but faster. */
  countTokens(text: string): number;
  /** The ids; the texts of added tokens, such as `<|im_start|>`, become those tokens. */
  encode(text: string): number[];
}

export function createTokenizer(vocabulary: Vocabulary): Tokenizer {
  const pretokeniser = createPretokeniser();
  const merger = createMerger(vocabulary);
  const cache = createPieceCache();

  function countPiece(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length === 1) return 1;
    if (length === 2) return vocabulary.bytePairs[((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0)] === -1 ? 2 : 1;
    if (length > vocabulary.longestToken) return merger.merge(bytes, start, end);
    const hash = hashBytes(bytes, start, end);
    if (vocabulary.find(bytes, start, end, hash) !== -1) return 1;
    const known = cache.get(bytes, start, end, hash);
    if (known !== 0) return known;
    const count = merger.merge(bytes, start, end);
    cache.set(bytes, start, end, hash, count);
    return count;
  }

  function countPlain(text: string): number {
    if (text === '') return 0;
    const bytes = Buffer.from(normalise(text), 'utf8');
    let count = 0;
    for (let start = 0; start < bytes.length; ) {
      const end = pretokeniser.pieceEnd(bytes, start, bytes.length);
      count += countPiece(bytes, start, end);
      start = end;
    }
    return count;
  }

  function encodePlain(text: string): number[] {
    const bytes = Buffer.from(normalise(text), 'utf8');
    const tokens: number[] = [];
    for (let start = 0; start < bytes.length; ) {
      const end = pretokeniser.pieceEnd(bytes, start, bytes.length);
      const count = merger.merge(bytes, start, end);
      for (let index = 0; index < count; index++) tokens.push(merger.tokens[index] ?? 0);
      start = end;
    }
    return tokens;
  }

  return {
    countTokens(text) {
      let count = 0;
      let from = 0;
      for (const { 0: added, index } of text.matchAll(addedTokenPattern)) {
        count += countPlain(text.slice(from, index)) + 1;
        from = index + added.length;
      }
      return count + countPlain(text.slice(from));
    },
    encode(text) {
      const tokens: number[] = [];
      let from = 0;
      for (const { 0: added, index } of text.matchAll(addedTokenPattern)) {
        tokens.push(...encodePlain(text.slice(from, index)), addedTokens.get(added) ?? 0);
        from = index + added.length;
      }
      return tokens.concat(encodePlain(text.slice(from)));
    },
  };
}
