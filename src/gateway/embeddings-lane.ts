import { GatewayError } from '../core/errors.ts';
import { decodeInputs } from '../dialects/openai-embeddings/request.ts';
import { readBody, readTextOf } from '../upstream/body-reads.ts';
import { type EmbeddingVector, encodeVector } from '../upstream/embedding-vectors.ts';
import { type EmbeddedBatch, editEmbeddingsRequest, maximumBatch, readEmbeddings } from '../upstream/embeddings.ts';
import { httpError } from '../upstream/failed-answer.ts';
import type { Attempt, OpenedAnswer } from './attempt.ts';
import type { ChatLaneOptions } from './chat-lane.ts';
import { createPost } from './post.ts';

/** Calls of one request at a time: Qwen's burst guard looks at how many begin together. */
const callsAtOnce = 4;
const answerBytes = 32 * 1024 * 1024;

/**
 * Embeddings: the inputs in calls of as many as Qwen takes, and one answer made of theirs. A call that fails fails the
 * whole attempt, and what the others brought is dropped: half an answer is none.
 */
export function createEmbeddingsLane(options: ChatLaneOptions): (attempt: Attempt) => Promise<OpenedAnswer> {
  const post = createPost(options);
  return async ({ lease, request, exchange }) => {
    const inputs = decodeInputs(request.body.input);
    const edited = editEmbeddingsRequest(request.body, lease.model);
    const encoding = request.body.encoding_format === 'base64' ? 'base64' : 'float';
    const embed = (batch: readonly string[], signal: AbortSignal): Promise<EmbeddedBatch> => {
      const call = {
        path: '/embeddings',
        body: { ...edited, input: batch },
        accept: 'application/json',
        signal,
      } as const;
      return post({ lease, exchange }, call, async (response) => {
        const reading = { signal, clock: options.clock, idleMs: options.idleMs };
        if (response.status !== 200) throw await httpError(response, reading);
        const { text, failure } = await readTextOf(readBody(response.body, reading), answerBytes);
        if (failure !== undefined) throw failure;
        const { vectors, inputTokens } = readEmbeddings(text, batch.length);
        return { vectors: vectors.map((vector) => encodeVector(vector, encoding)), inputTokens };
      });
    };

    const batches = Array.from({ length: Math.ceil(inputs.length / maximumBatch) }, (_, index) =>
      inputs.slice(index * maximumBatch, (index + 1) * maximumBatch),
    );
    const embedded = await embedAll(batches, embed, exchange.signal).catch((thrown) => {
      throw inWordsOfEmbeddings(thrown);
    });
    const inputTokens = embedded.reduce((sum, batch) => sum + batch.inputTokens, 0);
    const data = embedded
      .flatMap(({ vectors }): readonly EmbeddingVector[] => vectors)
      .map((embedding, index) => ({ object: 'embedding', index, embedding }));
    return {
      lane: 'native',
      async *batches() {},
      end: () => '',
      document: () => ({
        object: 'list',
        data,
        model: request.model ?? lease.model,
        usage: { prompt_tokens: inputTokens, total_tokens: inputTokens },
      }),
      usage: () => ({ inputTokens, outputTokens: 0, cachedTokens: 0, reasoningTokens: 0 }),
    };
  };
}

/** Runs the calls, a few at a time; the first that fails ends the others. Answers in the order of the batches. */
async function embedAll(
  batches: readonly (readonly string[])[],
  embed: (batch: readonly string[], signal: AbortSignal) => Promise<EmbeddedBatch>,
  clientSignal: AbortSignal,
): Promise<readonly EmbeddedBatch[]> {
  const failed = new AbortController();
  const signal = AbortSignal.any([clientSignal, failed.signal]);
  const answers: EmbeddedBatch[] = [];
  const waiting = batches.entries();
  const work = async () => {
    for (const [index, batch] of waiting) {
      signal.throwIfAborted();
      answers[index] = await embed(batch, signal);
    }
  };
  await Promise.all(
    Array.from({ length: Math.min(callsAtOnce, batches.length) }, () =>
      work().catch((error) => {
        if (!failed.signal.aborted) failed.abort(error);
      }),
    ),
  );
  signal.throwIfAborted();
  return answers;
}

/** What an upstream refuses is said in the fields of an embeddings request, and of the model alone. */
function inWordsOfEmbeddings(thrown: unknown): unknown {
  if (!(thrown instanceof GatewayError)) return thrown;
  const options = { ...thrown, cause: thrown.cause };
  // The account's chat is served elsewhere on its host, and goes on.
  if (thrown.code === 'wrong_path')
    return new GatewayError('model_not_found', 'The endpoint of the account serves no embeddings.', {
      ...options,
      param: 'model',
      fix: 'Embeddings need a standard Model Studio key (China, International or a workspace).',
    });
  if (thrown.scope !== 'request') return thrown;
  const fix = thrown.code === 'context_too_long' ? 'Split the text into shorter inputs.' : thrown.fix;
  const param = /dimension/i.test(thrown.message) ? 'dimensions' : 'input';
  return new GatewayError(thrown.code, thrown.message, { ...options, param, fix });
}
