import { setImmediate as nextTurn, setTimeout as sleepUnreferenced } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { messageOf } from '../core/message-of.ts';
import type { TokenCounter } from '../core/token-counter.ts';
import { promptParts } from './chat-prompt.ts';
import { type TokenizerFiles, tokenizerFiles } from './files.ts';
import type { PromptPart } from './message-content.ts';
import { hasCountedVocabulary } from './model-family.ts';
import { createRatioBook } from './ratio.ts';
import type { CountReply, TextPiece } from './worker-protocol.ts';

export interface TokenCounterOptions {
  readonly files?: TokenizerFiles;
  /** How long the thread is kept without work; it holds about 40 MB. */
  readonly idleMs?: number;
  /** Must not keep a process alive by itself. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly startWorker?: (files: TokenizerFiles) => Worker;
}

/** A running thread and who waits for it. */
interface CountingThread {
  readonly worker: Worker;
  readonly waiting: Map<number, { resolve(tokens: number): void; reject(error: Error): void }>;
  /** Why it takes no more work. */
  ended: Error | undefined;
}

/** Characters sent at a time. To copy this many takes the sender's thread less than a millisecond. */
export const pieceLength = 65_536;

/**
 * Counts in a thread of its own, which starts with the first count and ends after a while without any: the vocabulary takes 50 ms to
 * load and a long prompt longer to count, and streams run on the caller's thread.
 */
export function createTokenCounter(options: TokenCounterOptions = {}): TokenCounter {
  const { files = tokenizerFiles, idleMs = 60_000 } = options;
  const startWorker = options.startWorker ?? startThread;
  const sleep = options.sleep ?? ((ms, signal) => sleepUnreferenced(ms, undefined, { ref: false, signal }));
  const ratios = createRatioBook();
  let thread: CountingThread | undefined;
  let idle = new AbortController();
  let lastId = 0;
  let isDisposed = false;

  function running(): CountingThread {
    if (isDisposed) throw new Error('The token counter is closed.');
    idle.abort();
    thread ??= start();
    thread.worker.ref();
    return thread;
  }

  function start(): CountingThread {
    const started: CountingThread = { worker: startWorker(files), waiting: new Map(), ended: undefined };
    const { worker, waiting } = started;
    const end = (reason: string) => {
      if (thread === started) thread = undefined;
      started.ended ??= new Error(`The token counter ended (${reason}). Try again.`);
      for (const { reject } of waiting.values()) reject(started.ended);
      waiting.clear();
    };
    worker.on('error', (error) => end(messageOf(error)));
    worker.on('exit', (code) => end(`exit code ${code}`));
    worker.on('message', (reply: CountReply) => {
      const waiter = waiting.get(reply.id);
      if ('tokens' in reply) waiter?.resolve(reply.tokens);
      else waiter?.reject(new Error(reply.problem));
      waiting.delete(reply.id);
      if (waiting.size === 0) rest(started);
    });
    return started;
  }

  /** Nothing to do: it neither keeps the process alive nor, in the end, its memory. */
  function rest(resting: CountingThread): void {
    resting.worker.unref();
    idle.abort();
    idle = new AbortController();
    const stop = () => {
      if (thread === resting && resting.waiting.size === 0) {
        thread = undefined;
        void resting.worker.terminate();
      }
    };
    sleep(idleMs, idle.signal).then(stop, () => {});
  }

  async function countPieces(pieces: Iterable<string>): Promise<number> {
    const used = running();
    lastId += 1;
    const id = lastId;
    const counted = new Promise<number>((resolve, reject) => used.waiting.set(id, { resolve, reject }));
    // It may fail while pieces are still on their way.
    counted.catch(() => {});
    const post = (piece: TextPiece) => {
      if (used.ended !== undefined) throw used.ended;
      used.worker.postMessage(piece);
    };
    try {
      for (const text of pieces) {
        post({ id, text, isLast: false });
        await nextTurn();
      }
    } finally {
      // Also after a failure: the thread shall not keep the pieces.
      post({ id, text: '', isLast: true });
    }
    return counted;
  }

  return {
    async count(body, model) {
      let fixedTokens = 0;
      let isEstimate = !hasCountedVocabulary(model);
      const texts = function* (parts: Iterable<PromptPart>) {
        for (const part of parts) {
          if (typeof part === 'string') yield part;
          else {
            fixedTokens += part.tokens;
            isEstimate ||= part.isGuess;
          }
        }
      };
      const counted = await countPieces(inPieces(texts(promptParts(body, model))));
      const uncorrected = counted + fixedTokens;
      return { tokens: Math.round(uncorrected * ratios.ratio(model)), uncorrected, isEstimate };
    },
    countText: (text) => countPieces(inPieces([text])),
    learn: ratios.learn,
    async dispose() {
      isDisposed = true;
      idle.abort();
      await thread?.worker.terminate();
    },
  };
}

function startThread({ worker, vocabulary }: TokenizerFiles): Worker {
  return new Worker(worker, {
    workerData: vocabulary,
    name: 'qwen-proxy-tokenizer',
    // An inspector's port, for one, is not meant for this thread.
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
}

/** Small texts joined and long ones cut, so that each piece takes about the same time to send. */
function* inPieces(texts: Iterable<string>): Generator<string> {
  let gathered: string[] = [];
  let length = 0;
  for (const text of texts) {
    for (let from = 0; from < text.length; ) {
      const part = text.slice(from, from + pieceLength - length);
      gathered.push(part);
      length += part.length;
      from += part.length;
      if (length === pieceLength) {
        yield gathered.join('');
        gathered = [];
        length = 0;
      }
    }
  }
  if (length > 0) yield gathered.join('');
}
