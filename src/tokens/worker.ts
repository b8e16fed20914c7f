import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../core/message-of.ts';
import { createTokenizer } from './tokenizer.ts';
import { readVocabulary } from './vocabulary.ts';
import type { CountReply, TextPiece } from './worker-protocol.ts';

// The thread that counts. What it is sent comes from counter.ts alone.
const tokenizer = createTokenizer(readVocabulary(String(workerData)));
const texts = new Map<number, string[]>();

parentPort?.on('message', ({ id, text, isLast }: TextPiece) => {
  const pieces = texts.get(id) ?? [];
  pieces.push(text);
  if (!isLast) {
    texts.set(id, pieces);
    return;
  }
  texts.delete(id);
  parentPort?.postMessage(countReply(id, pieces.join('')));
});

function countReply(id: number, text: string): CountReply {
  try {
    return { id, tokens: tokenizer.countTokens(text) };
  } catch (error) {
    return { id, problem: messageOf(error) };
  }
}
