import { extname, join } from 'node:path';

/** What the counter's thread is made of. */
export interface TokenizerFiles {
  readonly worker: string;
  readonly vocabulary: string;
}

const vocabularyName = 'qwen3-vocabulary.br';
const here = import.meta.dirname;

/** Beside the bundle that this code is in, or the sources and what the build has made. */
export const tokenizerFiles: TokenizerFiles =
  extname(import.meta.filename) === '.ts'
    ? { worker: join(here, 'worker.ts'), vocabulary: join(here, '..', '..', 'dist', vocabularyName) }
    : { worker: join(here, 'tokenizer.js'), vocabulary: join(here, vocabularyName) };
